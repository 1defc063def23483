"""What the files of /proc say, in proc(5)'s formats. Each function gives the bytes of one file.

What is the machine's is made from the kernel's state. What is the processor's is the host's own, for the guest runs on
it. Counters of things that do not exist here are zero.
"""
from __future__ import annotations

import os
from os import O_CLOEXEC
from time import monotonic_ns

__all__ = ["BY_THREAD", "MACHINE", "MOUNTS", "PROCESS", "ZOMBIE", "cpus_list", "fdinfo", "host", "name_of"]

_TICKS = 100        # USER_HZ
_NS_PER_TICK = 1_000_000_000 // _TICKS


def host(path: str) -> bytes:
    """A file of the host's /proc that says nothing about anybody but the processor; empty where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


# the machine

def _uptime_s(kernel) -> float:
    return (monotonic_ns() - kernel.started_ns) / 1e9


def _meminfo(task) -> bytes:
    kernel = task.kernel
    total = kernel.config.memory or kernel.config.physical()
    store = kernel.store
    shmem = store.used if store is not None else 0
    used = sum(process.mm.charged for process in kernel.processes.values()) + shmem
    free = max(0, total - used)
    rows = (("MemTotal", total), ("MemFree", free), ("MemAvailable", free), ("Buffers", 0), ("Cached", shmem),
            ("SwapCached", 0), ("Active", used - shmem), ("Inactive", 0), ("Active(anon)", used - shmem),
            ("Inactive(anon)", 0), ("Active(file)", 0), ("Inactive(file)", 0), ("Unevictable", 0), ("Mlocked", 0),
            ("SwapTotal", 0), ("SwapFree", 0), ("Dirty", 0), ("Writeback", 0), ("AnonPages", used - shmem),
            ("Mapped", 0), ("Shmem", shmem), ("KReclaimable", 0), ("Slab", 0), ("SReclaimable", 0), ("SUnreclaim", 0),
            ("KernelStack", 0), ("PageTables", 0), ("CommitLimit", total), ("Committed_AS", used),
            ("VmallocTotal", 0), ("VmallocUsed", 0), ("VmallocChunk", 0))
    pages = "".join(f"{name + ':':<16}{0:>8}\n" for name in ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd",
                                                           "HugePages_Surp"))
    return ("".join(f"{name + ':':<16}{size >> 10:>8} kB\n" for name, size in rows)
            + pages + f"{'Hugepagesize:':<16}{2048:>8} kB\n").encode()


def _cpus() -> list:
    return sorted(os.sched_getaffinity(0))


def _stat(task) -> bytes:
    kernel = task.kernel
    ticks = int(_uptime_s(kernel) * _TICKS)
    busy = sum(_cpu_ns(process) for process in kernel.processes.values()) // _NS_PER_TICK
    cpus = range(len(_cpus()))
    idle = max(0, ticks * len(cpus) - busy)
    lines = [f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0"]
    lines += [f"cpu{n} {busy // len(cpus)} 0 0 {idle // len(cpus)} 0 0 0 0 0 0" for n in cpus]
    running = sum(task.call is None for process in kernel.processes.values() for task in process.tasks.values())
    boot_s = task.fs.namespace.made_ns // 1_000_000_000
    lines += ["intr 0", "ctxt 0", f"btime {boot_s}", f"processes {kernel.next_tid - kernel.config.first_pid}",
              f"procs_running {max(1, running)}", "procs_blocked 0", "softirq 0 0 0 0 0 0 0 0 0 0 0"]
    return ("\n".join(lines) + "\n").encode()


def _uptime(task) -> bytes:
    up = _uptime_s(task.kernel)
    return b"%.2f %.2f\n" % (up, up)


def _loadavg(task) -> bytes:
    kernel = task.kernel
    threads = sum(len(process.tasks) for process in kernel.processes.values())
    running = sum(one.call is None for process in kernel.processes.values() for one in process.tasks.values())
    return b"0.00 0.00 0.00 %d/%d %d\n" % (max(1, running), threads, kernel.next_tid - 1)


def _version(task) -> bytes:
    from skete.kernel.uts import RELEASE, VERSION
    return b"Linux version %s (skete@skete) %s\n" % (RELEASE, VERSION)


def _mounts(task) -> bytes:
    """fstab(5)'s fields for every mount; what was mounted from is not named."""
    lines = []
    for path, mount in sorted(task.fs.namespace.table.items()):
        lines.append(b"%s %s %s %s 0 0\n" % (_kind(mount), b"/" + b"/".join(map(_escaped, path)), _kind(mount),
                                            b"ro,nodev" if mount.readonly else b"rw,nodev"))
    return b"".join(lines)


def _escaped(name: bytes) -> bytes:
    for char in b"\\ \t\n":
        name = name.replace(b"%c" % char, b"\\%03o" % char)
    return name


def _kind(mount) -> bytes:
    path = mount.path
    if path == (b"proc",):
        return b"proc"
    return b"ext4" if mount.host else b"tmpfs"


def _mountinfo(task) -> bytes:
    lines = []
    for n, (path, mount) in enumerate(sorted(task.fs.namespace.table.items()), 20):
        mode = b"ro" if mount.readonly else b"rw"
        lines.append(b"%d 1 0:%d / %s %s,nodev - %s %s %s\n" % (
            n, n, b"/" + b"/".join(map(_escaped, path)), mode, _kind(mount), _kind(mount), mode))
    return b"".join(lines)


# a process

def _cpu_ns(process) -> int:
    total = process.cpu_ns
    for task in process.tasks.values():
        measure = getattr(task.vcpu, "cpu_ns", None)
        total += measure() if measure is not None else 0
    return total


#: how a process is, as /proc/PID/status says it
_STATES = {"R": "R (running)", "S": "S (sleeping)", "T": "T (stopped)", "Z": "Z (zombie)"}


def _state(process, task) -> str:
    if task is None or process.status is not None:
        return "Z"
    if process.signals.stopped:
        return "T"
    return "S" if task.call is not None else "R"


def name_of(process) -> bytes:
    """What a process is called."""
    leader = process.leader
    return leader.name if leader is not None else process.name


def _memory(mm) -> list:
    """The rows of /proc/PID/status about memory. What can be written counts as there."""
    from skete.kernel.memory import sizes
    size, data, locked, stack = (n(mm) >> 10 for n in (sizes.total, sizes.data, sizes.locked, sizes.stack))
    text = sum(v.end - v.start for v in mm.vmas if v.prot & 4) >> 10
    there = data + stack
    amounts = (("VmPeak", size), ("VmSize", size), ("VmLck", locked), ("VmPin", 0), ("VmHWM", there), ("VmRSS", there),
               ("RssAnon", there), ("RssFile", 0), ("RssShmem", 0), ("VmData", data), ("VmStk", stack), ("VmExe", text),
               ("VmLib", 0), ("VmPTE", 0), ("VmSwap", 0), ("HugetlbPages", 0))
    return [(name, f"{amount:8} kB") for name, amount in amounts] + [("CoreDumping", 0), ("THP_enabled", 0)]


def _signals(process, signals) -> list:
    """The rows about signals. signals: the thread's, None of one that has ended"""
    from skete.abi.resource import RLIMIT_SIGPENDING
    from skete.kernel.process.rlimits import limits, queued
    ignored = caught = 0
    for signo, action in process.signals.actions.items():
        if action.handler == 1:
            ignored |= 1 << signo - 1
        elif action.handler:
            caught |= 1 << signo - 1
    sets = (("SigPnd", signals.pending.bits if signals else 0), ("ShdPnd", process.signals.pending.bits),
            ("SigBlk", signals.mask if signals else 0), ("SigIgn", ignored), ("SigCgt", caught))
    return [("SigQ", f"{queued(process.kernel)}/{limits(process)[RLIMIT_SIGPENDING][0]}")] \
        + [(name, f"{bits:016x}") for name, bits in sets]


def _status(process, task=None) -> bytes:
    leader = task or process.leader
    creds = leader.creds if leader is not None else process.creds
    given_up = leader.seccomp if leader is not None else None
    lives = process.status is None
    ids = ["\t".join(map(str, four)) for four in ((creds.uid, creds.euid, creds.suid, creds.fsuid),
                                                  (creds.gid, creds.egid, creds.sgid, creds.fsgid))]
    tid = leader.tid if leader is not None else process.pid
    name = (leader.name if leader is not None else name_of(process)).decode(errors="replace")
    rows = [("Name", name)] + ([("Umask", f"{process.fs.umask:04o}")] if lives else []) \
        + [("State", _STATES[_state(process, leader)]), ("Tgid", process.pid), ("Ngid", 0), ("Pid", tid),
           ("PPid", process.ppid), ("TracerPid", 0), ("Uid", ids[0]), ("Gid", ids[1]),
           ("FDSize", max(64, len(process.files.slots)) if lives else 0), ("Groups", " ".join(map(str, creds.groups)) + " "),
           ("NStgid", process.pid), ("NSpid", tid), ("NSpgid", process.pgid), ("NSsid", process.sid)] \
        + (_memory(process.mm) if lives else []) \
        + [("Threads", len(process.tasks) or 1)] + _signals(process, leader.signals if leader is not None else None) \
        + [("CapInh", f"{creds.inheritable:016x}"), ("CapPrm", f"{creds.permitted:016x}"),
           ("CapEff", f"{creds.effective:016x}"), ("CapBnd", f"{creds.bounding:016x}"),
           ("CapAmb", f"{creds.ambient:016x}"), ("NoNewPrivs", process.prctl.get("no_new_privs", 0)),
           ("Seccomp", given_up.mode if given_up is not None else 0),
           ("Seccomp_filters", given_up.depth if given_up is not None else 0),
           ("Cpus_allowed", f"{sum(1 << n for n in range(len(_cpus()))):x}"),
           ("Cpus_allowed_list", _span(len(_cpus()))), ("Mems_allowed", "1"), ("Mems_allowed_list", "0"),
           ("voluntary_ctxt_switches", 0), ("nonvoluntary_ctxt_switches", 0)]
    return "".join(f"{name}:\t{value}\n" for name, value in rows).encode()


def _process_stat(process, task=None) -> bytes:
    """52 fields, by their numbers in proc(5)."""
    from skete.abi.resource import RLIMIT_RSS
    from skete.kernel.memory import sizes
    from skete.kernel.process.rlimits import limits
    leader = task or process.leader
    mm, kernel = process.mm, process.kernel
    fields = [0] * 52
    fields[3:8] = process.ppid, process.pgid, process.sid, 0, -1
    fields[13] = _cpu_ns(process) // _NS_PER_TICK
    nice = leader.nice if leader is not None else 0
    fields[17:20] = 20 + nice, nice, len(process.tasks) or 1
    fields[21] = max(0, process.started_ns - kernel.started_ns) // _NS_PER_TICK
    fields[24] = limits(process)[RLIMIT_RSS][0]
    if process.status is None:
        fields[22:24] = sizes.total(mm), sizes.data(mm) + sizes.stack(mm) >> 12
        code = [v for v in mm.vmas if v.prot & 4]
        if code:
            fields[25:27] = code[0].start, code[0].end
        fields[46] = mm.brk_start
    else:
        how, number = process.status
        fields[51] = number << 8 if how == "exited" else number
    fields[37] = 17
    name = (task.name if task is not None else name_of(process)).decode(errors="replace")
    fields[0] = leader.tid if task is not None else process.pid
    return (f"{fields[0]} ({name}) {_state(process, leader)} " + " ".join(map(str, fields[3:])) + "\n").encode()


def _statm(process) -> bytes:
    from skete.kernel.memory import sizes
    mm = process.mm
    text = sum(v.end - v.start for v in mm.vmas if v.prot & 4)
    shared = sum(v.end - v.start for v in mm.vmas if v.shared)
    data, stack = sizes.data(mm), sizes.stack(mm)
    return b"%d %d %d %d 0 %d 0\n" % tuple(n >> 12 for n in (sizes.total(mm), data + stack + shared, shared, text,
                                                            data + stack))


_LIMITS = ("cpu time/seconds", "file size/bytes", "data size/bytes", "stack size/bytes", "core file size/bytes",
           "resident set/bytes", "processes/processes", "open files/files", "locked memory/bytes",
           "address space/bytes", "file locks/locks", "pending signals/signals", "msgqueue size/bytes",
           "nice priority/", "realtime priority/", "realtime timeout/us")


def _limits(process) -> bytes:
    from skete.abi.resource import RLIM_INFINITY
    from skete.kernel.process.rlimits import limits
    lines = [f"{'Limit':<26}{'Soft Limit':<21}{'Hard Limit':<21}{'Units':<10}\n"]
    for words, pair in zip(_LIMITS, limits(process)):
        name, unit = words.split("/")
        soft, hard = ("unlimited" if n == RLIM_INFINITY else str(n) for n in pair)
        lines.append(f"{'Max ' + name:<26}{soft:<21}{hard:<21}{unit:<10}\n")
    return "".join(lines).encode()


def _io(process) -> bytes:
    names = "rchar wchar syscr syscw read_bytes write_bytes cancelled_write_bytes"
    return "".join(f"{name}: 0\n" for name in names.split()).encode()


def fdinfo(description, cloexec: bool = False) -> bytes:
    """proc(5), /proc/PID/fdinfo/N. cloexec: that descriptor's"""
    try:
        at = description.seek(0, 1)
    except OSError:
        at = 0
    flags = description.flags | (O_CLOEXEC if cloexec else 0)
    return b"pos:\t%d\nflags:\t0%o\nmnt_id:\t20\nino:\t%d\n" % (at, flags, description.stat().st_ino) \
        + description.details().encode()


def _schedstat(process) -> bytes:
    return b"%d 0 0\n" % _cpu_ns(process)


def _score(process) -> bytes:
    return b"%d\n" % max(0, 666 + process.prctl.get("oom_score_adj", 0) * 2 // 3)


def _maps(name: str):
    def show(process) -> bytes:
        from skete.kernel.files import procmaps
        return getattr(procmaps, name)(process)
    return show


_ALL_IDS = b"         0          0 4294967295\n"
#: /proc/PID/NAME: (function of the process, mode); with a second argument, the thread, for /proc/PID/task/TID/NAME
PROCESS = {
    b"status": (_status, 0o444), b"stat": (_process_stat, 0o444), b"statm": (_statm, 0o444),
    b"limits": (_limits, 0o444), b"io": (_io, 0o400), b"schedstat": (_schedstat, 0o444),
    b"maps": (_maps("maps"), 0o444), b"smaps": (_maps("smaps"), 0o444), b"smaps_rollup": (_maps("rollup"), 0o444),
    b"oom_score": (_score, 0o444),
    b"cgroup": (lambda process: b"0::/\n", 0o444), b"cpuset": (lambda process: b"/\n", 0o444),
    b"loginuid": (lambda process: b"4294967295", 0o644), b"sessionid": (lambda process: b"4294967295", 0o444),
    b"uid_map": (lambda process: _ALL_IDS, 0o444), b"gid_map": (lambda process: _ALL_IDS, 0o444),
    b"setgroups": (lambda process: b"allow\n", 0o444),
    b"wchan": (lambda process: b"0", 0o444), b"personality": (lambda process: b"%08x\n" % process.persona, 0o400),
}
#: what of these there is of a process that has ended and nobody has waited for
ZOMBIE = frozenset((b"status", b"stat", b"cgroup", b"oom_score", b"limits", b"wchan"))
BY_THREAD = {b"status": _status, b"stat": _process_stat}


def _span(count: int) -> str:
    return f"0-{count - 1}" if count > 1 else "0"


#: /proc/NAME: function of the task
MACHINE = {
    b"cpuinfo": lambda task: host("/proc/cpuinfo"),
    b"meminfo": _meminfo, b"stat": _stat, b"uptime": _uptime, b"loadavg": _loadavg, b"version": _version,
    b"filesystems": lambda task: b"nodev\tproc\nnodev\ttmpfs\nnodev\tsysfs\n\text4\n",
    b"cmdline": lambda task: b"skete\n",
    b"devices": lambda task: b"Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n\nBlock devices:\n",
    b"swaps": lambda task: b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
    b"vmstat": lambda task: b"nr_free_pages 0\npgfault 0\npgmajfault 0\n",
    b"cgroups": lambda task: b"#subsys_name\thierarchy\tnum_cgroups\tenabled\n",
    b"diskstats": lambda task: b"", b"partitions": lambda task: b"major minor  #blocks  name\n\n",
}
#: /proc/PID/NAME that says the same of every process
MOUNTS = {b"mounts": _mounts, b"mountinfo": _mountinfo}


def cpus_list(task) -> bytes:
    """/sys/devices/system/cpu/online and its kin."""
    return _span(len(_cpus())).encode() + b"\n"

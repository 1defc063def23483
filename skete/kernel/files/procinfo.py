"""What the files of /proc say, in proc(5)'s formats. Each function gives the bytes of one file.

What is the machine's is made from the kernel's state. What is the processor's is the host's own, for the guest runs on
it. Counters of things that do not exist here are zero.
"""
from __future__ import annotations

import os
from time import monotonic_ns

__all__ = ["MACHINE", "PROCESS", "SYS", "maps"]

_TICKS = 100        # USER_HZ
_NS_PER_TICK = 1_000_000_000 // _TICKS


def _host(path: str) -> bytes:
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


def _state(task) -> str:
    return "S" if task is not None and task.call is not None else "R"


def _name(process) -> bytes:
    leader = process.leader
    return leader.name if leader is not None else process.exe.rpartition(b"/")[2][:15]


def _status(process, task=None) -> bytes:
    from skete.abi.resource import RLIMIT_SIGPENDING
    from skete.kernel import sizes
    from skete.kernel.rlimits import limits, queued
    leader = task or process.leader
    creds = leader.creds if leader is not None else process.creds
    pending = leader.signals if leader is not None else None
    given_up = leader.seccomp if leader is not None else None
    mm = process.mm
    size, data, locked, stack = (n(mm) >> 10 for n in (sizes.total, sizes.data, sizes.locked, sizes.stack))
    ids = ["\t".join(map(str, four)) for four in ((creds.uid, creds.euid, creds.suid, creds.fsuid),
                                                  (creds.gid, creds.egid, creds.sgid, creds.fsgid))]
    text = sum(v.end - v.start for v in process.mm.vmas if v.prot & 4) >> 10
    rows = [("Name", _name(process).decode(errors="replace")), ("Umask", f"{process.fs.umask:04o}"),
            ("State", {"S": "S (sleeping)", "R": "R (running)"}[_state(leader)]), ("Tgid", process.pid), ("Ngid", 0),
            ("Pid", leader.tid if leader is not None else process.pid), ("PPid", process.ppid), ("TracerPid", 0),
            ("Uid", ids[0]), ("Gid", ids[1]),
            ("FDSize", max(64, len(process.files.slots))), ("Groups", " ".join(map(str, creds.groups)) + " "),
            ("VmPeak", f"{size:8} kB"), ("VmSize", f"{size:8} kB"), ("VmLck", f"{locked:8} kB"), ("VmPin", f"{0:8} kB"),
            ("VmHWM", f"{data + stack:8} kB"), ("VmRSS", f"{data + stack:8} kB"), ("RssAnon", f"{data + stack:8} kB"),
            ("RssFile", f"{0:8} kB"), ("RssShmem", f"{0:8} kB"), ("VmData", f"{data:8} kB"), ("VmStk", f"{stack:8} kB"),
            ("VmExe", f"{text:8} kB"), ("VmLib", f"{0:8} kB"), ("VmPTE", f"{0:8} kB"), ("VmSwap", f"{0:8} kB"),
            ("Threads", len(process.tasks)), ("SigQ", f"{queued(process.kernel)}/{limits(process)[RLIMIT_SIGPENDING][0]}"),
            ("SigPnd", f"{getattr(getattr(pending, 'pending', None), 'bits', 0):016x}"),
            ("ShdPnd", f"{process.signals.pending.bits:016x}"), ("SigBlk", f"{pending.mask if pending else 0:016x}"),
            ("CapInh", f"{creds.inheritable:016x}"), ("CapPrm", f"{creds.permitted:016x}"),
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
    from skete.kernel import sizes
    from skete.kernel.rlimits import limits
    leader = task or process.leader
    mm, kernel = process.mm, process.kernel
    fields = [0] * 52
    fields[3:8] = process.ppid, process.pgid, process.sid, 0, -1
    fields[13] = _cpu_ns(process) // _NS_PER_TICK
    nice = leader.nice if leader is not None else 0
    fields[17:20] = 20 + nice, nice, len(process.tasks)
    fields[21] = max(0, process.started_ns - kernel.started_ns) // _NS_PER_TICK
    fields[22:25] = sizes.total(mm), sizes.data(mm) >> 12, limits(process)[RLIMIT_RSS][0]
    code = [v for v in mm.vmas if v.prot & 4]
    if code:
        fields[25:27] = code[0].start, code[0].end
    fields[46] = mm.brk_start
    fields[37] = 17
    name = (task.name if task is not None else _name(process)).decode(errors="replace")
    fields[0] = leader.tid if task is not None else process.pid
    return (f"{fields[0]} ({name}) {_state(leader)} " + " ".join(map(str, fields[3:])) + "\n").encode()


def _statm(process) -> bytes:
    from skete.kernel import sizes
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
    from skete.kernel.rlimits import limits
    lines = [f"{'Limit':<26}{'Soft Limit':<21}{'Hard Limit':<21}{'Units':<10}\n"]
    for words, pair in zip(_LIMITS, limits(process)):
        name, unit = words.split("/")
        soft, hard = ("unlimited" if n == RLIM_INFINITY else str(n) for n in pair)
        lines.append(f"{'Max ' + name:<26}{soft:<21}{hard:<21}{unit:<10}\n")
    return "".join(lines).encode()


def _mappings(vmas):
    """(vma, end) of what programs see as one mapping, which may stand in several places of our memory."""
    first = last = None
    for vma in vmas:
        if last is not None and last.end == vma.start and last.alike(vma) \
                and (vma.backing is None or _offset(vma) == _offset(last) + last.end - last.start):
            last = vma
            continue
        if first is not None:
            yield first, last.end
        first = last = vma
    if first is not None:
        yield first, last.end


def _offset(vma) -> int:
    """Offset in its file."""
    if vma.backing is not None:
        return vma.backing.offset_of(vma.start + vma.delta)
    return vma.start + vma.shift if vma.source is not None else 0


def maps(process) -> bytes:
    """proc(5), /proc/PID/maps: the inode is 0 for what is private memory here."""
    lines = []
    for vma, end in _mappings(process.mm.vmas):
        prot = vma.prot
        flags = ("r" if prot & 1 else "-") + ("w" if prot & 2 else "-") + ("x" if prot & 4 else "-") \
            + ("s" if vma.shared else "p")
        line = f"{vma.start:08x}-{end:08x} {flags} {_offset(vma):08x} 00:00 0 "
        name = vma.name.replace("\n", "\\012")
        lines.append(f"{line:<73}{name}".rstrip() + "\n" if name else line + "\n")
    return "".join(lines).encode("utf-8", "surrogateescape")        # a file's name is any bytes


def _io(process) -> bytes:
    names = "rchar wchar syscr syscw read_bytes write_bytes cancelled_write_bytes"
    return "".join(f"{name}: 0\n" for name in names.split()).encode()


def fdinfo(description) -> bytes:
    """proc(5), /proc/PID/fdinfo/N."""
    try:
        at = description.seek(0, 1)
    except OSError:
        at = 0
    return b"pos:\t%d\nflags:\t0%o\nmnt_id:\t20\nino:\t%d\n" % (at, description.flags, description.stat().st_ino)


#: /proc/PID/NAME: (function of the process, mode); with a second argument, the thread, for /proc/PID/task/TID/NAME
PROCESS = {
    b"status": (_status, 0o444), b"stat": (_process_stat, 0o444), b"statm": (_statm, 0o444),
    b"limits": (_limits, 0o444), b"maps": (maps, 0o444), b"io": (_io, 0o400),
    b"oom_score": (lambda process: b"0\n", 0o444), b"oom_score_adj": (lambda process: b"0\n", 0o644),
    b"cgroup": (lambda process: b"0::/\n", 0o444), b"loginuid": (lambda process: b"4294967295", 0o644),
    b"wchan": (lambda process: b"0", 0o444), b"personality": (lambda process: b"%08x\n" % process.persona, 0o400),
}
BY_THREAD = {b"status": _status, b"stat": _process_stat}


def _span(count: int) -> str:
    return f"0-{count - 1}" if count > 1 else "0"


def _uuid(task) -> bytes:
    data = bytearray(os.urandom(16))
    data[6], data[8] = data[6] & 0x0f | 0x40, data[8] & 0x3f | 0x80
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])).encode() + b"\n"


#: /proc/NAME: function of the task
MACHINE = {
    b"cpuinfo": lambda task: _host("/proc/cpuinfo"),
    b"meminfo": _meminfo, b"stat": _stat, b"uptime": _uptime, b"loadavg": _loadavg, b"version": _version,
    b"filesystems": lambda task: b"nodev\tproc\nnodev\ttmpfs\nnodev\tsysfs\n\text4\n",
    b"cmdline": lambda task: b"skete\n",
    b"devices": lambda task: b"Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n\nBlock devices:\n",
    b"swaps": lambda task: b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
    b"vmstat": lambda task: b"nr_free_pages 0\npgfault 0\npgmajfault 0\n",
    b"diskstats": lambda task: b"", b"partitions": lambda task: b"major minor  #blocks  name\n\n",
}
#: /proc/PID/NAME that says the same of every process
MOUNTS = {b"mounts": _mounts, b"mountinfo": _mountinfo}


def _release(task) -> bytes:
    from skete.kernel.uts import RELEASE
    return RELEASE + b"\n"


def _build(task) -> bytes:
    from skete.kernel.uts import VERSION
    return VERSION + b"\n"


def _aio(task) -> bytes:
    from skete.kernel.aio import count
    return b"%d\n" % count(task.kernel)


#: /proc/sys/...: the same
SYS = {
    b"kernel/hostname": lambda task: task.kernel.config.hostname + b"\n",
    b"kernel/domainname": lambda task: task.kernel.config.domainname + b"\n",
    b"kernel/ostype": lambda task: b"Linux\n", b"kernel/osrelease": _release, b"kernel/version": _build,
    b"kernel/pid_max": lambda task: b"4194304\n", b"kernel/threads-max": lambda task: b"4096\n",
    b"kernel/cap_last_cap": lambda task: b"40\n", b"kernel/ngroups_max": lambda task: b"65536\n",
    b"kernel/randomize_va_space": lambda task: b"0\n", b"kernel/overflowuid": lambda task: b"65534\n",
    b"kernel/overflowgid": lambda task: b"65534\n", b"kernel/core_pattern": lambda task: b"core\n",
    b"kernel/seccomp/actions_avail": lambda task: b"kill_process kill_thread trap errno trace log allow\n",
    b"kernel/seccomp/actions_logged": lambda task: b"\n",
    b"kernel/shmmax": lambda task: b"18446744073692774399\n", b"kernel/shmmni": lambda task: b"4096\n",
    b"kernel/shmall": lambda task: b"18446744073692774399\n",
    b"kernel/sem": lambda task: b"32000\t256000\t500\t1024\n",
    b"kernel/msgmax": lambda task: b"8192\n", b"kernel/msgmnb": lambda task: b"16384\n",
    b"kernel/msgmni": lambda task: b"256\n", b"kernel/yama/ptrace_scope": lambda task: b"1\n",
    b"kernel/random/uuid": _uuid, b"kernel/random/boot_id": _uuid,
    b"kernel/random/entropy_avail": lambda task: b"256\n",
    b"kernel/random/poolsize": lambda task: b"256\n",
    b"vm/overcommit_memory": lambda task: b"0\n", b"vm/max_map_count": lambda task: b"65530\n",
    b"vm/mmap_min_addr": lambda task: b"65536\n", b"vm/swappiness": lambda task: b"60\n",
    b"vm/overcommit_ratio": lambda task: b"50\n", b"vm/nr_hugepages": lambda task: b"0\n",
    b"fs/file-max": lambda task: b"9223372036854775807\n", b"fs/nr_open": lambda task: b"1048576\n",
    b"fs/pipe-max-size": lambda task: _host("/proc/sys/fs/pipe-max-size") or b"1048576\n",
    b"fs/aio-max-nr": lambda task: b"65536\n", b"fs/aio-nr": _aio,
    b"fs/mqueue/queues_max": lambda task: b"256\n",
    b"fs/mqueue/msg_max": lambda task: b"10\n", b"fs/mqueue/msg_default": lambda task: b"10\n",
    b"fs/mqueue/msgsize_max": lambda task: b"8192\n", b"fs/mqueue/msgsize_default": lambda task: b"8192\n",
    b"fs/inotify/max_user_watches": lambda task: b"8192\n", b"fs/inotify/max_user_instances": lambda task: b"128\n",
    b"fs/inotify/max_queued_events": lambda task: b"16384\n",
    b"net/core/somaxconn": lambda task: b"4096\n",
    b"net/ipv4/ip_local_port_range": lambda task: b"32768\t60999\n",
    b"net/ipv4/tcp_max_syn_backlog": lambda task: b"512\n",
}


def cpus_list(task) -> bytes:
    """/sys/devices/system/cpu/online and its kin."""
    return _span(len(_cpus())).encode() + b"\n"

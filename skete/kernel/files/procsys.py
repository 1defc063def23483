"""/proc/sys: the settings of the machine, as far as they mean something here. None of them can be changed."""
from __future__ import annotations

import os

from skete.kernel.files.procinfo import host

__all__ = ["SYS"]


def _uuid(task) -> bytes:
    data = bytearray(os.urandom(16))
    data[6], data[8] = data[6] & 0x0f | 0x40, data[8] & 0x3f | 0x80
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])).encode() + b"\n"


def _release(task) -> bytes:
    from skete.kernel.uts import RELEASE
    return RELEASE + b"\n"


def _build(task) -> bytes:
    from skete.kernel.uts import VERSION
    return VERSION + b"\n"


def _aio(task) -> bytes:
    from skete.kernel.files.aio import count
    return b"%d\n" % count(task.kernel)


def _last_pid(task) -> bytes:
    return b"%d\n" % (task.kernel.next_tid - 1)


def _files(task) -> bytes:
    files = {file for process in task.kernel.processes.values() if process.files is not None
             for file in process.files.slots if file is not None}
    return b"%d\t0\t9223372036854775807\n" % len(files)


#: what the host's own say: pipes and sockets are its
_HOSTS = ("fs/pipe-user-pages-soft fs/pipe-user-pages-hard net/core/rmem_default net/core/rmem_max net/core/wmem_default "
          "net/core/wmem_max net/core/optmem_max net/ipv4/tcp_rmem net/ipv4/tcp_wmem net/ipv4/tcp_fin_timeout "
          "net/ipv4/tcp_keepalive_time net/ipv4/tcp_keepalive_intvl net/ipv4/tcp_keepalive_probes "
          "net/unix/max_dgram_qlen").split()
_ZERO = ("fs/dir-notify-enable fs/leases-enable fs/suid_dumpable kernel/auto_msgmni kernel/core_uses_pid kernel/panic "
         "kernel/panic_on_oops kernel/shm_rmid_forced kernel/sysrq kernel/tainted net/ipv4/ip_forward "
         "net/ipv6/conf/all/disable_ipv6 net/ipv6/conf/default/disable_ipv6 net/ipv6/conf/lo/disable_ipv6 "
         "vm/legacy_va_layout vm/nr_overcommit_hugepages vm/oom_kill_allocating_task vm/overcommit_kbytes "
         "vm/panic_on_oom").split()

#: /proc/sys/NAME: function of the task
SYS = {
    **{name.encode(): lambda task, name=name: host("/proc/sys/" + name) for name in _HOSTS},
    **{name.encode(): lambda task: b"0\n" for name in _ZERO},
    b"kernel/ns_last_pid": _last_pid, b"kernel/arch": lambda task: b"x86_64\n",
    b"kernel/sched_rr_timeslice_ms": lambda task: b"100\n",
    b"fs/file-nr": _files, b"fs/overflowuid": lambda task: b"65534\n", b"fs/overflowgid": lambda task: b"65534\n",
    b"net/ipv4/ip_unprivileged_port_start": lambda task: b"1024\n",
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
    b"fs/pipe-max-size": lambda task: host("/proc/sys/fs/pipe-max-size") or b"1048576\n",
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

"""Which calls a trace shows: what strace's ``-e trace=`` takes.

``read,write``, classes with or without ``%`` (``%file``, ``%desc``, ``%memory``,
``%network``, ``%process``, ``%signal``, ``all``, ``none``), ``!`` in front for all others.
"""
from __future__ import annotations

from skete.abi.syscalls import NAMES, NUMBERS
from skete.observe.specs import LINES

__all__ = ["CLASSES", "calls"]


def _taking(*kinds: str) -> frozenset:
    """The calls whose line has an argument of one of these kinds."""
    return frozenset([name for name, line in LINES.items() if set(line.split()).intersection(kinds)])


#: class -> names. %file and %desc follow from the arguments, so a new line in the specs joins them by itself.
CLASSES = {
    "file": lambda: _taking("path") | {"getcwd"},
    "desc": lambda: _taking("fd", "dirfd") | frozenset("""mmap poll select pselect6 ppoll pipe pipe2 epoll_create
        epoll_create1 eventfd eventfd2 memfd_create timerfd_create inotify_init inotify_init1 socket socketpair
        perf_event_open pidfd_open close_range""".split()) - {"prlimit64"},
    "memory": lambda: frozenset("""brk mmap munmap mprotect mremap madvise mincore msync mlock mlock2 munlock mlockall
        munlockall pkey_mprotect mbind migrate_pages move_pages get_mempolicy set_mempolicy set_mempolicy_home_node
        remap_file_pages shmat shmdt process_madvise""".split()),
    "network": lambda: frozenset("""socket connect accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg
        shutdown bind listen getsockname getpeername socketpair setsockopt getsockopt sendfile getpmsg
        putpmsg""".split()),
    "process": lambda: frozenset("""clone clone3 fork vfork execve execveat exit exit_group wait4 waitid kill tkill
        tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal unshare""".split()),
    "signal": lambda: frozenset("""rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait
        rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend sigaltstack kill tkill tgkill pause signalfd signalfd4
        pidfd_send_signal""".split()),
    "all": lambda: frozenset(NUMBERS),
    "none": lambda: frozenset(),
}


def calls(expression: str) -> frozenset:
    """The numbers that an expression names. ValueError, with words for the user, for a name that is none."""
    inverted = expression.startswith("!")
    chosen = set()
    for item in expression.lstrip("!").split(","):
        name = item.strip()
        if name in NUMBERS:
            chosen.add(NUMBERS[name])
        elif name.lstrip("%") in CLASSES:
            chosen.update([NUMBERS[each] for each in CLASSES[name.lstrip("%")]()])
        else:
            raise ValueError(f"{name!r} is neither a system call nor a class of them ("
                             + ", ".join(["%" + known for known in CLASSES]) + ")")
    return frozenset(NAMES) - chosen if inverted else frozenset(chosen)

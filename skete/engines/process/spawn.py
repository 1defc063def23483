"""Start a stub process and receive the listener of its seccomp filter."""
from __future__ import annotations

import os

from skete.engine import EngineError
from skete.engines.process.layout import FD_CHANNEL, FD_RAM

__all__ = ["listener", "spawn"]

#: exit statuses of stub.c's start-up, before its filter is in force
_STEPS = {1: "the monitor ended", 2: "prctl or setrlimit", 3: "mapping the slots", 4: "emptying the address space",
          5: "signal mask or stack", 6: "sigaction",
          7: "installing the seccomp filter with a listener: the host needs Linux 5.9 or later with "
             "CONFIG_SECCOMP_FILTER, and nothing above skete that forbids seccomp(2)"}


def spawn(stub: str, ram_fd: int, slots: int) -> tuple:
    """``(pid, channel)`` of a new stub, which now starts up beside us; its slots are at offset ``slots`` of the
    memory file. EngineError where it cannot be executed."""
    import _socket              # socket.py itself costs 6 ms to import
    import fcntl
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM, 0)
    # Copies with high numbers: a dup2 to 3 or 4 must not hit the source of the next one.
    sources = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16) for fd in (theirs.fileno(), ram_fd)]
    try:
        pid = os.posix_spawn(
            stub, ["skete-guest", str(os.getpid()), str(slots)], {},
            file_actions=[(os.POSIX_SPAWN_DUP2, source, target)
                          for source, target in zip(sources, (FD_CHANNEL, FD_RAM))],
            setpgroup=0)        # the terminal's signals are for the monitor; and what it forks stays in the group
    except OSError as error:
        raise EngineError(f"cannot start {stub}: {error.strerror}") from None
    finally:
        for fd in sources:
            os.close(fd)
        theirs.close()
    return pid, ours


def listener(pid: int, channel) -> int:
    """The stub's notification descriptor, once it has its filter. EngineError names the step that failed."""
    import _socket
    try:
        channel.settimeout(30)
        _, ancillary, _, _ = channel.recvmsg(1, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC)
        if ancillary:
            return int.from_bytes(ancillary[0][2][:4], "little")
    except OSError:
        os.kill(pid, 9)
    finally:
        channel.close()
    _, status = os.waitpid(pid, 0)
    step = _STEPS.get(os.waitstatus_to_exitcode(status), f"its start-up (wait status {status:#x})")
    raise EngineError(f"the process engine cannot start a guest: {step} failed")

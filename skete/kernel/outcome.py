"""What comes of a system call, when it is not a number at once.

A handler returns an int (rax), raises OSError(errno), or is a generator: it
then yields :class:`Wait` each time it has to wait, gets back why it was woken,
and returns the int at last. A blocking call so reads from top to bottom::

    def nanosleep(task, request, remain):
        deadline_ns = task.clock_ns() + timespec(task, request)
        if (yield Wait(deadline_ns=deadline_ns)) is SIGNAL:
            ... write what remains ...
            raise OSError(EINTR, "")
        return 0
"""

__all__ = ["GONE", "KEEP", "READY", "SIGNAL", "TIMEOUT", "Restart", "Wait"]


class _Name:
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


READY = _Name("READY")          # what was waited for has come: the queue was woken, the descriptor is ready
TIMEOUT = _Name("TIMEOUT")      # the deadline has passed
SIGNAL = _Name("SIGNAL")        # a signal with a handler is pending; nothing else wakes a call early

GONE = _Name("GONE")            # the calling thread does not return: exit, exit_group, a fatal signal
KEEP = _Name("KEEP")            # the handler has set every register itself: rt_sigreturn, execve


class Wait:
    """What a blocked call waits for; whichever comes first.

    Who waits in a queue or for a descriptor may be told READY for nothing, and looks again.

    queue:        a scheduler queue (``skete.kernel.scheduler.Queue``), a tuple of them, or None
    deadline_ns:  CLOCK_MONOTONIC of the host, or None
    host_fd, events: a host descriptor and select.EPOLL* bits, or -1
    interruptible: False only where Linux waits uninterruptibly
    always: the call is made again after any handler, with SA_RESTART or without (Linux's ERESTARTNOINTR)
    """
    always = False
    __slots__ = ("queue", "deadline_ns", "host_fd", "events", "interruptible")

    def __init__(self, queue=None, deadline_ns=None, host_fd=-1, events=0, interruptible=True):
        self.queue, self.deadline_ns = queue, deadline_ns
        self.host_fd, self.events, self.interruptible = host_fd, events, interruptible


class Restart(Exception):
    """A signal interrupted the call and Linux would answer ERESTARTSYS: the call is made again
    when the handler has SA_RESTART (signal(7)), else the guest sees EINTR."""

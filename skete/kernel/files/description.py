"""An open file description: what open(2) makes, dup(2) shares and close(2) drops.

A description never waits. Where Linux would block, its methods raise
OSError(EAGAIN); the calls (``calls_io``) decide by O_NONBLOCK whether the guest
sees that, or the task waits until ``poll_fd`` is ready and tries again. So
guest memory is looked up anew after every wait, and never held across one.

Everything that can make a guest wait has a host descriptor to wait on, in
``poll_fd``: poll, select and epoll become the host's own.
"""
from __future__ import annotations

from errno import EBADF, EFAULT, EINVAL, ENODEV, ENOENT, ENOTDIR, ENOTTY, EOPNOTSUPP, ESPIPE

from skete.abi.fcntl import O_ACCMODE, O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_PATH, O_RDWR, O_TRUNC, O_WRONLY, \
    O_CLOEXEC, SEEK_CUR, SETFL_MASK
from skete.abi.stat import S_IFMT, S_IFREG
from skete.kernel.outcome import Wait

__all__ = ["Description"]

#: What open(2) acts on once; F_GETFL does not show it.
_ONCE = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC


class Description:
    """The base: refuses everything with the errno that Linux gives for a file of a kind that cannot do it.

    flags:    as F_GETFL shows them
    refs:     how many descriptors, and calls in progress, refer to it; the last ``drop`` releases it
    poll_fd:  host descriptor that is readable or writable when this is, or -1: always ready
    readable, writable: by the access mode; both False for O_PATH
    path:     the guest path it was opened by, or what /proc/self/fd shows ("pipe:[7]"), bytes
    host_fd:  the host descriptor that host calls can be made on, or -1
    owner:    whom F_SETOWN names (skete.kernel.files.owner.Owner), or None
    watchers: the epoll instances that watch it (and skete.kernel.files.sigio), a set, or None: they forget it when it is
              released
    """
    __slots__ = ("flags", "refs", "readable", "writable", "poll_fd", "host_fd", "path", "writer", "turn", "watchers",
                 "owner")

    #: its bytes are in our memory, so the host must not move them by itself (splice)
    in_frames = False
    #: where the guest's buffer cannot be accessed, the host is shown such memory, and says what comes of it
    shows_bad = False
    #: it can tell its owner by signals (O_ASYNC), and is a socket
    tells = is_socket = False
    #: bytes that a read has at least, where there is such a thing
    least = 0
    #: ``flush(files)`` is called whenever a descriptor of it is closed in a table, the last one or not
    flushes = False

    def __init__(self, flags: int, path: bytes = b"", host_fd: int = -1, poll_fd: int = -1):
        self.flags, self.path, self.refs = flags & ~_ONCE, path, 0
        self.host_fd, self.poll_fd = host_fd, poll_fd
        mode = flags & O_ACCMODE
        self.readable = mode in (0, O_RDWR) and not flags & O_PATH
        self.writable = mode in (O_WRONLY, O_RDWR) and not flags & O_PATH
        self.writer = self.turn = None      # whose write is half done, and the queue of those after it
        self.watchers = self.owner = None

    def hold(self) -> "Description":
        """One more reference."""
        self.refs += 1
        return self

    def drop(self) -> None:
        """One reference less; the last one releases what is behind."""
        self.refs -= 1
        if self.refs <= 0:
            if self.watchers:
                for one in tuple(self.watchers):
                    one.forget(self)
            self.release()

    def waits(self, events: int) -> Wait:
        """What a call that got EAGAIN waits for: ``events`` are EPOLLIN or EPOLLOUT. With a deadline the call is not
        made again after a handler (signal(7): sockets with a timeout)."""
        return Wait(host_fd=self.poll_fd, events=events)

    def release(self) -> None:
        """Free what this holds on the host."""

    def moved(self) -> None:
        """The host has moved bytes out of this or into it, and none of our methods has (splice)."""

    # data: buffers are lists of memoryviews of guest memory; results are bytes moved

    def read(self, buffers: list) -> int:
        raise OSError(EINVAL, "cannot be read")

    def read_nowhere(self, count: int) -> int:
        """A read into a buffer of so many bytes that cannot be written to: 0 at a file's end, else EFAULT"""
        self.read([])       # what cannot be read at all says so
        st = self.stat()
        if st.st_mode & S_IFMT == S_IFREG and (st.st_size or self.host_fd >= 0) \
                and self.seek(0, SEEK_CUR) >= st.st_size:
            return 0
        raise OSError(EFAULT, "a bad buffer")

    def write(self, buffers: list) -> int:
        raise OSError(EINVAL, "cannot be written")

    def pread(self, buffers: list, offset: int, flags: int = 0) -> int:
        raise OSError(ESPIPE, "has no offset")

    def pwrite(self, buffers: list, offset: int, flags: int = 0) -> int:
        raise OSError(ESPIPE, "has no offset")

    def seek(self, offset: int, whence: int) -> int:
        raise OSError(ESPIPE, "has no offset")

    def truncate(self, length: int) -> None:
        raise OSError(EINVAL, "no regular file")

    def allocate(self, mode: int, offset: int, length: int) -> None:
        raise OSError(ESPIPE if self.poll_fd >= 0 else ENODEV, "no regular file")

    def sync(self, data_only: bool = False) -> None:
        raise OSError(EINVAL, "cannot be synced")

    def getdents(self, room: int) -> bytes:
        raise OSError(ENOTDIR, "no directory")

    # what is known about it

    def details(self) -> str:
        """What /proc/PID/fdinfo/N has of it beyond offset and flags."""
        return ""

    def stat(self):
        """An os.stat_result, or what has its fields."""
        raise NotImplementedError

    def readlink(self) -> bytes:
        """The text of a link that was opened with O_PATH and O_NOFOLLOW. ENOENT for all else"""
        raise OSError(ENOENT, "no symbolic link")

    def statfs(self) -> tuple:
        """The fields of abi.stat.STATFS."""
        raise NotImplementedError

    def ioctl(self, task, request: int, arg: int) -> int:
        raise OSError(ENOTTY, f"ioctl {request:#x}")

    def set_flags(self, flags: int) -> None:
        """F_SETFL: replace the status flags that can be changed."""
        self.flags = self.flags & ~SETFL_MASK | flags & SETFL_MASK

    def fcntl(self, command: int, arg):
        """What only some kinds of file can do: pipe sizes, locks."""
        raise OSError(EBADF, f"fcntl {command}")

    @property
    def node(self):
        """The directory (node.Directory) that this is open on. ENOTDIR"""
        raise OSError(ENOTDIR, "no directory")

    @property
    def readonly(self) -> bool:
        """Whether it is on a read-only mount: what changes the inode is EROFS."""
        return False

    def chmod(self, mode: int) -> None:
        raise OSError(EOPNOTSUPP, "no inode of ours")

    def chown(self, uid: int, gid: int) -> None:
        raise OSError(EOPNOTSUPP, "no inode of ours")

    def utime(self, times: tuple | None) -> None:
        raise OSError(EOPNOTSUPP, "no inode of ours")

    def backing(self, prot: int, shared: bool):
        """What a shared mapping of it stands on (skete.kernel.memory.shared). ENODEV EPERM"""
        raise OSError(ENODEV, "cannot be mapped shared")

    def reopen(self, flags: int) -> "Description":
        """What opening /proc/self/fd/N gives: here the description itself."""
        return self

    @property
    def append(self) -> bool:
        return bool(self.flags & O_APPEND)

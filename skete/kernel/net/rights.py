"""SCM_RIGHTS and SCM_CREDENTIALS: what goes with a message from one guest program to another. unix(7)

The descriptors of a guest are no host descriptors, and its pid is not ours. So what is passed stays here, in a
*parcel*, and the host's message carries the writing end of a pipe as its ticket. Whoever gets the ticket gets the
parcel: the host keeps order, boundaries and MSG_PEEK. When the host drops a message that nobody will read, the pipe
hangs up at our end, and the parcel is let go.
"""
from __future__ import annotations

import os
from errno import ETOOMANYREFS
from select import POLLIN, poll

from skete.kernel.files.fdtable import host_limit

__all__ = ["Parcel", "Transit"]

#: Parcels on their way at once, as a share of the descriptors that a guest may have. Each costs one of the host.
_SHARE = 4


class Parcel:
    """files: descriptions, held;  creds: (pid, uid, gid) of the sender;  reader: our end of the pipe"""
    __slots__ = ("files", "creds", "reader")

    def __init__(self, files: list, creds: tuple, reader: int):
        self.files, self.creds, self.reader = files, creds, reader

    def drop(self) -> None:
        files, self.files = self.files, []
        for file in files:
            file.drop()
        os.close(self.reader)


class Transit:
    """parcels: {inode of the ticket's pipe: Parcel};  most: how many there may be"""

    def __init__(self):
        self.parcels = {}
        self.most = host_limit() // _SHARE

    def post(self, files: list, creds: tuple) -> int:
        """Hold what is sent; the ticket, which the caller closes once the host has it. ETOOMANYREFS"""
        if len(self.parcels) >= self.most // 2:
            self.sweep()
            if len(self.parcels) >= self.most:
                raise OSError(ETOOMANYREFS, f"{self.most} messages with descriptors are unread")
        reader, ticket = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.parcels[os.fstat(ticket).st_ino] = Parcel([file.hold() for file in files], creds, reader)
        return ticket

    def withdraw(self, ticket: int) -> None:
        """It was not sent after all."""
        self.parcels.pop(os.fstat(ticket).st_ino).drop()

    def take(self, ticket: int, peek: bool) -> tuple:
        """([descriptions, each held once for the caller], creds) for a ticket that came, which is closed."""
        ino = os.fstat(ticket).st_ino
        os.close(ticket)
        parcel = self.parcels.get(ino)
        if parcel is None:
            return [], None
        files, creds = [file.hold() for file in parcel.files], parcel.creds
        if not peek:
            del self.parcels[ino]
            parcel.drop()
        return files, creds

    def sweep(self) -> None:
        """Let go of parcels whose message is gone."""
        while self.parcels:
            by_fd = {parcel.reader: ino for ino, parcel in self.parcels.items()}
            look = poll()
            for fd in by_fd:
                look.register(fd, POLLIN)
            gone = look.poll(0)
            for fd, _ in gone:
                parcel = self.parcels.pop(by_fd[fd], None)
                if parcel is not None:
                    parcel.drop()       # which may close sockets that had parcels queued themselves
            if not gone:
                break

    def close(self) -> None:
        """The machine ends."""
        while self.parcels:
            self.parcels.popitem()[1].drop()

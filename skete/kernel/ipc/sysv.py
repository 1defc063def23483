"""What the kinds of SysV IPC have in common (sysvipc(7)): keys, numbers, owners, permissions.

A number is a slot, 15 bits, and above it a sequence that tells one tenant of the slot from the next.
"""
from __future__ import annotations

from errno import EACCES, EEXIST, EINVAL, ENOENT, ENOSPC, EPERM
from struct import Struct
from time import time

__all__ = ["IPC_INFO", "IPC_NOWAIT", "IPC_RMID", "IPC_SET", "IPC_STAT", "PERM", "Object", "Owned", "Registry"]

IPC_PRIVATE, IPC_CREAT, IPC_EXCL, IPC_NOWAIT = 0, 0o1000, 0o2000, 0o4000
IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO = 0, 1, 2, 3
#: struct ipc64_perm: key uid gid cuid cgid mode seq, and two spare
PERM = Struct("<iIIIIIH2x4x16x")
assert PERM.size == 48
_SLOTS = 1 << 15
_NOBODY = 0xffff_ffff


class Owned:
    """Has uid, gid and mode, and creator: (uid, gid) of who made it."""
    __slots__ = ()

    def may(self, creds, wanted: int) -> None:
        """wanted: 4 to read, 2 to alter. EACCES"""
        mode, (uid, gid) = self.mode, self.creator
        if creds.euid in (uid, self.uid):
            mode >>= 6
        elif creds.member(gid) or creds.member(self.gid):
            mode >>= 3
        if wanted & ~mode:
            raise OSError(EACCES, f"mode {self.mode:#o}")

    def own(self, creds) -> None:
        """EPERM where it is another user's"""
        if creds.euid not in (self.uid, self.creator[0]):
            raise OSError(EPERM, f"user {self.uid}'s")


class Object(Owned):
    """A semaphore set or a message queue: number, key, mode, owner; removed: others may still be waiting at it."""
    __slots__ = ("id", "key", "mode", "uid", "gid", "creator", "changed", "removed")

    def __init__(self, key: int, mode: int, creds):
        self.id, self.key, self.mode = -1, key, mode & 0o777
        self.uid, self.gid = self.creator = creds.euid, creds.egid
        self.changed, self.removed = int(time()), False

    def perm(self) -> bytes:
        return PERM.pack(self.key, self.uid, self.gid, *self.creator, self.mode, self.id // _SLOTS)

    def set(self, creds, perm: bytes) -> None:
        """IPC_SET's part of it. EINVAL EPERM"""
        self.own(creds)
        _, uid, gid, _, _, mode, _ = PERM.unpack(perm)
        if _NOBODY in (uid, gid):
            raise OSError(EINVAL, "an owner of -1")
        self.uid, self.gid, self.mode = uid, gid, mode & 0o777
        self.changed = int(time())


class Registry:
    """The objects of one kind, by slot. limit: how many there may be."""

    def __init__(self, limit: int):
        self.limit, self.objects, self._sequence = limit, {}, 0

    def find(self, number: int) -> Object:
        """By number. EINVAL"""
        found = self.objects.get(number % _SLOTS) if number >= 0 else None
        if found is None or found.id != number:
            raise OSError(EINVAL, f"no object {number}")
        return found

    def at(self, slot: int) -> Object:
        """By slot, as SEM_STAT and MSG_STAT have it. EINVAL"""
        found = self.objects.get(slot)
        if found is None:
            raise OSError(EINVAL, f"nothing in slot {slot}")
        return found

    def get(self, creds, key: int, flags: int, make, fits=lambda found: None) -> int:
        """The number of a key's object, made if it is to be. fits(found) raises. EACCES EEXIST ENOENT ENOSPC"""
        if key != IPC_PRIVATE:
            for found in self.objects.values():
                if found.key == key:
                    if flags & IPC_CREAT and flags & IPC_EXCL:
                        raise OSError(EEXIST, f"key {key:#x}")
                    fits(found)
                    found.may(creds, (flags >> 6 | flags >> 3 | flags) & 0o7)
                    return found.id
            if not flags & IPC_CREAT:
                raise OSError(ENOENT, f"no key {key:#x}")
        if len(self.objects) >= self.limit:
            raise OSError(ENOSPC, f"{self.limit} objects")
        made = make()
        slot = next(slot for slot in range(self.limit) if slot not in self.objects)
        made.id = self._sequence * _SLOTS + slot
        self._sequence = (self._sequence + 1) % _SLOTS
        self.objects[slot] = made
        return made.id

    def remove(self, gone: Object) -> None:
        gone.removed = True
        del self.objects[gone.id % _SLOTS]

    def highest(self) -> int:
        """The last slot in use, 0 if none is."""
        return max(self.objects, default=0)

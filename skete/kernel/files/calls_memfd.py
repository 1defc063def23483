"""memfd_create(2): a file in memory without a name."""
from __future__ import annotations

from errno import EINVAL, ENAMETOOLONG, ENOSYS

from skete.abi.fcntl import F_SEAL_SEAL, MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_HUGETLB, O_RDWR
from skete.abi.stat import S_IFREG
from skete.kernel.files.ram import Content, store_of
from skete.kernel.files.ramfile import RamFile, RamInode
from skete.kernel.row import ADDR, U32, Row

__all__ = ["ROWS"]

#: the name's limit: NAME_MAX less the prefix "memfd:"
_NAME_MAX = 249


def memfd_create(task, name_at: int, flags: int) -> int:
    """memfd_create(2): a descriptor. EFAULT EINVAL EMFILE; ENOSYS for huge pages"""
    if flags & MFD_HUGETLB:
        raise OSError(ENOSYS, "built without huge pages")
    if flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING):
        raise OSError(EINVAL, f"flags {flags:#x}")
    try:
        name = task.mm.cstr(name_at, _NAME_MAX + 1)
    except OSError as e:
        raise OSError(EINVAL if e.errno == ENAMETOOLONG else e.errno, "the name") from None
    task.files.room()
    store = store_of(task)
    inode = RamInode(store.number(), S_IFREG | 0o777, (task.creds.fsuid, task.creds.fsgid))
    inode.nlink, inode.content = 0, Content(store)
    inode.seals = 0 if flags & MFD_ALLOW_SEALING else F_SEAL_SEAL
    file = RamFile(inode, O_RDWR, b"/memfd:" + name + b" (deleted)")
    return task.files.install(file, 0, bool(flags & MFD_CLOEXEC))


ROWS = (
    Row(319, memfd_create, (ADDR, U32), "MFD_HUGETLB: ENOSYS"),
)

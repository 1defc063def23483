"""The calls that are refused on purpose, with the errno of a Linux 6.1 that was built without the feature, or of one
where the caller has no privilege. Each with its reason: nothing here is answered by accident.
"""
from __future__ import annotations

from errno import EINVAL, ENOSYS, EOPNOTSUPP, EPERM

from skete.kernel.row import Row

__all__ = ["ROWS"]


def _refusal(errno: int, why: str):
    def refuse(task) -> int:
        raise OSError(errno, why)
    return refuse


#: (errno, its name, why, numbers)
_REFUSED = (
    (ENOSYS, "ENOSYS", "no kernel of this age has it",
     (156, 174, 177, 178, 180, 181, 182, 183, 184, 185, 205, 211, 214, 215, 236)),
    (ENOSYS, "ENOSYS", "built without io_uring", (425, 426, 427)),
    (ENOSYS, "ENOSYS", "built without a key store", (248, 249, 250)),
    (ENOSYS, "ENOSYS", "built without performance events", (298,)),
    (ENOSYS, "ENOSYS", "built without userfaultfd", (323,)),
    (ENOSYS, "ENOSYS", "built without fanotify", (300, 301)),
    (ENOSYS, "ENOSYS", "built without quotas", (179, 443)),
    (ENOSYS, "ENOSYS", "built without Landlock", (444, 445, 446)),
    (ENOSYS, "ENOSYS", "built without secret memory", (447,)),
    (ENOSYS, "ENOSYS", "built without local descriptor tables", (154,)),
    (ENOSYS, "ENOSYS", "built without uselib, sysfs(2)", (134, 139)),
    (ENOSYS, "ENOSYS", "built without process_madvise, process_mrelease", (440, 448)),
    (EOPNOTSUPP, "EOPNOTSUPP", "no file system here has handles", (303,)),
    (EINVAL, "EINVAL", "no mapping is one that could be rearranged", (216,)),
    (EINVAL, "EINVAL", "no device holds a file system", (136,)),
    (EPERM, "EPERM", "mounts are the user's: see --mount", (155, 165, 166, 428, 429, 430, 431, 432, 433, 442)),
    (EPERM, "EPERM", "no process may trace another", (101,)),
    (EPERM, "EPERM", "takes CAP_SYS_ADMIN, CAP_SYS_BOOT or CAP_SYSLOG, which nobody has",
     (103, 153, 167, 168, 169, 170, 171, 212, 246, 320)),
    (EPERM, "EPERM", "takes CAP_SYS_RAWIO, which nobody has", (172, 173)),
    (EPERM, "EPERM", "takes CAP_SYS_MODULE, CAP_SYS_PACCT or CAP_BPF, which nobody has", (163, 175, 176, 313, 321)),
    (EPERM, "EPERM", "takes CAP_DAC_READ_SEARCH, which nobody has", (304,)),
)

ROWS = tuple(Row(nr, _refusal(errno, why), (), f"{name}: {why}", refused=True)
             for errno, name, why, numbers in _REFUSED for nr in numbers)

"""The table of system calls: which area serves which number. What has no row is answered ENOSYS and counted.

A program uses a few dozen calls of hundreds, and start-up counts: an area is imported when one of its calls is made
for the first time. So the numbers stand here once more; a test compares them with the areas' rows.

``SYSCALLS``, {number: Row} of everything, is made when somebody asks for it (``skete syscalls`` does).
"""
from __future__ import annotations

__all__ = ["AREAS", "LOADED", "SYSCALLS", "find"]    # noqa: F822 (SYSCALLS: see __getattr__)

#: module below skete.kernel -> the numbers in its ROWS
AREAS = {
    "events.calls_epoll": (213, 232, 233, 281, 291, 441),
    "events.eventfd": (284, 290),
    "events.posix_timers": (222, 223, 224, 225, 226),
    "events.signalfd": (282, 289),
    "events.timerfd": (283, 286, 287),
    "files.aio": (206, 207, 208, 209, 210, 333),
    "files.calls_attr": (90, 91, 92, 93, 94, 132, 235, 260, 261, 268, 280),
    "files.calls_fd": (3, 16, 32, 33, 72, 73, 78, 217, 292, 436),
    "files.calls_inotify": (253, 254, 255, 294),
    "files.calls_io": (0, 1, 8, 17, 18, 40, 74, 75, 76, 77, 162, 187, 221, 277, 285, 306, 326),
    "files.calls_memfd": (319,),
    "files.calls_open": (2, 22, 85, 257, 293),
    "files.calls_openat2": (437,),
    "files.calls_poll": (7, 23, 270, 271),
    "files.calls_splice": (275, 276, 278),
    "files.calls_stat": (4, 5, 6, 21, 89, 137, 138, 262, 267, 269, 332, 439),
    "files.calls_tree": (79, 80, 81, 82, 83, 84, 86, 87, 88, 95, 133, 161, 258, 259, 263, 264, 265, 266, 316),
    "files.calls_vector": (19, 20, 295, 296, 327, 328),
    "files.calls_xattr": (188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199),
    "futex.futex": (202,),
    "futex.futex_waitv": (449,),
    "identity.identity": (39, 102, 104, 105, 106, 107, 108, 110, 113, 114, 115, 116, 117, 118, 119, 120, 122, 123, 125,
                          126, 186),
    "identity.seccomp": (317,),
    "ipc.calls_mqueue": (240, 241, 242, 243, 244, 245),
    "ipc.sysv_msg": (68, 69, 70, 71),
    "ipc.sysv_sem": (64, 65, 66, 220),
    "ipc.sysv_shm": (29, 30, 31, 67),
    "memory.advice": (26, 27, 28),
    "memory.memory": (9, 10, 11, 12),
    "memory.mempolicy": (237, 238, 239, 256, 279, 450),
    "memory.mlock": (149, 150, 151, 152, 325),
    "memory.mremap": (25,),
    "memory.pkeys": (329, 330, 331),
    "memory.process_vm": (310, 311),
    "net.calls_message": (44, 45, 46, 47, 299, 307),
    "net.calls_option": (54, 55),
    "net.calls_socket": (41, 42, 43, 48, 49, 50, 51, 52, 53, 288),
    "process.clone3": (435,),
    "process.exec": (59, 322),
    "process.fork": (56, 57, 58),
    "process.ioprio": (251, 252),
    "process.kcmp": (312,),
    "process.pidfd": (424, 434, 438),
    "process.prctl": (157,),
    "process.rlimits": (97, 160, 302),
    "process.sched_attr": (314, 315),
    "process.scheduling": (24, 140, 141, 142, 143, 144, 145, 146, 147, 148, 203, 204, 309, 324, 334),
    "process.sessions": (109, 111, 112, 121, 124),
    "process.threads": (60, 158, 218, 231, 273, 274),
    "process.unshare": (272, 308),
    "process.wait": (61, 247),
    "refused": (101, 103, 134, 136, 139, 153, 154, 155, 156, 163, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174,
                175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 205, 211, 212, 214, 215, 216, 236, 246, 248,
                249, 250, 298, 300, 301, 303, 304, 313, 320, 321, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433,
                440, 442, 443, 444, 445, 446, 447, 448),
    "signals.signals": (13, 14, 15, 34, 62, 127, 128, 129, 130, 131, 200, 219, 234, 297),
    "time.adjtime": (159, 305),
    "time.clock": (35, 96, 98, 100, 164, 201, 227, 228, 229, 230),
    "time.timers": (36, 37, 38),
    "uts": (63, 99, 135, 318),
}
_HOMES = {nr: area for area, numbers in AREAS.items() for nr in numbers}
#: {number: Row} of the areas that have been imported
LOADED = {}


def find(nr: int):
    """The Row of a number, its area imported; None where there is none."""
    area = _HOMES.get(nr)
    if area is None:
        return None
    if nr not in LOADED:
        # __import__ and not importlib, which costs more than most areas.
        for row in __import__(f"skete.kernel.{area}", fromlist=("ROWS",)).ROWS:
            LOADED[row.nr] = row
    return LOADED[nr]


def __getattr__(name: str):
    if name == "SYSCALLS":
        for nr in _HOMES:
            find(nr)
        return LOADED
    raise AttributeError(name)

"""/proc/sysvipc: the segments, semaphores and message queues of the machine, in the columns that ipcs(1) reads."""
from __future__ import annotations

__all__ = ["TABLES"]


def _segments(task) -> bytes:
    kernel = task.kernel
    lines = ["       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      "
             "dtime      ctime                   rss                  swap\n"]
    for one in list(kernel.segments.values()):
        one.tidy(kernel)
        if kernel.segments.get(one.id) is not one:
            continue
        mode = one.mode | (0o1000 if one.removed else 0)
        lines.append(f"{one.key:10d} {one.id:10d}  {mode:4o} {one.length:21d} {one.maker:5d} {one.last:5d}  "
                     f"{len(one.mappings(kernel)):5d} {_owners(one)} "
                     + " ".join(f"{time:10d}" for time in one.times) + f" {one.pages:21d} {0:21d}\n")
    return "".join(lines).encode()


def _owners(one) -> str:
    return f"{one.uid:5d} {one.gid:5d} {one.creator[0]:5d} {one.creator[1]:5d}"


def _semaphores(task) -> bytes:
    lines = ["       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"]
    for one in task.kernel.semaphores.objects.values() if task.kernel.semaphores is not None else ():
        lines.append(f"{one.key:10d} {one.id:10d}  {one.mode:4o} {len(one.values):10d} {_owners(one)} "
                     f"{one.operated:10d} {one.changed:10d}\n")
    return "".join(lines).encode()


def _messages(task) -> bytes:
    lines = ["       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      "
             "rtime      ctime\n"]
    for one in task.kernel.messages.objects.values() if task.kernel.messages is not None else ():
        lines.append(f"{one.key:10d} {one.id:10d}  {one.mode:4o}  {one.bytes:10d} {len(one.messages):10d} "
                     f"{one.pids[0]:5d} {one.pids[1]:5d} {_owners(one)} "
                     f"{one.times[0]:10d} {one.times[1]:10d} {one.changed:10d}\n")
    return "".join(lines).encode()


#: /proc/sysvipc/NAME: function of the task
TABLES = {b"msg": _messages, b"sem": _semaphores, b"shm": _segments}

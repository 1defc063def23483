"""/proc: what programs ask about themselves, and about the machine. What the files say is ``procinfo``'s."""
from __future__ import annotations

import os
from errno import EACCES, ELOOP, ENOENT, ENOTDIR, EXDEV

from skete.abi.fcntl import O_DIRECTORY, O_PATH
from skete.abi.stat import S_IFDIR, S_IFMT
from skete.kernel.files import procinfo
from skete.kernel.files.node import Directory, Place
from skete.kernel.files.procwords import cmdline, environ
from skete.kernel.files.pseudo import Entry, Folder, Link, Text
from skete.kernel.files.sys import tree
from skete.kernel.identity.credentials import of

__all__ = ["Private", "looked_into", "proc"]


class OpenFile(Directory):
    """The end of a link in /proc/PID/fd: stands where a directory stands in a Place, and its ``.`` is that file."""
    __slots__ = ("description",)
    is_open = True

    def __init__(self, mount, description):
        super().__init__(mount, tuple(description.path.strip(b"/").split(b"/")))
        self.description = description.hold()

    def drop(self) -> None:
        self.description.drop()

    def stat(self, name: bytes):
        return self.description.stat()

    def statfs(self) -> tuple:
        return self.description.statfs()

    def access(self, name: bytes, mode: int) -> bool:
        task = self.mount.namespace.task
        return task is None or task.creds.host is None or task.creds.reaches(self.description.stat(), mode)

    def open(self, task, name: bytes, flags: int, mode: int, st):
        if flags & O_DIRECTORY:
            raise OSError(ENOTDIR, "an open file")
        if flags & O_PATH and not self.description.flags & O_PATH:
            raise OSError(EACCES, "O_PATH of an open file")
        if self.description.flags & O_PATH:
            raise OSError(ELOOP, "a handle")
        return self.description.reopen(flags)

    def link_into(self, place: Place) -> None:
        """linkat(2) of /proc/self/fd/N with AT_SYMLINK_FOLLOW: a name for a file that has none (O_TMPFILE)."""
        description = self.description
        mount = getattr(description, "mount", None)
        if mount is None or mount is not place.parent.mount or not hasattr(place.parent, "link_open"):
            raise OSError(EXDEV, "another mount")
        place.parent.link_open(description, place.name)

    def chmod(self, name: bytes, mode: int) -> None:
        self.description.chmod(mode)

    def chown(self, name: bytes, uid: int, gid: int) -> None:
        self.description.chown(uid, gid)

    def utime(self, name: bytes, times: tuple | None) -> None:
        self.description.utime(times)

    def truncate(self, name: bytes, length: int) -> None:
        self.description.truncate(length)


class _FdLink(Link):
    """/proc/PID/fd/N: a link that leads to the open file itself, whatever its text would."""

    def __init__(self, description):
        super().__init__(description.path)
        self.description = description

    def jump(self, task) -> Place:
        description = self.description
        st = description.stat()
        if st.st_mode & S_IFMT == S_IFDIR:
            node = description.node.dup()
            node.keep = False
        else:
            node = OpenFile(_Granted(description.readonly, task.fs.namespace), description)
        return Place(node, b".", st)


class _ExeLink(Link):
    """/proc/PID/exe: leads to the program's very file, which need not be anywhere in the guest's tree."""

    def __init__(self, process):
        super().__init__(lambda task: _exe(process))
        self.process = process

    def jump(self, task) -> Place | None:
        looked_into(task, self.process)
        program = self.process.program
        if program is None:
            return None
        return Place(OpenFile(_Granted(True, task.fs.namespace), program), b".", program.stat())


class _Granted:
    """In place of a mount: what holds for a file that is open already."""
    __slots__ = ("readonly", "namespace")

    def __init__(self, readonly: bool, namespace):
        self.readonly, self.namespace = readonly, namespace


class Private:
    """An entry of a process, and so its user's; root's where others are not to look into it."""

    def owner(self, task) -> tuple:
        process = self.process
        creds = of(process)
        return (creds.euid, creds.egid) if process.prctl.get("dumpable", 1) == 1 and creds.host is not None else (0, 0)

    def grants(self, task, wanted: int) -> bool:
        return super().grants(task, wanted) or task is not None and task.process is self.process


class _PrivateText(Private, Text):
    def __init__(self, process, produce, mode: int = 0o400):
        super().__init__(produce, mode)
        self.process = process

    def grants(self, task, wanted: int) -> bool:
        return Entry.grants(self, task, wanted)


class _Fds(Private, Folder):
    """whose: a process, or a thread, which may have files of its own"""
    mode = S_IFDIR | 0o500

    def __init__(self, whose):
        self.whose, self.process = whose, getattr(whose, "process", whose)

    def lookup(self, task, name: bytes) -> Entry | None:
        try:
            return _FdLink(self.whose.files.get(int(name)))
        except (ValueError, OSError):
            return None

    def names(self, task) -> list:
        return [b"%d" % fd for fd in self.whose.files.numbers()]


def looked_into(task, process) -> None:
    """What the links of a process lead to is for those who may look into it. EACCES"""
    if process is not task.process and task.creds.host is not None:
        from skete.kernel.memory.process_vm import traceable
        try:
            traceable(task, process)
        except OSError:
            raise OSError(EACCES, "another user's process") from None


def _exe(process) -> bytes:
    # Where the file was found: execve's own path may be relative, or lead through links or a script.
    path = process.program.path if process.program is not None else b""
    path = path if path.startswith(b"/") else process.exe
    if not path:
        raise OSError(ENOENT, "no program")
    # Absolute, however the program was named: glibc's start-up, when it is linked statically, insists on that.
    return path if path.startswith(b"/") else os.path.normpath(b"/" + path)


def _made_by(module: str, name: str):
    """What makes an entry, in a module that few programs need."""
    def make(whose) -> Entry:
        return getattr(__import__(f"skete.kernel.files.{module}", fromlist=(name,)), name)(whose)
    return make


_comm_of = _made_by("procset", "comm")


def _comm(process) -> Entry:
    leader = process.leader
    return _comm_of(leader) if leader is not None else Text(lambda task: procinfo.name_of(process) + b"\n")


def _children(thread) -> Text:
    """The living and the dead that a thread has: here they belong to the first one."""
    process = thread.process
    return Text(lambda task: b"".join(b"%d " % pid for pid in sorted(process.children))
                if thread is process.leader else b"")


#: name -> what stands there, made from the process
_PROCESS = {
    b"auxv": lambda process: _PrivateText(process, lambda task: getattr(process, "auxv", b"") or b""),
    b"cmdline": lambda process: Text(lambda task: cmdline(process)),
    b"comm": _comm,
    b"cwd": lambda process: Link(lambda task: process.fs.cwd_path()),
    b"environ": lambda process: _PrivateText(process, lambda task: environ(process)),
    b"exe": _ExeLink,
    b"fd": _Fds,
    b"fdinfo": lambda process: _FdInfos(process),
    b"mem": _made_by("procmem", "Memory"),
    b"root": lambda process: Link(lambda task: task.fs.shown(process.fs.top.path if process.fs.top is not None else ())),
    b"task": lambda process: _Threads(process),
    **{name: _made_by("procset", name.decode())
       for name in (b"coredump_filter", b"oom_adj", b"oom_score_adj", b"timerslack_ns")},
}


class _ProcessFolder(Private, Folder):
    def __init__(self, process):
        self.process = process

    def lookup(self, task, name: bytes) -> Entry | None:
        make = _PROCESS.get(name)
        if make is not None:
            return make(self.process)
        return self._told(name)

    def _told(self, name: bytes) -> Entry | None:
        process = self.process
        found = procinfo.PROCESS.get(name)
        if found is not None:
            return _PrivateText(process, lambda task: found[0](process), found[1])
        about = procinfo.MOUNTS.get(name)
        return Text(about) if about is not None else None

    def names(self, task) -> list:
        return [*_PROCESS, *procinfo.PROCESS, *procinfo.MOUNTS]


class _ThreadFolder(_ProcessFolder):
    """/proc/PID/task/TID: as the process, but for what is a thread's own."""

    def __init__(self, process, thread):
        super().__init__(process)
        self.thread = thread

    def lookup(self, task, name: bytes) -> Entry | None:
        process, thread = self.process, self.thread
        if name == b"comm":
            return _comm_of(thread)
        if name == b"children":
            return _children(thread)
        if name in (b"cwd", b"fd", b"fdinfo"):
            return _PROCESS[name](thread)
        about = procinfo.BY_THREAD.get(name)
        if about is not None:
            return Text(lambda task: about(process, thread))
        return None if name == b"task" else super().lookup(task, name)

    def names(self, task) -> list:
        return [name for name in super().names(task) if name != b"task"] + [b"children"]


class _Threads(Folder):
    def __init__(self, process):
        self.process = process

    def lookup(self, task, name: bytes) -> Entry | None:
        thread = self.process.tasks.get(int(name)) if name.isdigit() else None
        return _ThreadFolder(self.process, thread) if thread is not None else None

    def names(self, task) -> list:
        return [b"%d" % tid for tid in sorted(self.process.tasks)]


class _FdInfos(_Fds):
    def lookup(self, task, name: bytes) -> Entry | None:
        try:
            description = self.whose.files.get(int(name))
        except (ValueError, OSError):
            return None
        return Text(lambda task: procinfo.fdinfo(description, int(name) in self.whose.files.cloexec))


def _zombie(process) -> Folder:
    """What is left of a process that has ended, until somebody waits for it."""
    table = {name: Text(lambda task, about=procinfo.PROCESS[name][0]: about(process)) for name in procinfo.ZOMBIE}
    table[b"comm"] = _comm(process)
    table[b"statm"] = Text(lambda task: b"0 0 0 0 0 0 0\n")
    for name in (b"cmdline", b"maps", b"environ"):
        table[name] = Text(lambda task: b"")
    return Folder(table)


class _Root(Folder):
    def lookup(self, task, name: bytes) -> Entry | None:
        if name.isdigit() and task is not None:
            process = task.kernel.processes.get(int(name))
            if process is not None:
                return _ProcessFolder(process)
            process = task.kernel.zombies.get(int(name))
            return _zombie(process) if process is not None else None
        return super().lookup(task, name)

    def names(self, task) -> list:
        if task is None:
            return super().names(task)
        return super().names(task) + [b"%d" % pid for pid in sorted({**task.kernel.processes, **task.kernel.zombies})]


class _Later(Folder):
    """A folder whose table is made when somebody looks, which few programs do."""

    def __init__(self, make):
        self.make = make

    def __getattr__(self, name: str) -> dict:
        if name != "table":
            raise AttributeError(name)
        self.table = self.make()
        return self.table


def _settings() -> dict:
    from skete.kernel.files.procsys import SYS
    return SYS


def _sysvipc() -> dict:
    from skete.kernel.files.procipc import TABLES
    return {name: Text(about) for name, about in TABLES.items()}


def proc() -> Folder:
    """The root of /proc."""
    table = {name: Text(about) for name, about in procinfo.MACHINE.items()}
    table[b"self"] = Link(lambda task: b"%d" % task.process.pid)
    table[b"thread-self"] = Link(lambda task: b"%d/task/%d" % (task.process.pid, task.tid))
    table[b"mounts"] = Link(b"self/mounts")
    table[b"sys"] = _Later(lambda: tree({name: Text(about) for name, about in _settings().items()}).table)
    table[b"sysvipc"] = _Later(_sysvipc)
    return _Root(table)

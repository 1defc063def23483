"""execve(2), execveat(2): another program in place of this one.

Everything that can be refused is refused before anything is given up. Then the other threads end, the memory goes,
and a new one is filled; the process keeps its number, its files but for those marked close-on-exec, its ids, its
mask and what it ignores. Where there were threads, the engine's space is left behind with all of them in it, for a
fresh one: so nobody has to be asked to end.
"""
from __future__ import annotations

from errno import E2BIG, EINVAL, ENAMETOOLONG, ENOENT, ENOSYS

from skete.abi.fcntl import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW
from skete.abi.resource import RLIMIT_STACK
from skete.abi.signal import SIG_IGN, SIGSEGV, SS_DISABLE
from skete.engine import Regs
from skete.kernel.memory.mm import STACK_SIZE, Mm
from skete.kernel.memory.texts import Texts
from skete.kernel.outcome import GONE, KEEP
from skete.kernel.process import children, exits, program
from skete.kernel.process.executed import credentials_of
from skete.kernel.process.sharing import settle
from skete.kernel.row import ADDR, FD, I32, PATH, Row, readable_path
from skete.kernel.service import count
from skete.kernel.signals.pending import Action
from skete.loader.start import ARG_MAX, STRING_MAX

__all__ = ["ROWS"]



def execve(task, path: bytes, argv: int, envp: int):
    """execve(2): execute a program. EACCES E2BIG EFAULT ENOENT ENOEXEC ENOMEM ELOOP ENOTDIR ..."""
    return execveat(task, AT_FDCWD, path, argv, envp, 0)


def execveat(task, dirfd: int, path: bytes, argv: int, envp: int, flags: int):
    """execveat(2): the same, relative to a descriptor, or of what it is open on (AT_EMPTY_PATH). EINVAL, and as above"""
    if task.process.space.fork is None:
        count(task.kernel, 59)
        raise OSError(ENOSYS, "this engine has one process")
    readable_path(path)
    if flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW):
        raise OSError(EINVAL, f"flags {flags:#x}")
    if not path and not flags & AT_EMPTY_PATH:
        raise OSError(ENOENT, "the empty path")
    left = [_room(task.process)]
    arguments, environment = _strings(task.mm, argv, left), _strings(task.mm, envp, left)
    found = _find(task, dirfd, path, flags, arguments)
    try:
        return _execute(task, found, environment)
    finally:
        found.file.drop()


def _room(process) -> int:
    """Bytes of strings and pointers that argv and envp may have: a quarter of RLIMIT_STACK, as Linux has it."""
    soft = process.rlimits[RLIMIT_STACK][0] if process.rlimits is not None else STACK_SIZE
    return max(min(soft // 4, STACK_SIZE // 4 * 3), ARG_MAX)


def _find(task, dirfd: int, path: bytes, flags: int, arguments: list):
    if task.creds.wear is None:
        return program.find(task, dirfd, path, flags, arguments)
    from skete.kernel.identity.worn import by
    with by(task):
        return program.find(task, dirfd, path, flags, arguments)


def _images(task, found) -> tuple:
    kernel, fs = task.kernel, task.fs
    if task.creds.wear is None:
        return program.images(kernel, fs.namespace, found, fs.top)
    from skete.kernel.identity.worn import by
    with by(task):
        return program.images(kernel, fs.namespace, found, fs.top)


def _strings(mm, at: int, left: list) -> list:
    """A vector of strings that ends with a null pointer; a null vector is an empty one. E2BIG EFAULT"""
    strings = []
    while at:
        pointer = mm.read_u64(at)
        if not pointer:
            break
        try:
            strings.append(mm.cstr(pointer, STRING_MAX))
        except OSError as e:
            raise OSError(E2BIG, "a string is too long") if e.errno == ENAMETOOLONG else e from None
        left[0] -= len(strings[-1]) + 9
        if left[0] < 0:
            raise OSError(E2BIG, "too many arguments")
        at += 8
    return strings


def _execute(task, found, environment: list):
    """Leave everything behind and begin anew."""
    kernel, process = task.kernel, task.process
    image, interp, keys = _images(task, found)
    creds, secure = credentials_of(task, found.file.stat(), found.set_ids)
    _alone(task)
    # What Linux does when a thread leaves its memory: a joiner, or a mutex that others share, may wait.
    exits.release(task)
    _leave_memory(task)
    mm = Mm(kernel.engine, process.space, kernel.frames, kernel.config.memory, kernel.config.physical())
    mm.rlimits = process.rlimits
    process.mm = task.mm = mm
    process.program, before = found.file.hold(), process.program
    process.program_key = None
    if before is not None:
        before.drop()
    process.exe, process.argv, process.envp = found.path, found.argv, environment
    task.name = found.name
    process.has_executed = True
    _reset(task)
    _become(task, creds, secure)
    try:
        sp = kernel.load(mm, image, process, interp, _texts(kernel, keys), secure)
        if process.bounded:
            from skete.kernel.memory.sizes import after_exec
            after_exec(process)
    except OSError:
        exits.end_process(process, ("signalled", SIGSEGV))      # the old program is gone, so nobody can be told
        return GONE
    vcpu = task.vcpu
    vcpu.regs = Regs(rip=(interp or image).entry, rsp=sp, eflags=0x202)
    vcpu.set_fpu(None)
    vcpu.fs_base = 0
    vcpu.gs_base = 0
    children.release(process)
    return KEEP


def _texts(kernel, keys: tuple) -> tuple:
    """What is kept of the text of each of these files."""
    if kernel.texts is None:
        kernel.texts = Texts(kernel.frames, kernel.engine.ram)
    return tuple(kernel.texts.used(key) if key is not None else None for key in keys)


def _alone(task) -> None:
    """End the other threads; this one gets the process's number. EAGAIN"""
    kernel, process = task.kernel, task.process
    if len(process.tasks) > 1:
        vcpu = process.space.fork(task.vcpu, Regs(), 0, ())
        for other in list(process.tasks.values()):
            if other is task:
                continue
            other.dead = True
            kernel.scheduler.forget(other)
            call, other.call = other.call, None
            if call is not None:
                call.close()
            del kernel.tasks[other.vcpu], process.tasks[other.tid]
            for observer in kernel.observers:
                observer.exited(other, ("exited", 0))
        before, process.space = process.space, vcpu.space
        before.kill()
        process.before_ns += before.cpu_ns() if hasattr(before, "cpu_ns") else 0
        del kernel.tasks[task.vcpu]
        kernel.tasks[vcpu] = task
        task.vcpu = vcpu
        if process.mm.users > 1:
            process.mm.space.spaces[process.mm.space.spaces.index(before)] = vcpu.space
        else:
            process.mm.space = vcpu.space
        if kernel.answers is not None:
            if process.files is not None:
                process.files.facts = None
            kernel.answers.publish(process)
    if process.tables is not None or process.systems is not None:
        settle(process)
    if task.tid != process.pid:
        del process.tasks[task.tid]
        task.tid = process.pid
        process.tasks[process.pid] = task


def _leave_memory(task) -> None:
    """Take everything from the guest's sight; the frames go back where nobody else lives there."""
    process, mm = task.process, task.mm
    if mm.users > 1:
        from skete.kernel.memory.mm_fork import leave
        leave(mm, process.space)
        away = Mm(task.kernel.engine, process.space, mm.frames)
        away.hide(list(mm.vmas))
        away.close()
        return
    mm.hide(list(mm.vmas))
    mm.clear()
    mm.close()


def _become(task, creds, secure: bool) -> None:
    """Take the program's credentials."""
    from skete.kernel.identity.identity import become
    old, prctl = task.creds, task.process.prctl
    if (old.uid, old.gid) != (old.euid, old.egid):
        prctl["dumpable"] = 0
    if secure:
        prctl.pop("pdeathsig", None)
    become(task, creds)


def _reset(task) -> None:
    """What does not outlive a program: handlers, alternate stack, close-on-exec descriptors, timers of timer_create."""
    process, signals = task.process, task.signals
    process.signals.actions = {signo: Action(SIG_IGN) for signo, action in process.signals.actions.items()
                               if action.handler == SIG_IGN}
    signals.stack, signals.stack_flags = (0, 0), SS_DISABLE
    task.restarts = {}
    task.robust_list = task.clear_child_tid = 0
    process.prctl.pop("dumpable", None)
    process.persona &= ~0x40000             # READ_IMPLIES_EXEC is of the old program
    for which in [which for which in process.timers if type(which) is tuple]:     # setitimer's go on
        process.timers.pop(which).stop()
    files = process.files
    if files is not None:
        if files.refs > 1:                  # CLONE_FILES: what closes now must stay open there
            files.refs -= 1
            files = process.files = task.files = files.fork()
        files.on_exec()


ROWS = (
    Row(59, execve, (PATH, ADDR, ADDR), "no capabilities of files; ENOSYS where the engine has one process only"),
    Row(322, execveat, (FD, PATH, ADDR, ADDR, I32), "as execve"),
)

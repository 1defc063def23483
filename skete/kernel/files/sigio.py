"""Signal-driven I/O: O_ASYNC, by fcntl(2)'s F_SETFL or FIOASYNC. Whoever F_SETOWN names is sent SIGIO, or F_SETSIG's.

The host says when something has come: two epoll instances, edge-triggered, have what is watched, one for input and one for
output, since either event of a socket would else be told as both. The scheduler watches the two, for what comes from
outside; and as what a guest does is to be told before that call is back, we are an observer of the calls as well, while
anything is watched at all.

A socket tells of output only where it was full before, as Linux does.
"""
from __future__ import annotations

import os
from errno import EAGAIN, ENOMEM
from select import EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, POLLOUT, epoll, poll
from struct import pack

from skete.abi.fcntl import F_OWNER_PGRP, F_OWNER_PID, O_ASYNC
from skete.abi.signal import POLL_IN, POLL_OUT, SI_KERNEL, SIGIO
from skete.kernel.files.fdtable import host_limit
from skete.kernel.files.owner import owner_of
from skete.kernel.signals import pending
from skete.kernel.signals.siginfo import SigInfo

__all__ = ["change"]

#: si_band by reason: band_table of fs/fcntl.c
_BAND = {POLL_IN: 0x41, POLL_OUT: 0x304}

#: calls that may fill a socket -> which of their words is its descriptor: write, sendfile, connect, sendto, sendmsg,
#: writev, splice, sendmmsg
_FILLS = {1: 0, 20: 0, 40: 0, 42: 0, 44: 0, 46: 0, 275: 2, 307: 0}


def change(task, file, fd: int, on: bool) -> None:
    """Begin or end to tell a description's owner. ENOMEM"""
    kernel = task.kernel
    if not file.tells:
        return
    if on:
        if kernel.driven is None:
            kernel.driven = Driven(kernel)
        kernel.driven.add(task, file, fd)
        file.flags |= O_ASYNC
        return
    if kernel.driven is not None:
        kernel.driven.forget(file)
    file.flags &= ~O_ASYNC


class _Item:
    """fd: what si_fd says;  own: a duplicate of the host's descriptor;  full: a socket that could not be written to"""
    __slots__ = ("file", "fd", "own", "full")

    def __init__(self, file, fd: int, own: int):
        self.file, self.fd, self.own, self.full = file, fd, own, False


class Driven:
    """What is watched in a machine (``Kernel.driven``). Among an open file's watchers it stands beside epoll instances,
    and among ``Kernel.observers`` beside those of skete.observe."""

    every_call = True
    watchers = ()

    def __init__(self, kernel):
        self.kernel = kernel
        self.items, self.by_own = {}, {}
        self.input, self.output = epoll(), epoll()
        for one, reason in ((self.input, POLL_IN), (self.output, POLL_OUT)):
            kernel.scheduler.watch(one.fileno(), lambda one=one, reason=reason: self._look(one, reason))
        kernel.observers.append(self)

    def add(self, task, file, fd: int) -> None:
        item = self.items.get(file)
        if item is not None:
            item.fd = fd
            return
        if len(self.items) >= host_limit() // 8:        # each takes a descriptor of the monitor's
            raise OSError(ENOMEM, f"{len(self.items)} files tell by signals")
        self.look()
        item = self.items[file] = _Item(file, fd, os.dup(file.poll_fd))
        self.by_own[item.own] = item
        self._register(item)
        if file.watchers is None:
            file.watchers = set()
        file.watchers.add(self)
        control = getattr(file, "control", None)
        if file.owner is None and control is not None:      # a terminal's is its foreground, or who asks
            owner, group = owner_of(file), control.foreground
            owner.kind, owner.who = (F_OWNER_PGRP, group) if group else (F_OWNER_PID, task.process.pid)

    def _register(self, item: _Item) -> None:
        if item.file.readable:
            self.input.register(item.own, EPOLLIN | EPOLLRDHUP | EPOLLET)
        if item.file.writable:
            self.output.register(item.own, EPOLLOUT | EPOLLET)
        # How things stand is no news.
        self.input.poll(0)
        self.output.poll(0)
        self._note(item)

    def forget(self, file) -> None:
        """It does not tell any more, or is being released."""
        item = self.items.pop(file, None)
        if item is None:
            return
        if file.watchers:
            file.watchers.discard(self)
        for one in (self.input, self.output):
            try:
                one.unregister(item.own)
            except OSError:
                pass        # one of the two does not have it
        del self.by_own[item.own]
        os.close(item.own)
        if not self.items:
            self._end()

    def _end(self) -> None:
        kernel = self.kernel
        kernel.driven = None
        kernel.observers.remove(self)
        for one in (self.input, self.output):
            kernel.scheduler.unwatch(one.fileno())
            one.close()

    def renew(self, file) -> None:
        """The host descriptor of a description stands for another host file now."""
        item = self.items.get(file)
        if item is not None:
            os.dup2(file.poll_fd, item.own, False)
            self._register(item)

    def look(self) -> None:
        """Tell what has happened."""
        self._look(self.input, POLL_IN)
        self._look(self.output, POLL_OUT)

    def _look(self, one: epoll, reason: int) -> None:
        for own, events in one.poll(0):
            item = self.by_own.get(own)
            if item is None:
                continue
            if reason == POLL_OUT and item.file.is_socket:
                told, item.full = item.full or events & (EPOLLERR | EPOLLHUP), False
                if not told:
                    continue
            _tell(self.kernel, item, reason)

    def _note(self, item: _Item) -> None:
        if item.file.is_socket:
            poller = poll()
            poller.register(item.own, POLLOUT)
            item.full = not poller.poll(0)

    # as an observer: a call may have moved something

    def left(self, task, nr: int, words: tuple, result) -> None:
        self.look()
        at = _FILLS.get(nr)
        if at is None:
            return
        try:
            item = self.items.get(task.file(words[at] & 0xffff_ffff))
        except OSError:
            return
        if item is not None and not item.full:
            self._note(item)

    def started(self, task) -> None: ...

    def entered(self, task, nr: int, words: tuple) -> None: ...

    def waits(self, task) -> None:
        self.left(task, task.trap.nr, task.trap.words, None)

    def signalled(self, task, signo: int, info) -> None: ...

    def exited(self, task, status: tuple) -> None: ...


def _tell(kernel, item: _Item, reason: int) -> None:
    owner = item.file.owner
    if owner is None or not owner.who or not item.file.flags & O_ASYNC:
        return
    info = SigInfo(SIGIO, SI_KERNEL)
    if owner.signo:
        info = SigInfo(owner.signo, reason, pack("<qi", _BAND[reason], item.fd))
    try:
        _send(kernel, owner, info)
    except OSError as e:
        if e.errno != EAGAIN:
            raise
        _send(kernel, owner, SigInfo(SIGIO, SI_KERNEL))     # the queue is full: fcntl(2)


def _send(kernel, owner, info: SigInfo) -> None:
    processes = list(kernel.processes.values())
    if owner.kind == F_OWNER_PID:
        if owner.who in kernel.processes:
            pending.send_process(kernel.processes[owner.who], info)
    elif owner.kind == F_OWNER_PGRP:
        for process in processes:
            if process.pgid == owner.who:
                pending.send_process(process, info)
    else:
        for process in processes:
            if owner.who in process.tasks:
                pending.send_task(process.tasks[owner.who], info)

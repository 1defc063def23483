"""An epoll instance: epoll(7), on an epoll instance of the host.

Level and edge triggering, one shot, exclusive wake-ups and nesting are the host's. What is ours is who is watched: an
item is a descriptor *and* the description behind it, and it goes when the last descriptor of that description is
closed, not when the one it was added by is. The host counts in its own descriptors, so a description that is watched
twice in one instance (by duplicates) is registered by a duplicate of its host descriptor the second time.
"""
from __future__ import annotations

import os
from errno import EEXIST, EINVAL, ELOOP, ENOENT, ENOSPC
from fcntl import fcntl
from select import EPOLLERR, EPOLLEXCLUSIVE, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, epoll

from skete.abi.epoll import EPOLLWAKEUP
from skete.abi.fcntl import F_DUPFD_CLOEXEC
from skete.kernel.events.anonymous import Anonymous
from skete.kernel.files.fdtable import host_limit

__all__ = ["Epoll"]

#: what may stand beside EPOLLEXCLUSIVE: EPOLLEXCLUSIVE_OK_BITS, fs/eventpoll.c
_WITH_EXCLUSIVE = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE
#: how many instances may watch each other in a row: EP_MAX_NESTS and one, fs/eventpoll.c
_DEPTH = 5
#: of how many the host can be asked to wait: the scheduler's and poll's own come on top
_WAITABLE = 3
#: descriptors that all instances watch together: fs.epoll.max_user_watches, which Linux derives from its memory
_MOST_WATCHED = 1 << 18


def _longest(one: Epoll, following, known: dict) -> int:
    """How many stand in the longest row from ``one`` on. Each is looked at once: there are as many rows as a guest likes."""
    length = known.get(one)
    if length is None:
        length = known[one] = 1 + max((_longest(each, following, known) for each in following(one)), default=0)
    return length


class _Item:
    """One that is watched. host_fd: what it is registered by, of its own where ``own``; data: the guest's word."""
    __slots__ = ("host_fd", "own", "events", "data")

    def __init__(self, host_fd: int, own: bool, events: int, data: int):
        self.host_fd, self.own, self.events, self.data = host_fd, own, events, data


class Epoll(Anonymous):
    """items: {description: {fd: _Item}}; by_host: {host descriptor: _Item}
    copies: host descriptors of ours that stand for duplicates, in all instances
    watched: items in all instances
    """
    copies = watched = 0
    __slots__ = ("host", "items", "by_host")
    kind = b"[eventpoll]"

    def __init__(self):
        self.host = epoll()
        self.items, self.by_host = {}, {}
        super().__init__(self.host.fileno(), 0)

    def release(self) -> None:
        for file, items in self.items.items():
            file.watchers.discard(self)
            for item in items.values():
                self._close(item)
        self.items.clear()
        self.host.close()

    def add(self, fd: int, file, events: int, data: int) -> None:
        """EPOLL_CTL_ADD. EEXIST EINVAL ELOOP ENOSPC"""
        nested = isinstance(file, Epoll)
        if events & EPOLLEXCLUSIVE and (nested or events & ~_WITH_EXCLUSIVE):
            raise OSError(EINVAL, f"EPOLLEXCLUSIVE with {events:#x}")
        if fd in self.items.get(file, ()):
            raise OSError(EEXIST, f"descriptor {fd} is watched")
        if nested and (file.watches(self) or file.depth() + self.height() > _DEPTH):
            raise OSError(ELOOP, "epoll instances that watch each other")
        if Epoll.watched >= _MOST_WATCHED:
            raise OSError(ENOSPC, f"{Epoll.watched} are watched")
        host_fd, own = file.poll_fd, False
        if host_fd in self.by_host:
            if Epoll.copies >= host_limit() // 4:
                raise OSError(ENOSPC, f"{Epoll.copies} duplicates are watched")
            host_fd, own = fcntl(host_fd, F_DUPFD_CLOEXEC, 0), True
            Epoll.copies += 1
        item = _Item(host_fd, own, events & ~EPOLLWAKEUP, data)
        Epoll.watched += 1
        try:
            self.host.register(host_fd, item.events)
        except BaseException:
            self._close(item)
            raise
        self.items.setdefault(file, {})[fd] = self.by_host[host_fd] = item
        if file.watchers is None:
            file.watchers = set()
        file.watchers.add(self)

    def modify(self, fd: int, file, events: int, data: int) -> None:
        """EPOLL_CTL_MOD. EINVAL ENOENT"""
        item = self._item(fd, file)
        if (events | item.events) & EPOLLEXCLUSIVE:
            raise OSError(EINVAL, "what is exclusive stays as it was added")
        self.host.modify(item.host_fd, events & ~EPOLLWAKEUP)
        item.events, item.data = events & ~EPOLLWAKEUP, data

    def remove(self, fd: int, file) -> None:
        """EPOLL_CTL_DEL. EINVAL ENOENT"""
        item = self._item(fd, file)
        self.host.unregister(item.host_fd)
        items = self.items[file]
        del items[fd]
        if not items:
            del self.items[file]
            file.watchers.discard(self)
        self._close(item)

    def _item(self, fd: int, file) -> _Item:
        item = self.items.get(file, {}).get(fd)
        if item is None:
            raise OSError(ENOENT, f"descriptor {fd} is not watched")
        return item

    def forget(self, file) -> None:
        """A description is being released: nothing of it is watched any more."""
        for item in self.items.pop(file, {}).values():
            try:
                self.host.unregister(item.host_fd)
            except OSError:
                pass        # its host descriptor has gone first
            self._close(item)

    def renew(self, file) -> None:
        """The host descriptor of a description stands for another host file now: watch that one."""
        for item in self.items.get(file, {}).values():
            if item.own:
                os.dup2(file.poll_fd, item.host_fd, False)
            self.host.register(item.host_fd, item.events)

    def _close(self, item: _Item) -> None:
        self.by_host.pop(item.host_fd, None)
        Epoll.watched -= 1
        if item.own:
            os.close(item.host_fd)
            Epoll.copies -= 1

    def details(self) -> str:
        return "".join(f"tfd: {fd:8} events: {item.events & 0xffff_ffff:8x} data: {item.data:16x}  pos:0 "
                       f"ino:{file.stat().st_ino:x} sdev:{file.stat().st_dev:x}\n"
                       for file, items in self.items.items() for fd, item in items.items())

    def watches(self, other: "Epoll") -> bool:
        """Whether ``other`` is this one, or watched by it, however far down."""
        seen, ahead = {self}, [self]
        while ahead:
            for file in ahead.pop()._watched():
                if file not in seen:
                    seen.add(file)
                    ahead.append(file)
        return other in seen

    def _watched(self) -> list:
        return [file for file in self.items if isinstance(file, Epoll)]

    def depth(self) -> int:
        """How many instances stand in the longest row that begins here."""
        return _longest(self, Epoll._watched, {})

    def height(self) -> int:
        """How many instances stand in the longest row that ends here."""
        return _longest(self, lambda one: one.watchers or (), {})

    def too_deep(self) -> bool:
        """Whether waiting for it means looking at intervals."""
        return self.depth() > _WAITABLE

    def collect(self, most: int) -> list:
        """[(events, data)] of at most ``most`` that are ready, in the host's order."""
        by_host = self.by_host
        return [(events, by_host[host_fd].data) for host_fd, events in
                self.host.poll(0, min(most, max(1, len(by_host)))) if host_fd in by_host]

    def ready(self) -> bool:
        """Whether anything is, without taking an edge or a shot from it."""
        from select import POLLIN, poll
        look = poll()
        look.register(self.host_fd, POLLIN)
        return bool(look.poll(0))

"""Blocked calls: who waits for what, and in which order they go on.

A task is blocked while ``task.wait`` is a :class:`~skete.kernel.outcome.Wait`. It waits in every queue that the Wait
names, at a deadline, and on a host descriptor, and is taken out of all of them by whichever comes first; then it
stands in ``ready`` with the reason until ``Kernel.run_ready``. Queues wake in the order of arrival.

Deadlines are CLOCK_MONOTONIC of the host in ns. An entry in the heap whose wait is over is left there and skipped
when it surfaces; when such entries are the majority, the heap is rebuilt.
"""
from __future__ import annotations

from _heapq import heapify, heappop, heappush
from errno import EPERM
from select import EPOLLERR, EPOLLHUP, EPOLLIN, epoll
from time import monotonic_ns

from skete.kernel.outcome import READY, TIMEOUT, Wait

__all__ = ["Queue", "Scheduler", "Timer"]

#: while posted calls follow each other, the host is asked for descriptors after so many: it costs half as much as one
_UNASKED = 16


class Queue:
    """Tasks waiting for one thing, in order of arrival. Kept by whatever can be waited for."""
    __slots__ = ("tasks",)

    def __init__(self):
        self.tasks = {}     # task -> its Wait; a dict keeps the order and forgets in O(1)

    def __len__(self):
        return len(self.tasks)

    def wake(self, limit: int = -1) -> int:
        """Wake the first ``limit`` tasks (-1: all) with READY; how many were woken."""
        tasks = self.tasks
        if not tasks:
            return 0
        woken = 0
        for task in list(tasks):
            if woken == limit:
                break
            task.kernel.scheduler.wake(task, READY)
            woken += 1
        return woken


class Timer:
    """Calls ``expire()`` once, at its deadline. Made by :meth:`Scheduler.at`."""
    __slots__ = ("deadline_ns", "expire")

    def __init__(self, deadline_ns: int, expire):
        self.deadline_ns, self.expire = deadline_ns, expire


class Watch:
    """Stands for a task among those who wait for a host descriptor: ``ready()`` is called each time it is."""
    __slots__ = ("ready",)

    def __init__(self, ready):
        self.ready = ready


class Scheduler:
    """The blocked tasks of a machine.

    fd: readable when a host descriptor somebody waits for is ready; -1 while nobody waits for one.
    """

    def __init__(self):
        self.ready = []             # [(task, reason)] in the order they were woken
        self.fd = -1
        self.heap = []              # (deadline_ns, sequence, task or Timer, its Wait or None)
        self._sequence = 0
        self._stale = 0
        self._epoll = None
        self._unasked = 0           # calls since the host's descriptors were asked
        self.fds = {}               # host_fd -> {task: events}

    def due(self) -> bool:
        """Whether to see to the others before the next call is served: somebody is ready, a deadline has passed, or the
        host's descriptors were not asked for some calls."""
        if self.ready or self.heap and self.heap[0][0] <= monotonic_ns():
            return True
        if self.fds:
            self._unasked += 1
            return self._unasked > _UNASKED
        return False

    def open(self) -> None:
        """Take the host descriptor that waits for the others now, while its number is low: select(2) ends at 1023."""
        if self._epoll is None:
            self._epoll = epoll()

    def block(self, task, wait: Wait) -> None:
        """Put a task to sleep until something of ``wait`` comes true."""
        task.wait = wait
        queue = wait.queue
        if queue is not None:
            if type(queue) is tuple:
                for one in queue:
                    one.tasks[task] = wait
            else:
                queue.tasks[task] = wait
        if wait.deadline_ns is not None:
            self._sequence += 1
            heappush(self.heap, (wait.deadline_ns, self._sequence, task, wait))
        if wait.host_fd >= 0:
            self._watch(task, wait)

    def wake(self, task, reason) -> None:
        """End a task's wait, whatever it was for. Without effect on a task that does not wait."""
        wait = task.wait
        if wait is not None:
            self.forget(task)
            self.ready.append((task, reason))

    def forget(self, task) -> None:
        """Take a task out of everything it waits in."""
        wait, task.wait = task.wait, None
        if wait is None:
            return
        task.waited = wait
        queue = wait.queue
        if queue is not None:
            if type(queue) is tuple:
                for one in queue:
                    one.tasks.pop(task, None)
            else:
                queue.tasks.pop(task, None)
        if wait.host_fd >= 0:
            self._unwatch(task, wait.host_fd)
        if wait.deadline_ns is not None:
            self._gone_stale()

    def at(self, deadline_ns: int, expire) -> Timer:
        """Call ``expire()`` from the loop at ``deadline_ns``, unless cancelled."""
        timer = Timer(deadline_ns, expire)
        self._sequence += 1
        heappush(self.heap, (deadline_ns, self._sequence, timer, None))
        return timer

    def cancel(self, timer: Timer) -> None:
        """A timer that has not expired will not."""
        if timer.expire is not None:
            timer.expire = None
            self._gone_stale()

    def _gone_stale(self) -> None:
        self._stale += 1
        if self._stale > 64 and self._stale * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if _alive(entry)]
            heapify(self.heap)
            self._stale = 0

    def timeout_s(self) -> float | None:
        """How long the loop may sleep: 0.0 when somebody is ready, None when only an event can change anything."""
        if self.ready:
            return 0.0
        heap = self.heap
        while heap and not _alive(heap[0]):
            heappop(heap)
            self._stale -= 1
        if not heap:
            return None
        return max(0.0, (heap[0][0] - monotonic_ns()) / 1e9)

    def poll(self) -> None:
        """Move what has become ready, by deadline or descriptor, to ``ready``; call the timers that are due."""
        heap = self.heap
        if heap:
            now = monotonic_ns()
            while heap and heap[0][0] <= now:
                entry = heappop(heap)
                if not _alive(entry):
                    self._stale -= 1
                    continue
                _, _, what, wait = entry
                if wait is not None:
                    self._stale -= 1        # forget() is about to count this entry, which has left the heap
                    self.wake(what, TIMEOUT)
                else:
                    expire, what.expire = what.expire, None
                    expire()
                heap = self.heap
        self._unasked = 0
        if self.fds:
            for host_fd, events in self._epoll.poll(0):
                for task, wanted in list(self.fds.get(host_fd, {}).items()):
                    if type(task) is Watch:
                        task.ready()
                    elif events & (wanted | EPOLLERR | EPOLLHUP):
                        self.wake(task, READY)

    def close(self) -> None:
        """Close the host descriptor that waits for the others."""
        if self._epoll is not None:
            self._epoll.close()
            self._epoll, self.fd = None, -1

    def watch(self, host_fd: int, ready) -> None:
        """Call ``ready()`` whenever a host descriptor of ours can be read, until :meth:`unwatch`."""
        self.open()
        self._epoll.register(host_fd, EPOLLIN)
        self.fds[host_fd] = {Watch(ready): EPOLLIN}
        self.fd = self._epoll.fileno()

    def unwatch(self, host_fd: int) -> None:
        """End what :meth:`watch` began."""
        for watch in list(self.fds.get(host_fd, ())):
            self._unwatch(watch, host_fd)

    def _watch(self, task, wait: Wait) -> None:
        self.open()
        host_fd = wait.host_fd
        tasks = self.fds.get(host_fd)
        if tasks is None:
            try:
                self._epoll.register(host_fd, wait.events)
            except OSError as e:
                if e.errno != EPERM:
                    self.forget(task)
                    raise
                # A regular file: always ready, as poll(2) has it.
                wait.host_fd = -1
                self.wake(task, READY)
                return
            self.fds[host_fd] = {task: wait.events}
        else:
            tasks[task] = wait.events
            self._epoll.modify(host_fd, _union(tasks))
        self.fd = self._epoll.fileno()

    def _unwatch(self, task, host_fd: int) -> None:
        tasks = self.fds.get(host_fd)
        if tasks is None or tasks.pop(task, None) is None:
            return
        if tasks:
            self._epoll.modify(host_fd, _union(tasks))
            return
        del self.fds[host_fd]
        self._epoll.unregister(host_fd)
        if not self.fds:
            self.fd = -1


def _alive(entry: tuple) -> bool:
    _, _, what, wait = entry
    return what.wait is wait if wait is not None else what.expire is not None


def _union(tasks: dict) -> int:
    events = 0
    for wanted in tasks.values():
        events |= wanted
    return events

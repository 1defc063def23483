"""Epoll instances: what guests/epoll.c cannot see, and limits."""
import errno
import os
import struct
import time

import pytest

from skete.kernel.events.epoll import Epoll
from tests.skete.kernel.fake import DATA, WAITING
from tests.skete.kernel.net.conftest import OPTION, guest, host_descriptors  # noqa: F401 (fixtures)

ADD, DEL, MOD, IN, ET = 1, 2, 3, 1, 1 << 31


def control(guest, ep, operation, fd, events=IN, data=0):
    guest.mm.write(OPTION, struct.pack("<IQ", events, data))
    return guest.call("epoll_ctl", ep, operation, fd, OPTION)


def ready(guest, ep, most=8) -> list:
    count = guest.call("epoll_wait", ep, DATA, most, 0)
    return [data for _, data in struct.iter_unpack("<IQ", guest.mm.read(DATA, 12 * count))]


def test_instances_in_a_row_can_be_waited_for_as_deep_as_they_can_be_made(guest):
    fd = guest.call("eventfd2", 0, 0)
    inner, made = guest.call("epoll_create1", 0), 1
    control(guest, inner, ADD, fd)
    while True:
        outer = guest.call("epoll_create1", 0)
        try:
            control(guest, outer, ADD, inner)
        except OSError as error:
            assert error.errno == errno.ELOOP
            break
        inner, made = outer, made + 1
    assert made == 5
    waiters = [guest.machine.thread(), guest.machine.thread()]
    assert guest.raw("epoll_wait", inner, DATA, 1, -1, task=waiters[0]) is WAITING
    pair = guest.pair()
    guest.mm.write(OPTION, struct.pack("<ihhihh", inner, IN, 0, pair[0], IN, 0))
    assert guest.raw("poll", OPTION, 2, -1, task=waiters[1]) is WAITING
    guest.mm.write_u64(DATA, 1)
    guest.call("write", fd, DATA, 8)
    time.sleep(0.03)        # rows as long as this are looked at every 20 ms
    guest.machine.go()
    assert [task.vcpu.result for task in waiters] == [1, 1]


def test_each_instance_is_looked_at_once_however_many_rows_lead_to_it(guest, monkeypatch):
    layers = [[guest.call("epoll_create1", 0) for _ in range(8)] for _ in range(4)]
    for outer, inner in zip(layers, layers[1:]):
        for one in outer:
            for other in inner:
                control(guest, one, ADD, other)
    looked, watched = [], Epoll._watched
    monkeypatch.setattr(Epoll, "_watched", lambda self: looked.append(self) or watched(self))
    control(guest, guest.call("epoll_create1", 0), ADD, layers[0][0])
    assert len(looked) <= 2 * 26, "8 ** 3 rows of four begin there"


def test_a_description_that_goes_is_forgotten_by_all_who_watch_it(guest):
    instances = [guest.call("epoll_create1", 0) for _ in range(3)]
    fd = guest.call("eventfd2", 1, 0)
    copy = guest.call("dup", fd)
    for ep in instances:
        control(guest, ep, ADD, fd, data=1)
        control(guest, ep, ADD, copy, data=2)
        assert sorted(ready(guest, ep)) == [1, 2]
    before = len(os.listdir("/proc/self/fd"))
    guest.call("close", fd)
    guest.call("close", copy)
    assert len(os.listdir("/proc/self/fd")) == before - 4       # its own, and a duplicate in each instance
    for ep in instances:
        assert not ready(guest, ep)
        assert not guest.files.get(ep).items and not guest.files.get(ep).by_host


def test_an_instance_that_goes_leaves_no_watcher_behind(guest):
    fd, ep = guest.call("eventfd2", 1, 0), guest.call("epoll_create1", 0)
    control(guest, ep, ADD, fd)
    guest.call("close", ep)
    assert not guest.files.get(fd).watchers


def test_an_event_that_cannot_be_written_stays(guest):
    fd, ep = guest.call("eventfd2", 1, 0), guest.call("epoll_create1", 0)
    control(guest, ep, ADD, fd, IN | ET, 5)
    with pytest.raises(OSError) as refused:
        guest.call("epoll_wait", ep, 0x1000, 1, 0)
    assert refused.value.errno == errno.EFAULT
    assert ready(guest, ep) == [5]
    assert ready(guest, ep) == []


def test_duplicates_do_not_use_up_the_hosts_descriptors(guest):
    fd, copies = guest.call("eventfd2", 1, 0), []
    instances = [guest.call("epoll_create1", 0) for _ in range(8)]
    while len(copies) < 200:
        copies.append(guest.call("dup", fd))
    with pytest.raises(OSError) as refused:
        for ep in instances:
            for copy in copies:
                control(guest, ep, ADD, copy)
    assert refused.value.errno == errno.ENOSPC
    for ep in instances:
        guest.call("close", ep)
    assert not guest.files.get(fd).watchers and not Epoll.copies


def test_a_file_is_no_thing_to_wait_for(guest):
    ep = guest.call("epoll_create1", 0)
    for fd in (guest.open("file", os.O_CREAT | os.O_RDWR), guest.open("/data", os.O_RDONLY),
               guest.open("/dev/null", os.O_RDWR)):
        with pytest.raises(OSError) as refused:
            control(guest, ep, ADD, fd)
        assert refused.value.errno == errno.EPERM


def test_a_signalfd_wakes_a_waiter_only_for_what_it_can_read(guest):
    usr1, usr2 = 1 << 9, 1 << 11
    guest.mm.write_u64(OPTION, usr1)
    fd = guest.call("signalfd4", -1, OPTION, 8, 0)
    guest.mm.write_u64(OPTION, usr1 | usr2)
    guest.call("rt_sigprocmask", 0, OPTION, 0, 8)
    waiter = guest.machine.thread()
    waiter.signals.mask = usr1 | usr2
    assert guest.raw("read", fd, DATA, 128, task=waiter) is WAITING
    pid = guest.task.process.pid
    guest.call("kill", pid, 12)
    guest.machine.go()
    assert waiter.call is not None
    guest.call("kill", pid, 10)
    guest.machine.go()
    assert waiter.vcpu.result == 128
    assert guest.mm.read_u32(DATA) == 10


def test_there_are_so_many_watched_and_no_more(guest, monkeypatch):
    from skete.kernel.events import epoll
    ep, fds = guest.call("epoll_create1", 0), [guest.call("eventfd2", 0, 0) for _ in range(3)]
    monkeypatch.setattr(epoll, "_MOST_WATCHED", Epoll.watched + 2)
    control(guest, ep, ADD, fds[0])
    control(guest, ep, ADD, fds[1])
    with pytest.raises(OSError) as refused:
        control(guest, ep, ADD, fds[2])
    assert refused.value.errno == errno.ENOSPC
    control(guest, ep, DEL, fds[0])
    control(guest, ep, ADD, fds[2])

"""Blocked calls: in which order and for which reason they go on."""
import os
import select
import time

import pytest

from skete.kernel.outcome import READY, TIMEOUT, Wait
from skete.kernel.scheduler import Queue, Scheduler


def taken(scheduler):
    """The woken tasks with their reasons, in order."""
    scheduler.poll()
    ready, scheduler.ready = scheduler.ready, []
    return ready


class Sleeper:
    """As much of a task as the scheduler looks at."""
    wait = waited = None

    def __init__(self, scheduler):
        self.kernel = self
        self.scheduler = scheduler


@pytest.fixture
def scheduler():
    made = Scheduler()
    yield made
    made.close()


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def test_a_queue_wakes_in_order_and_forgets(scheduler):
    queue, tasks = Queue(), [Sleeper(scheduler) for _ in range(3)]
    for task in tasks:
        scheduler.block(task, Wait(queue))
    assert queue.wake(2) == 2 and len(queue) == 1
    assert scheduler.timeout_s() == 0.0
    assert taken(scheduler) == [(tasks[0], READY), (tasks[1], READY)]
    assert queue.wake() == 1 and queue.wake() == 0


def test_the_first_reason_wins(scheduler, pipe):
    task, queue, other = Sleeper(scheduler), Queue(), Queue()
    scheduler.block(task, Wait((queue, other), time.monotonic_ns() + 10**9, pipe[0], select.EPOLLIN))
    os.write(pipe[1], b"x")
    assert other.wake() == 1
    assert taken(scheduler) == [(task, READY)]
    assert not queue.tasks and scheduler.fd == -1 and scheduler.timeout_s() is None
    assert taken(scheduler) == []


def test_deadlines_come_in_order(scheduler):
    now = time.monotonic_ns()
    late, early = Sleeper(scheduler), Sleeper(scheduler)
    scheduler.block(late, Wait(deadline_ns=now + 10_000_000))
    scheduler.block(early, Wait(deadline_ns=now + 5_000_000))
    assert 0 < scheduler.timeout_s() <= 0.005
    time.sleep(0.012)
    assert taken(scheduler) == [(early, TIMEOUT), (late, TIMEOUT)]


def test_timers_expire_once_unless_cancelled(scheduler):
    seen = []
    scheduler.at(0, lambda: seen.append("a"))
    scheduler.cancel(scheduler.at(0, lambda: seen.append("b")))
    scheduler.poll()
    scheduler.poll()
    assert seen == ["a"] and scheduler.timeout_s() is None


def test_a_timer_may_set_another(scheduler):
    seen = []
    scheduler.at(0, lambda: scheduler.at(0, lambda: seen.append(1)))
    scheduler.poll()
    scheduler.poll()
    assert seen == [1]


def test_two_tasks_wait_for_one_descriptor(scheduler, pipe):
    reader, writer = Sleeper(scheduler), Sleeper(scheduler)
    scheduler.block(reader, Wait(host_fd=pipe[0], events=select.EPOLLIN))
    scheduler.block(writer, Wait(host_fd=pipe[0], events=select.EPOLLPRI))
    assert select.select([scheduler.fd], [], [], 0)[0] == []
    os.write(pipe[1], b"x")
    assert select.select([scheduler.fd], [], [], 1)[0]
    assert taken(scheduler) == [(reader, READY)]
    assert scheduler.fd >= 0
    scheduler.forget(writer)
    assert scheduler.fd == -1


def test_a_hangup_wakes_whatever_was_waited_for(scheduler):
    r, w = os.pipe()
    task = Sleeper(scheduler)
    scheduler.block(task, Wait(host_fd=r, events=select.EPOLLIN))
    os.close(w)
    assert taken(scheduler) == [(task, READY)]
    os.close(r)


def test_a_regular_file_is_always_ready(scheduler, tmp_path):
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    task = Sleeper(scheduler)
    scheduler.block(task, Wait(host_fd=fd, events=select.EPOLLIN))
    assert taken(scheduler) == [(task, READY)]
    os.close(fd)


def test_stale_deadlines_do_not_pile_up(scheduler):
    task, queue, far = Sleeper(scheduler), Queue(), time.monotonic_ns() + 10**12
    keeper = Sleeper(scheduler)
    scheduler.block(keeper, Wait(deadline_ns=far))
    for _ in range(5000):
        scheduler.block(task, Wait(queue, far))
        queue.wake()
        taken(scheduler)
    assert len(scheduler.heap) < 200
    assert scheduler.timeout_s() > 900, "the one that counts is still there"

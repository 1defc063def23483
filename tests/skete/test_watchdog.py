"""The thread that ends a call which takes too long."""
import os
from time import monotonic

import pytest

from skete import watchdog
from skete.watchdog import Overdue, Watchdog


@pytest.fixture
def dog(monkeypatch):
    """dog(give_up): a Watchdog that tries again soon."""
    monkeypatch.setattr(watchdog, "_AGAIN_S", 0.01)
    made = []

    def make(give_up=None) -> Watchdog:
        made.append(Watchdog(give_up))
        return made[-1]
    yield make
    for each in made:
        each.close()


def test_it_raises_wherever_its_thread_is(dog):
    dog().at(monotonic() + 0.02)
    with pytest.raises(Overdue):
        while True:
            pass


def test_it_does_so_again_where_somebody_swallows_that(dog):
    dog().at(monotonic())
    swallowed = 0
    with pytest.raises(Overdue):
        while True:
            try:
                while True:
                    pass
            except Overdue:
                swallowed += 1
                if swallowed == 3:
                    raise


def test_a_later_time_is_heeded(dog):
    watched = dog()
    watched.at(monotonic() + 0.05)
    watched.at(None)
    until = monotonic() + 0.1
    while monotonic() < until:
        pass
    watched.at(monotonic())
    with pytest.raises(Overdue):
        while True:
            pass


def test_after_it_is_closed_nothing_comes(dog):
    for _ in range(30):
        watched = dog()
        try:
            watched.at(0.0)
        except Overdue:
            pass
        watched.close()
        until = monotonic() + 0.003
        while monotonic() < until:
            pass


def test_a_call_of_the_host_that_does_not_come_back_is_said(dog):
    ours, theirs = os.pipe()
    dog(lambda: os.write(theirs, b"x")).at(monotonic())
    with pytest.raises(Overdue):
        os.read(ours, 1)
        while True:
            pass
    os.close(ours)
    os.close(theirs)

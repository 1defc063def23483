"""Processes that take turns are kept off the monitor's processor, and let go again."""
import os
import subprocess

import pytest

from skete.engines.process.apart import Apart


@pytest.fixture
def sleepers():
    """Two processes that do nothing, and where all may run."""
    everywhere = os.sched_getaffinity(0)
    if len(everywhere) == 1:
        pytest.skip("there is one processor")
    two = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
    yield everywhere, [each.pid for each in two]
    for each in two:
        each.kill()
        each.wait()
    assert os.sched_getaffinity(0) == everywhere, "the monitor runs where it did"


def test_they_run_elsewhere_until_it_ends(sleepers):
    everywhere, (one, other) = sleepers
    apart = Apart()
    for pid in (one, other, one):
        apart.keep(pid)
    here = os.sched_getaffinity(0)
    assert len(here) == 1
    assert os.sched_getaffinity(one) == os.sched_getaffinity(other) == everywhere - here
    apart.free(other)
    assert os.sched_getaffinity(other) == everywhere
    apart.end()
    assert os.sched_getaffinity(one) == os.sched_getaffinity(0) == everywhere
    apart.keep(other)
    assert os.sched_getaffinity(one) == everywhere != os.sched_getaffinity(other)
    apart.end()


def test_who_has_ended_is_left_alone(sleepers):
    everywhere, (one, other) = sleepers
    apart = Apart()
    gone = subprocess.Popen(["true"])
    gone.wait()
    apart.keep(gone.pid)
    assert os.sched_getaffinity(0) == everywhere and not apart.pids
    apart.keep(one)
    apart.keep(other)
    apart.forget(one)
    assert len(os.sched_getaffinity(0)) == 1
    apart.forget(other)
    assert os.sched_getaffinity(0) == everywhere
    apart.free(other)
    apart.end()

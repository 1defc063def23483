"""Words that no libc would pass, on descriptors of every kind here: the kernel answers and goes on.

What is no OSError would end the monitor.
"""
import random

import pytest

from skete.abi.signal import SIG_IGN
from skete.kernel import table
from skete.kernel.signals.pending import Action
from tests.skete.kernel.fake import DATA, DATA_SIZE
from tests.skete.kernel.net.conftest import OPTION, inet, unix

WORDS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 20, 26, 28, 41, 64, 110, 128, 0x40, 0x100, 0x4000, 0o4000,
         1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 47, 1 << 63, (1 << 64) - 1, DATA, DATA + 8, DATA + 64, DATA + 4096,
         DATA + DATA_SIZE - 4, 0x5000]
CALLS = sorted(nr for area, numbers in table.AREAS.items() if area.startswith(("net.", "events.")) for nr in numbers)
#: and what else is made on such a descriptor: read write poll ioctl readv writev dup close fcntl sendfile
CALLS += [0, 1, 7, 16, 19, 20, 23, 32, 3, 72, 40]


def furnish(guest) -> None:
    """Descriptors 0 to about 14: sockets in several states, epoll instances that watch some, timers, counters."""
    server, listener = guest.call("socket", 1, 1, 0), guest.call("socket", 2, 1, 0)
    guest.bind(server, b"\1\0\0server")
    guest.call("listen", server, 1)
    guest.bind(listener, inet(0))
    guest.call("listen", listener, 1)
    for kind in (1, 2, 5):
        guest.pair(kind)
    guest.call("socket", 2, 2, 0)
    ep = guest.call("epoll_create1", 0)
    for fd in (0, 1, 2, guest.call("epoll_create1", 0), guest.call("eventfd2", 1, 0)):
        guest.mm.write(OPTION, bytes([7]) + bytes(11))
        guest.call("epoll_ctl", ep, 1, fd, OPTION)
    guest.call("timerfd_create", 1, 0)
    guest.mm.write_u64(OPTION, 0xfff)
    guest.call("signalfd4", -1, OPTION, 8, 0)


@pytest.mark.parametrize("policy", ["none", "loopback"])
@pytest.mark.parametrize("seed", range(12))
def test_any_words_on_any_descriptor(with_policy, seed, policy):
    rng = random.Random(seed)
    guest = with_policy(net=policy)
    furnish(guest)
    names = [inet(0), inet(9), unix(b"x"), unix(b"/data/y"), b"\1\0\0server", b"\1\0", b"\0\0", b"\n\0" + bytes(26)]
    machine = guest.machine
    for signo in range(1, 65):
        machine.process.signals.actions[signo] = Action(SIG_IGN)
    for count in range(600):
        tasks = [task for task in machine.process.tasks.values() if task.call is None]
        if machine.process.status is not None or len(machine.process.tasks) > 60:
            break
        task = tasks[0] if tasks else machine.thread()
        for _ in range(6):
            guest.mm.write_u64(DATA + 8 * rng.randrange(64), rng.choice(WORDS))
        guest.mm.write(DATA + 64, rng.choice(names))
        words = [rng.choice(WORDS) for _ in range(6)]
        if rng.random() < 0.8:
            words[0] = rng.randrange(20)
        if rng.random() < 0.5:
            words[1], words[2] = DATA + 64, rng.choice((16, 28, 110, 8, 2))
        machine.call(task, rng.choice(CALLS), *words)
        machine.go()
    # Whoever still waits is ended with the process, and lets go of what it held.
    for task in machine.process.tasks.values():
        if task.call is not None:
            machine.kernel.scheduler.forget(task)
            task.call.close()
    for timer in machine.process.timers.values():
        timer.stop()
    assert count > 100

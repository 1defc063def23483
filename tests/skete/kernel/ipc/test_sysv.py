"""SysV semaphores and message queues: values, waiting, undoing, removal, permissions."""
import struct
from errno import E2BIG, EACCES, EAGAIN, EEXIST, EFBIG, EINVAL, ENOENT, ENOMSG, ERANGE

import pytest

from tests.skete.kernel.fake import DATA, WAITING

IPC_CREAT, IPC_EXCL, IPC_NOWAIT, SEM_UNDO = 0o1000, 0o2000, 0o4000, 0o10000
RMID, STAT, GETVAL, GETALL, GETNCNT, SETVAL, SETALL = 0, 2, 12, 13, 14, 16, 17
MSG_NOERROR, MSG_EXCEPT = 0o10000, 0o20000
KEY = 0x5e5e


def operate(machine, task, number, *operations):
    machine.mm.write(DATA, b"".join(struct.pack("<Hhh", *one) for one in operations))
    return machine.call(task, 65, number, DATA, len(operations))


def send(machine, number, kind, data, flags=IPC_NOWAIT):
    machine.mm.write(DATA, struct.pack("<q", kind) + data)
    return machine.call(machine.task, 69, number, DATA, len(data), flags)


def receive(machine, number, kind=0, size=100, flags=IPC_NOWAIT):
    got = machine.call(machine.task, 70, number, DATA, size, kind, flags)
    return machine.mm.read(DATA + 8, got) if got >= 0 else got


def test_a_key_leads_to_its_set_and_to_no_smaller_one(sys):
    number = sys.semget(KEY, 2, IPC_CREAT | 0o600)
    assert sys.semget(KEY, 2, 0o600) == sys.semget(KEY, 0, 0) == number
    assert sys.semget(KEY, 2, IPC_CREAT | IPC_EXCL) == -EEXIST
    assert sys.semget(KEY, 3, 0) == -EINVAL and sys.semget(KEY + 1, 1, 0) == -ENOENT
    assert sys.semget(KEY + 1, 0, IPC_CREAT) == -EINVAL
    assert sys.semctl(number, 0, RMID, 0) == 0 and sys.semctl(number, 0, STAT, DATA) == -EINVAL


def test_operations_are_done_together_or_not_at_all(machine, sys):
    number = sys.semget(0, 2, 0o600)
    assert operate(machine, machine.task, number, (0, 5, 0), (1, -1, IPC_NOWAIT)) == -EAGAIN
    assert sys.semctl(number, 0, GETVAL, 0) == 0, "the first was taken back"
    assert operate(machine, machine.task, number, (0, 5, 0), (1, 1, 0), (1, -1, 0)) == 0
    assert sys.semctl(number, 0, GETVAL, 0) == 5


@pytest.mark.parametrize("why, operations, errno", [
    ("no such semaphore", [(2, 1, 0)], EFBIG), ("above SEMVMX", [(0, 32767, 0), (0, 1, 0)], ERANGE),
    ("must be 0", [(0, 1, 0), (0, 0, IPC_NOWAIT)], EAGAIN), ("none", [], EINVAL),
])
def test_semop_refuses(machine, sys, why, operations, errno):
    assert operate(machine, machine.task, sys.semget(0, 2, 0o600), *operations) == -errno, why


def test_who_waits_is_counted_and_goes_on_when_there_is_enough(machine, sys):
    number, other = sys.semget(0, 1, 0o600), machine.thread()
    assert operate(machine, other, number, (0, -2, 0)) is WAITING
    assert sys.semctl(number, 0, GETNCNT, 0) == 1
    operate(machine, machine.task, number, (0, 1, 0))
    machine.kernel.run_ready()
    assert sys.semctl(number, 0, GETNCNT, 0) == 1
    operate(machine, machine.task, number, (0, 1, 0))
    machine.kernel.run_ready()
    assert (sys.semctl(number, 0, GETNCNT, 0), sys.semctl(number, 0, GETVAL, 0)) == (0, 0)


def test_what_was_done_with_undo_is_undone_at_the_end_of_the_process(machine, sys):
    from skete.kernel.ipc.sysv_sem import undo
    number = sys.semget(0, 1, 0o600)
    operate(machine, machine.task, number, (0, 5, 0), (0, 2, SEM_UNDO))
    undo(machine.process)
    assert sys.semctl(number, 0, GETVAL, 0) == 5


def test_setting_a_value_leaves_nothing_to_undo(machine, sys):
    from skete.kernel.ipc.sysv_sem import undo
    number = sys.semget(0, 2, 0o600)
    operate(machine, machine.task, number, (0, 2, SEM_UNDO), (1, 2, SEM_UNDO))
    assert sys.semctl(number, 0, SETVAL, 7) == 0 and sys.semctl(number, 0, SETVAL, 32768) == -ERANGE
    undo(machine.process)
    assert [sys.semctl(number, one, GETVAL, 0) for one in (0, 1)] == [7, 0]


def test_a_mode_keeps_its_owner_out(sys):
    number = sys.semget(KEY, 1, IPC_CREAT | 0o400)
    assert sys.semget(KEY, 1, 0o200) == -EACCES
    assert sys.semctl(number, 0, SETVAL, 1) == -EACCES and sys.semctl(number, 0, GETVAL, 0) == 0


def test_messages_are_taken_by_type(machine, sys):
    queue = sys.msgget(0, 0o600)
    for kind, text in ((3, b"three"), (1, b"one"), (2, b"two"), (3, b"again")):
        assert send(machine, queue, kind, text) == 0
    assert receive(machine, queue, -2) == b"one", "the lowest up to 2"
    assert receive(machine, queue, 3, flags=IPC_NOWAIT | MSG_EXCEPT) == b"two"
    assert receive(machine, queue, 3, 2) == -E2BIG
    assert receive(machine, queue, 3, 2, IPC_NOWAIT | MSG_NOERROR) == b"th"
    assert receive(machine, queue) == b"again" and receive(machine, queue) == -ENOMSG


@pytest.mark.parametrize("kind, size", [(0, 1), (-1, 1), (1, 8193)])
def test_msgsnd_refuses(machine, sys, kind, size):
    assert send(machine, sys.msgget(0, 0o600), kind, b"x" * size) == -EINVAL


def test_a_full_queue_takes_no_more_until_there_is_room(machine, sys):
    queue, sent = sys.msgget(0, 0o600), 0
    while send(machine, queue, 1, b"x" * 8192) == 0:
        sent += 1
    assert sent == 2 and send(machine, queue, 1, b"x") == -EAGAIN
    assert send(machine, queue, 1, b"x", 0) is WAITING

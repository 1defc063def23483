"""Who may what, in tables; and how one becomes another. What needs a host that checks is in tests/skete/test_identity.py."""
import struct
from errno import EPERM
from types import SimpleNamespace

import pytest

from skete.kernel.config import Config
from skete.kernel.identity import credentials
from skete.kernel.identity.credentials import DAC_OVERRIDE, FILES, FOWNER, KILL, SERVED, SETUID
from skete.kernel.process import executed
from tests.skete.kernel.fake import DATA, Machine

SAME, ROOT = 0xffff_ffff, credentials.first(Config(uid=0, gid=0, capabilities=SERVED))
USER = ROOT.but(uid=7, euid=7, suid=7, fsuid=7, gid=8, egid=8, sgid=8, fsgid=8, groups=(9,), permitted=0, effective=0)


@pytest.mark.parametrize("who, uid, gid, mode, wanted, may", [
    (USER, 7, 0, 0o600, 6, True), (USER, 7, 8, 0o077, 4, False), (USER, 1, 8, 0o640, 4, True),
    (USER, 1, 9, 0o640, 4, True), (USER, 1, 9, 0o604, 4, False), (USER, 1, 1, 0o604, 4, True),
    (USER, 1, 1, 0o644, 2, False), (ROOT, 7, 7, 0, 6, True), (ROOT, 7, 7, 0o644, 1, False), (ROOT, 7, 7, 0o654, 1, True),
    (ROOT.but(effective=SERVED & ~DAC_OVERRIDE), 7, 7, 0o600, 4, False),
    (USER.but(effective=DAC_OVERRIDE), 1, 1, 0, 6, True)])
def test_permissions(who, uid, gid, mode, wanted, may):
    assert who.may(uid, gid, mode, wanted) is may


def test_root_searches_any_directory():
    assert ROOT.may(7, 7, 0, 1, directory=True) and not USER.may(1, 1, 0o644, 1, directory=True)


def test_what_the_host_has_to_be_told():
    assert ROOT.wear is None and ROOT.but(groups=(1, 2), effective=FILES).wear is None
    assert USER.wear == (7, 8, (9,), 0)
    assert ROOT.but(effective=SERVED & ~FOWNER).wear == (0, 0, (), FILES & ~FOWNER)
    told = credentials.first(Config(uid=0, gid=0))
    assert told.wear is told.but(effective=KILL).wear is None and told.effective == told.bounding == 0
    assert credentials.first(Config(uid=5, capabilities=SERVED)).permitted == 0, "root alone has them"


def test_access_asks_for_the_real_ids():
    assert ROOT.real() is ROOT and USER.real() is USER
    effective = ROOT.but(euid=7, fsuid=7, effective=0)
    assert (effective.real().fsuid, effective.real().effective) == (0, SERVED)
    assert ROOT.but(uid=7).real().effective == 0


@pytest.mark.parametrize("why, who, mode, prctl, euid, effective, secure", [
    ("root", ROOT, 0o755, {}, 0, SERVED, False), ("root without them", ROOT.but(effective=0, permitted=0), 0o755, {}, 0,
                                                  SERVED, False),
    ("a user", USER, 0o755, {}, 7, 0, False), ("set-user-id", USER, 0o4755, {}, 0, SERVED, True),
    ("no new privileges", USER, 0o4755, {"no_new_privs": 1}, 7, 0, False),
    ("an ambient set", USER.but(permitted=KILL, inheritable=KILL, ambient=KILL), 0o755, {}, 7, KILL, False),
    ("which ids do away with", USER.but(permitted=KILL, inheritable=KILL, ambient=KILL, euid=8), 0o755, {}, 8, 0, True),
    ("a smaller bounding set", ROOT.but(bounding=KILL), 0o755, {}, 0, KILL, False),
    ("root, told only", USER.but(host=None), 0o4755, {}, 7, 0, False)])
def test_executing(why, who, mode, prctl, euid, effective, secure):
    task = SimpleNamespace(creds=who, process=SimpleNamespace(prctl=prctl))
    st = SimpleNamespace(st_mode=mode, st_uid=0, st_gid=0)
    new, distrusts = executed.credentials_of(task, st, True)
    assert (new.euid, new.suid, new.effective, distrusts) == (euid, euid, effective, secure)
    assert executed.credentials_of(task, st, False)[0].euid == who.euid


@pytest.fixture
def root():
    machine = Machine(uid=0, gid=0, capabilities=SERVED)
    yield machine
    machine.kernel.scheduler.close()


def test_root_becomes_another_and_stays_it(root, caller):
    sys = caller(root, root.task)
    assert sys.setresuid(SAME, 7, SAME) == 0 and sys.geteuid() == 7 and sys.getuid() == 0
    assert root.task.creds.effective == 0 and root.task.creds.permitted == SERVED
    assert sys.setgid(7) == -EPERM
    assert sys.setuid(0) == 0 and root.task.creds.effective == SERVED
    root.mm.write(DATA, struct.pack("<2I", 9, 8))
    assert sys.setgroups(2, DATA) == 0 and root.task.creds.groups == (8, 9)
    assert sys.setresgid(8, 8, 8) == 0 and sys.setresuid(7, 7, 7) == 0
    assert root.task.creds.permitted == 0 and root.process.prctl["dumpable"] == 0
    assert sys.setresuid(SAME, 0, SAME) == sys.setgroups(0, 0) == sys.setuid(0) == -EPERM


def test_a_thread_is_who_it_is(root, caller):
    other = root.thread()
    assert caller(root, other).setresuid(7, 7, 7) == 0
    assert caller(root, root.task).getuid() == 0 and caller(root, other).getuid() == 7
    assert credentials.of(root.process).uid == 0


def test_keeping_capabilities(root, caller):
    sys = caller(root, root.task)
    assert sys.prctl(8, 1) == 0 and sys.setresuid(7, 7, 7) == 0
    assert (root.task.creds.permitted, root.task.creds.effective) == (SERVED, 0)
    root.mm.write(DATA, struct.pack("<IiIII", 0x1998_0330, 0, SETUID, SETUID, 0))
    assert sys.capset(DATA, DATA + 8) == 0 and sys.setuid(3) == 0
    assert root.task.creds.uid == 3 and root.task.creds.permitted == SETUID

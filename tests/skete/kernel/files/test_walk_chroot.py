"""Path resolution against Linux's own: random paths over a tree full of links, in a chroot and in a guest's root."""
import json
import os
import random

import pytest

from tests.skete.kernel.files.guest import Guest

NAMES = ["a", "b", "c", "d", "up", "abs", "root", "self", "out", "file", "dangling", "loop", "slash", "deep", "no"]
LINKS = {"up": "..", "abs": "/a/b", "root": "/", "self": ".", "out": "../../../../../..", "dangling": "nowhere/x",
         "loop": "loop", "slash": "b/", "deep": "up/a/./b/../b"}


def build(top, level=0):
    for name in ("a", "b", "c"):
        if level < 3:
            (top / name).mkdir()
            build(top / name, level + 1)
    for name, text in LINKS.items():
        (top / name).symlink_to(text)
    (top / "file").write_text(str(level))


def paths(seed, count):
    dice = random.Random(seed)
    for _ in range(count):
        parts = [dice.choice([*NAMES, *"abc", "..", ".", ""]) for _ in range(dice.randint(1, 7))]
        yield dice.choice(["/", "", "/"]) + "/".join(parts) + dice.choice(["", "", "/", "/."])


def observe(path, stat, open_, close):
    """What Linux or we answer: inode or errno of stat, lstat, and of open with several flags."""
    seen = []
    for follow in (True, False):
        try:
            seen.append(stat(path, follow))
        except OSError as e:
            seen.append(-e.errno)
    for flags in (os.O_PATH, os.O_DIRECTORY, os.O_NOFOLLOW, os.O_CREAT | os.O_EXCL | os.O_DIRECTORY, os.O_RDWR):
        try:
            close(open_(path, flags))
            seen.append(0)
        except OSError as e:
            seen.append(-e.errno)
    return seen


def in_chroot(top, wanted):
    """The answers of Linux, from a child whose root is ``top``."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reader)
            os.chroot(top)
            os.chdir("/a/b")
            answers = [observe(path, lambda p, follow: os.stat(p, follow_symlinks=follow).st_ino, os.open, os.close)
                       for path in wanted]
            with open(writer, "w") as out:
                json.dump(answers, out)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader) as answers:
        text = answers.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return json.loads(text)


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot(2) takes root")
@pytest.mark.parametrize("seed", range(4))
def test_every_path_leads_where_linux_says(tmp_path, seed, descriptors):
    build(tmp_path)
    wanted = list(paths(seed, 400))
    guest = Guest((tmp_path, "/"), cwd=b"/a/b")
    expected = in_chroot(tmp_path, wanted)
    for path, linux in zip(wanted, expected):
        ours = observe(path, lambda p, follow: guest.stat(p, "stat" if follow else "lstat").ino, guest.open,
                       lambda fd: guest.call("close", fd))
        assert ours == linux, path
    guest.close()

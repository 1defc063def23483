"""The names of bits and values against the headers of this host."""
import subprocess

from skete.observe.flags import NAMED, table
from skete.observe.multi import IOCTLS

HEADERS = """fcntl.h sched.h poll.h signal.h termios.h sys/ioctl.h sys/stat.h sys/mman.h sys/time.h sys/resource.h
sys/socket.h netinet/in.h netinet/tcp.h sys/epoll.h sys/eventfd.h sys/signalfd.h sys/inotify.h sys/timerfd.h sys/wait.h
sys/prctl.h sys/random.h sys/file.h sys/statvfs.h sys/personality.h sys/xattr.h sys/uio.h asm/prctl.h linux/futex.h
linux/membarrier.h linux/rseq.h linux/magic.h linux/close_range.h time.h""".split()
#: glibc hides the kernel's value of these
DIFFERENT = {"O_LARGEFILE"}


def names():
    found = {name: value for which in NAMED for value, name in table(which)[1]}
    found.update({name.split(" or ")[-1]: request for request, (name, _) in IOCTLS.items()})
    return {name: value for name, value in found.items() if name not in DIFFERENT}


def test_every_value_is_that_of_the_headers(tmp_path, host):
    source = "#define _GNU_SOURCE\n#include <stdio.h>\n"
    source += "".join(f"#if __has_include(<{header}>)\n#include <{header}>\n#endif\n" for header in HEADERS)
    source += "int main(void)\n{\n"
    source += "".join(f'#ifdef {name}\nprintf("{name} %lld\\n", (long long)({name}));\n#endif\n' for name in names())
    (tmp_path / "names.c").write_text(source + "return 0;\n}\n")
    built = subprocess.run([host.gcc, "-w", "-o", tmp_path / "names", tmp_path / "names.c"],
                           capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    printed = subprocess.run([tmp_path / "names"], capture_output=True, text=True, check=True, timeout=10).stdout
    theirs = {name: int(value) for name, value in (line.split() for line in printed.splitlines())}
    ours = names()
    # Enumerations and calls newer than the headers are not macros there; most are.
    assert len(theirs) > 0.85 * len(ours), sorted(set(ours) - set(theirs))
    wrong = {name: (hex(ours[name]), hex(value)) for name, value in theirs.items()
             if value & 0xffff_ffff != ours[name] & 0xffff_ffff}
    assert not wrong

"""The table of numbers against the header that this host's C compiler sees."""
import re
import subprocess

import pytest

from skete.abi.syscalls import NAMES, NUMBERS

LAST_OF_6_1 = 450       # set_mempolicy_home_node; a newer header adds, it never renumbers


def header_numbers(host):
    macros = subprocess.run([host.command("gcc"), "-dM", "-E", "-include", "asm/unistd_64.h", "-x", "c", "/dev/null"],
                            capture_output=True, text=True, timeout=30)
    if macros.returncode:
        host.lacks("asm/unistd_64.h", "linux-libc-dev")
    found = {int(nr): name for name, nr in re.findall(r"#define __NR_(\w+) (\d+)", macros.stdout)}
    return {nr: name for nr, name in found.items() if nr <= LAST_OF_6_1}


def test_the_numbers_are_the_kernels_own(host):
    assert NAMES == header_numbers(host)


def test_names_and_numbers_are_inverse():
    assert {NUMBERS[name]: name for name in NUMBERS} == NAMES
    assert len(NUMBERS) == len(NAMES)


@pytest.mark.parametrize("name, nr", [("read", 0), ("sendfile", 40), ("exit", 60), ("rseq", 334),
                                      ("pidfd_send_signal", 424), ("futex_waitv", 449)])
def test_the_ends_of_each_run(name, nr):
    assert NUMBERS[name] == nr

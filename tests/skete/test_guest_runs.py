"""Guests that need more than a plain run: ways to end, arguments, a terminal, addresses to attack."""
import os
import struct
import subprocess

import pytest

WAYS = ("return exit _exit exit-group-from-thread main-leaves-first last-thread-has-the-status abort segv "
        "segv-in-thread fpe ill trap bus term kill alarm pipe rtmin blocked-fault-kills ignored-fault-kills "
        "no-stack-for-the-handler").split()


def native(program, *args, env=None, **kwargs):
    return subprocess.run([program, *args], env=env or {}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, **kwargs)


def test_all_ways_to_end_are_tried(guests):
    assert native(guests("ending")).stdout.split() == WAYS


@pytest.mark.parametrize("way", WAYS)
def test_ends_as_it_does_natively(way, guests, engine_name, able, skete):
    """The same output, and the status as a shell would say it: 128 + n for death by signal n."""
    able(way)
    program = guests("ending")
    on_host = native(program, way)
    if way == "last-thread-has-the-status" and on_host.returncode == 4:
        pytest.skip("this host's Linux takes the first thread's status")
    guest = skete("run", "--engine", engine_name, "--timeout", "30", program, way)
    assert guest.stdout == on_host.stdout, guest.stderr
    status = on_host.returncode
    assert guest.returncode == (status if status >= 0 else 128 - status), guest.stderr


@pytest.mark.parametrize("args", [[], [""], ["one", "two words", "", "ü\n\t", "x" * 5000], ["y"] * 2000],
                         ids=["none", "an empty one", "several", "many"])
def test_gets_its_arguments_and_variables(args, guests, engine_name, skete):
    program = guests("args")
    on_host = native(program, *args, env={"GUEST_A": "1", "GUEST_EMPTY": "", "GUEST_NO_VDSO": ""})
    guest = skete("run", "--engine", engine_name, "--env", "GUEST_A=1", "--env", "GUEST_EMPTY=", "--env",
                  "GUEST_NO_VDSO=", program, *args)
    # Natively there is a vDSO, and with GUEST_NO_VDSO that is a difference the guest reports.
    assert guest.stdout.splitlines()[-1] == "passed" and guest.returncode == 0, guest.stdout + guest.stderr
    for line in on_host.stdout.split("auxiliary")[0].splitlines()[:-1]:
        assert line in guest.stdout.splitlines()


def test_has_no_vdso(guests, engine_name, skete):
    guest = skete("run", "--engine", engine_name, "--env", "GUEST_NO_VDSO=1", guests("vdso"))
    assert (guest.returncode, guest.stdout.splitlines()[-1]) == (0, "passed"), guest.stdout


def test_sees_the_window_of_its_terminal(guests, engine_name, skete, tmp_path):
    import fcntl
    import termios
    main, terminal = os.openpty()
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
        guest = skete("run", "--engine", engine_name, "--mount", f"{tmp_path}:/work", "--cwd", "/work", guests("tty"),
                      stdin=terminal)
    finally:
        os.close(main)
        os.close(terminal)
    assert guest.returncode == 0, guest.stdout + guest.stderr
    assert guest.stdout.splitlines()[:3] == ["stdin: a terminal of 101 x 33", "stdout: no terminal",
                                             "stderr: no terminal"]


#: What the process engine has in its guest: the stub's first pages, and the end of its range.
TARGETS = {"process": ["700000000000", "700000001000", "70000ffff000"]}


def test_keeps_a_hostile_guest_from_its_own_memory(guests, engine_name, skete, tmp_path):
    program = guests("hostile")
    targets = TARGETS.get(engine_name, [])
    on_host = native(program, *targets, cwd=tmp_path)
    guest = skete("run", "--engine", engine_name, "--timeout", "60", program, *targets)
    assert (on_host.returncode, guest.returncode) == (0, 0), on_host.stdout + guest.stdout + guest.stderr
    assert guest.stdout == on_host.stdout

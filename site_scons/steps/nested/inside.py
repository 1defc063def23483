"""The first process of the emulated machine: load KVM, run each guest on two engines, compare, switch off.

Every line that counts begins with `nested:`; the last of a machine that got to its end is `nested: end`. It imports
nothing of ours: skete is run as a command, as a user would.
"""
import ctypes
import os
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
MOUNTS = (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp"), ("tmpfs", "/dev/shm"))
MODULES = "/modules"
FINIT_MODULE, REBOOT, RB_POWER_OFF = 313, 169, 0x4321_FEDC
#: of one run; the slowest, threads, takes 75 to 260 on a host at rest or busy
TIMEOUT_S = 600
#: lines that say how long something took
TIMES = (" Time in seconds", " Mop/s total")


def say(text: str) -> None:
    sys.stdout.write(f"nested: {text}\n")
    sys.stdout.flush()


def checked(result: int, what: str) -> None:
    """OSError where a call of the C library failed."""
    if result:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def mount() -> None:
    for kind, where in MOUNTS:
        os.makedirs(where, exist_ok=True)
        checked(LIBC.mount(kind.encode(), where.encode(), kind.encode(), 0, None), f"mount {where}")


def load(parameters: str) -> None:
    """Load the modules, in the order of their names; the parameters are the last one's."""
    names = sorted(os.listdir(MODULES))
    for name in names:
        words = parameters if name == names[-1] else ""
        fd = os.open(f"{MODULES}/{name}", os.O_RDONLY)
        checked(LIBC.syscall(FINIT_MODULE, fd, words.encode(), 0), f"loading {name} {words}")
        os.close(fd)


def run(engine: str, words: list) -> tuple:
    """(status, output without times, stderr, seconds)"""
    begun = time.monotonic()
    done = subprocess.run(["/skete/bin/skete", "run", "--engine", engine, "--timeout", str(TIMEOUT_S), *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S + 60)
    kept = [line for line in done.stdout.splitlines() if not line.startswith(TIMES)]
    return done.returncode, "\n".join(kept), done.stderr, time.monotonic() - begun


def compare(line: str) -> bool:
    """Run one line of /guests/list on both engines; whether they agree, and it succeeded."""
    words = line.split()
    name = os.path.basename(words[0])
    process, kvm = run("process", words), run("kvm", words)
    verdict = "DIFFERS" if process[:2] != kvm[:2] else "FAILS" if kvm[0] else "same"
    took = f"process {process[3]:.1f} s, kvm {kvm[3]:.1f} s"
    say(f"{name}: status {kvm[0]}, {len(kvm[1].splitlines())} lines of output, {took}: {verdict}")
    for line in (line for line in kvm[1].splitlines() if "Verification" in line):
        say(f"{name}: {line.strip()}")
    if verdict != "same":
        for engine, (status, output, errors, _) in (("process", process), ("kvm", kvm)):
            say(f"{name} on {engine}: status {status}\n{output[-2000:]}\n{errors[-4000:]}")
    return verdict == "same"


def main() -> None:
    mount()
    with open("/proc/cmdline") as file:
        given = [word[7:] for word in file.read().split() if word.startswith("skete.=")]
    parameters = " ".join(given)
    load(parameters)
    say(f"Linux {os.uname().release}, {os.cpu_count()} processors, kvm_amd {parameters or 'as it comes'}")
    LIBC.syscall(103, 8, None, 1)       # syslog: warnings and worse alone come to the console
    survey = subprocess.run(["/skete/bin/skete", "engines"], capture_output=True, text=True, timeout=TIMEOUT_S)
    say("skete engines\n" + survey.stdout + survey.stderr)
    with open("/guests/list") as file:
        lines = file.read().splitlines()
    same = sum(map(compare, lines))
    say(f"{same} of {len(lines)} guests are the same on both engines")
    if same == len(lines):
        say("all the same")


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        import traceback
        traceback.print_exc(file=sys.stdout)
    say("end")
    os.sync()
    LIBC.reboot(RB_POWER_OFF)

"""Run guests on a hardware KVM that is emulated: `python -m steps.nested LOG PROGRAM... [-- KVM_AMD_PARAMETER...]`.

QEMU emulates a processor with SVM and boots Debian's kernel; there kvm_amd makes a /dev/kvm, and skete runs each
program on its process engine and on its KVM engine. LOG gets the console. The step fails where one differs, or where
the machine did not get to its end.
"""
from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from steps import step
from steps.nested import image, kernel
from steps.step import Failure

TOP = Path(__file__).resolve().parents[3]
QEMU = "qemu-system-x86_64"
#: of the whole machine, in seconds. It is some 30 times slower than the host.
TIMEOUT_S = 1800


def command(tree: Path, archive: Path, parameters: list[str]) -> list[str]:
    """The emulator: two processors, no disk, no network, a console on its standard output."""
    line = ["console=ttyS0", "panic=-1", "loglevel=4", "mitigations=off", *(f"skete.={word}" for word in parameters)]
    return [QEMU, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2G", "-nodefaults", "-no-reboot",
            "-display", "none", "-serial", "stdio", "-kernel", str(kernel.image(tree)), "-initrd", str(archive),
            "-append", " ".join(line)]


def boot(words: list[str], log: Path) -> None:
    """Run the machine until it switches itself off; its console goes to `log`, and ours to the terminal."""
    with log.open("wb") as file:
        try:
            subprocess.run(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"the emulated machine did not come to its end in {TIMEOUT_S} s; its console is in {log}") from None


def judge(log: Path) -> None:
    """Show what the machine said; Failure unless it got to its end and all was the same."""
    text = log.read_text(errors="replace").replace("\r", "")
    start = text.find("nested: ")
    sys.stdout.write(text[start if start >= 0 else max(0, len(text) - 3000):])
    if "\nnested: all the same\nnested: end\n" not in text:
        raise Failure(f"the KVM engine on the emulated kvm_amd: see {log}")


def main(arguments: list[str]) -> None:
    if "--" in arguments:
        at = arguments.index("--")
        arguments, parameters = arguments[:at], arguments[at + 1:]
    else:
        parameters = []
    log, *programs = map(Path, arguments)
    if shutil.which(QEMU) is None:
        raise Failure(f"{QEMU} is not here: apt-get install --no-install-recommends qemu-system-x86")
    tree = kernel.obtain(log.parent / "kernel")
    archive = log.parent / "initrd.gz"
    image.write(archive, TOP, programs, kernel.modules(tree))
    boot(command(tree, archive, parameters), log)
    judge(log)


if __name__ == "__main__":
    step.run(main)

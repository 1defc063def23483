"""Make .venv, once: called by ./scons when its stamp does not match.

A set-up that was interrupted is never taken for a finished one: the stamp is written last, under another name first,
and whatever is found without the right stamp is removed and made again. (A folder under a temporary name, renamed at
the end, would do as well, but every script in a virtual environment names the folder it was made in.) Several first
calls at once wait for each other on a lock; the later ones find the stamp and have nothing to do.

Standard library only, in the syntax of an old Python, so that the message about it can be printed.
"""
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys

import system

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(TOP, ".venv")
STAMP = os.path.join(VENV, "stamp")
REQUIREMENTS = os.path.join(TOP, "requirements.txt")


def wanted_stamp():
    """Return what the stamp of a finished environment says: hash of the requirements, version of the interpreter."""
    with open(REQUIREMENTS, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    return "%s Python %s" % (digest, sys.version.split()[0])


def current_stamp():
    """Return the stamp that is there, or None."""
    try:
        with open(STAMP) as f:
            return f.read().strip()
    except OSError:
        return None


def say(word, text):
    print("  %-6s %s" % (word, text), flush=True)


def fail(text):
    sys.stderr.write("skete: %s\n" % text)
    sys.exit(2)


def check_system():
    """Stop with the install command unless Python, its venv and the tools of the build are all there."""
    if sys.version_info < system.PYTHON:
        fail("Python %d.%d or newer is needed; python3 is %s" % (system.PYTHON + (sys.version.split()[0],)))
    try:
        import ensurepip  # noqa: F401  Debian has it in python3-venv
        import venv       # noqa: F401
        extra = ()
    except ImportError:
        extra = ("python3-venv",)
    system.require_commands(extra)


def make_environment():
    if os.path.islink(VENV):
        fail(".venv is a link to %s, which was not made for this requirements.txt and Python %s: "
             "remove the link, and the next call makes an environment" % (os.readlink(VENV), sys.version.split()[0]))
    if os.path.isdir(VENV):
        shutil.rmtree(VENV)
    say("VENV", "%s (Python %s)" % (os.path.relpath(VENV), sys.version.split()[0]))
    made = subprocess.run([sys.executable, "-m", "venv", VENV], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if made.returncode:
        fail("python3 -m venv failed:\n" + made.stdout)


def install():
    """Run pip, with one line for each package it takes up; its full output is shown only when it fails."""
    with open(REQUIREMENTS) as f:
        total = len(re.findall(r"^\S+==", f.read(), re.MULTILINE))
    command = [os.path.join(VENV, "bin", "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check",
               "--progress-bar", "off", "--require-hashes", "-r", REQUIREMENTS]
    output = []
    count = 0
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    for line in pip.stdout:
        output.append(line)
        taken = re.match(r"(?:Collecting|Processing) (\S+)", line)
        if taken:
            count += 1
            # "jinja2==3.1.6", or a wheel's file name where the package is at hand already
            name = os.path.basename(taken.group(1))
            say("PIP", "%d/%d %s" % (count, total, " ".join(name.split("==" if "==" in name else "-")[:2])))
        elif line.startswith("Installing collected"):
            say("PIP", "installing %d packages" % count)
    if pip.wait():
        sys.stderr.write("".join(output[-25:]))
        fail("pip could not install requirements.txt (its words are above); "
             "when the cause is mended, run the same command again")


def write_stamp():
    with open(STAMP + ".new", "w") as f:
        f.write(wanted_stamp() + "\n")
        f.flush()
        os.fsync(f.fileno())
    os.replace(STAMP + ".new", STAMP)


def main():
    check_system()
    with open(os.path.join(TOP, ".venv.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("VENV", "another call is setting up .venv; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if current_stamp() == wanted_stamp() and os.access(os.path.join(VENV, "bin", "python"), os.X_OK):
            return
        make_environment()
        install()
        write_stamp()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

"""What the build needs from the system, and the command that installs it.

Plain standard library in the syntax of an old Python: bootstrap.py uses it before anything else is known to be there.
"""
import os
import shutil
import sys

PYTHON = (3, 11)    # tomllib

# command -> the Debian package that has it
COMMANDS = (
    ("gcc", "gcc"),
    ("ld", "binutils"),
    ("make", "make"),
    ("patch", "patch"),
)

# module -> its distribution on the package index
MODULES = (
    ("jinja2", "jinja2"),
    ("elftools", "pyelftools"),
    ("requests", "requests"),
    ("rich", "rich"),
)


def missing_packages():
    """Return the Debian packages, sorted, whose commands are not on PATH."""
    return sorted(package for command, package in COMMANDS if shutil.which(command) is None)


def missing_modules():
    """Return the distributions, sorted, whose modules this interpreter does not find."""
    from importlib.util import find_spec
    return sorted(name for module, name in MODULES if find_spec(module) is None)


def install_command(packages):
    """Return the one line that installs Debian packages, for the user who is asking."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return sudo + "apt-get install " + " ".join(packages)


def complaint(packages):
    """Return the words for missing Debian packages."""
    plural = len(packages) > 1
    return (
        "skete: the system package%s %s %s missing. Install with\n\n    %s\n"
        % ("s" if plural else "", ", ".join(packages), "are" if plural else "is", install_command(packages))
    )


def require_commands(extra=()):
    """End the program with the install command when a system package is missing. `extra`: more packages known to be."""
    missing = sorted(set(missing_packages()) | set(extra))
    if missing:
        sys.stderr.write(complaint(missing))
        sys.exit(2)


def require_modules():
    """End the program with the remedy when a Python package is missing (possible under a plain `scons` only)."""
    missing = missing_modules()
    if missing:
        sys.stderr.write(
            "skete: SCons runs under %s, which lacks the Python package%s %s.\n"
            "skete: use ./scons, which sets up everything by itself, or install requirements.txt there.\n"
            % (sys.executable, "s" if len(missing) > 1 else "", ", ".join(missing))
        )
        sys.exit(2)

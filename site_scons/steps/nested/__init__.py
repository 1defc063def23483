"""A machine with a hardware KVM inside, emulated: for `scons test kvm=nested`.

    __main__.py    the step: collect, start, judge
    kernel.py      Debian's kernel package, unpacked
    image.py       the machine's file system: Python, skete, the guests
    inside.py      what the machine runs as its first process
"""

"""ELF bytes in; mappings, entry and initial stack out. Opens no file, imports nothing but ``struct``.

    image = load(data, "a.out", user_range=engine.user_range, reserved=engine.reserved)
    for m in image.mappings:            # in this order: a later one replaces the pages it shares
        ...map m.length zero bytes at m.start with m.prot, then put m.content at m.start...
    start = stack(image, argv, envp, host=host_auxv())
    ...put start.data at start.sp; rip = image.entry, rsp = start.sp...

It reads what it is given as an enemy's: whatever is wrong with it is a :class:`LoadError`
of one line. The oracle for what is right is Linux (``fs/binfmt_elf.c``): what it runs we run,
except where the images could only be an attack or an accident, and then the check says so.
"""
from skete.loader.headers import LoadError
from skete.loader.image import Image, Mapping, Note, Segment, load
from skete.loader.start import Start, host_auxv, stack

__all__ = ["Image", "LoadError", "Mapping", "Note", "Segment", "Start", "host_auxv", "load", "stack"]

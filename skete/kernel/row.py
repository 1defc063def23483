"""A row of the system call table, and the types that decode raw argument words.

Words arrive as unsigned 64-bit registers. What C would do to them at the
system call's own prototype happens here, once, before the handler runs: an
``int`` keeps 32 bits and is sign-extended, as Linux's wrappers do, so that a
handler never sees garbage in the upper half.
"""

__all__ = ["ADDR", "FD", "I32", "I64", "PATH", "SIZE", "U32", "U64", "Arg", "Row", "Unreadable", "readable_path"]


class Arg:
    """An argument type: ``decode(task, word)`` gives the handler's value."""
    __slots__ = ("name", "decode")

    def __init__(self, name: str, decode):
        self.name, self.decode = name, decode

    def __repr__(self):
        return self.name


def _i32(task, word: int) -> int:
    word &= 0xffff_ffff
    return word - 0x1_0000_0000 if word & 0x8000_0000 else word


def _u32(task, word: int) -> int:
    return word & 0xffff_ffff


def _i64(task, word: int) -> int:
    return word - 0x1_0000_0000_0000_0000 if word & 0x8000_0000_0000_0000 else word


def _word(task, word: int) -> int:
    return word


class Unreadable(bytes):
    """A path that could not be read. Linux checks flags before it reads a path, so the error waits for whoever uses it
    (:func:`readable_path`); it is no empty path meanwhile."""

    def __new__(cls, error: OSError):
        self = super().__new__(cls, b"\0")
        self.error = error
        return self


def readable_path(path: bytes) -> bytes:
    """The path itself. EFAULT ENAMETOOLONG where it could not be read"""
    if type(path) is Unreadable:
        raise path.error
    return path


def _path(task, word: int) -> bytes:
    try:
        return task.mm.cstr(word)
    except OSError as e:
        return Unreadable(e)


FD = Arg("FD", _i32)            # a descriptor, or AT_FDCWD
I32 = Arg("I32", _i32)
U32 = Arg("U32", _u32)
I64 = Arg("I64", _i64)
U64 = Arg("U64", _word)
SIZE = Arg("SIZE", _word)       # size_t, bytes
ADDR = Arg("ADDR", _word)       # guest virtual address, unchecked
PATH = Arg("PATH", _path)       # bytes, at most PATH_MAX - 1, or Unreadable


class Row:
    """One system call: its number, the function that serves it, its arguments, and what we leave out.

    ``partly`` is for people: `skete syscalls` prints it. ``refused`` marks a call that is
    answered on purpose with the errno of a kernel built without it. ``call(task, words)``
    decodes the words and calls the handler.
    """
    __slots__ = ("nr", "handler", "args", "partly", "refused", "call")

    def __init__(self, nr: int, handler, args: tuple = (), partly: str = "", refused: bool = False):
        self.nr, self.handler, self.args, self.partly, self.refused = nr, handler, args, partly, refused
        self.call = _CALLS[len(args)](handler, *(arg.decode for arg in args))


# One closure for each number of arguments: unrolled, decoding costs a third of what a loop over zip() does.

def _call0(handler):
    return lambda task, w: handler(task)


def _call1(handler, a):
    return lambda task, w: handler(task, a(task, w[0]))


def _call2(handler, a, b):
    return lambda task, w: handler(task, a(task, w[0]), b(task, w[1]))


def _call3(handler, a, b, c):
    return lambda task, w: handler(task, a(task, w[0]), b(task, w[1]), c(task, w[2]))


def _call4(handler, a, b, c, d):
    return lambda task, w: handler(task, a(task, w[0]), b(task, w[1]), c(task, w[2]), d(task, w[3]))


def _call5(handler, a, b, c, d, e):
    return lambda task, w: handler(task, a(task, w[0]), b(task, w[1]), c(task, w[2]), d(task, w[3]), e(task, w[4]))


def _call6(handler, a, b, c, d, e, f):
    return lambda task, w: handler(task, a(task, w[0]), b(task, w[1]), c(task, w[2]), d(task, w[3]), e(task, w[4]),
                                   f(task, w[5]))


_CALLS = (_call0, _call1, _call2, _call3, _call4, _call5, _call6)

"""Programs for seccomp that nobody wrote: each is refused, or ends with a word. What they compute: guests/seccomp.c."""
import random
import struct

from skete.kernel.identity import bpf

CODES = (0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0c, 0x14, 0x15, 0x16, 0x1c, 0x1d, 0x20, 0x24, 0x25, 0x2c,
         0x2d, 0x34, 0x35, 0x3c, 0x3d, 0x44, 0x45, 0x4c, 0x4d, 0x54, 0x5c, 0x60, 0x61, 0x64, 0x6c, 0x74, 0x7c, 0x80,
         0x81, 0x84, 0x87, 0xa4, 0xac)
DATA = [0xffff_ffff - n * 0x1234_567 for n in range(16)]


def instruction(dice):
    return struct.pack("<HBBI", dice.choice(CODES), dice.randrange(4), dice.randrange(4),
                       dice.choice((0, 1, 4, 16, 31, 60, 0xffff_ffff)))


def test_whatever_is_taken_ends_with_a_word():
    dice, taken = random.Random(7), 0
    for _ in range(2000):
        code = b"".join(instruction(dice) for _ in range(dice.randrange(5))) + struct.pack("<HBBI", 0x16, 0, 0, 0)
        try:
            program = bpf.checked(code)
        except OSError:
            continue
        answer, seen = bpf.run(program, DATA)
        assert 0 <= answer <= 0xffff_ffff and 0 <= seen < 64
        taken += 1
    assert taken > 200

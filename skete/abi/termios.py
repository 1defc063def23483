"""struct termios as the kernel has it, asm-generic/termbits.h: c_iflag, c_oflag, c_cflag, c_lflag, c_line, c_cc[19]."""
from struct import Struct

#: c_lflag's offset is 12, c_cc's 17
C_LFLAG = Struct("<I")
C_LFLAG_AT, C_CC_AT = 12, 17

ISIG, ICANON, TOSTOP, IEXTEN, EXTPROC = 0o1, 0o2, 0o400, 0o100000, 0o200000
#: indices into c_cc
VINTR, VQUIT, VSUSP, VLNEXT = 0, 1, 10, 15

"""Where things are in a guest process that are not the guest's: one list for the monitor and the stub.

The stub is compiled with each of :data:`SHARED` as a macro, so the two sides
cannot disagree. Addresses are guest virtual, sizes in bytes.

    STUB_BASE     the stub's code (stub.c): start-up, then the gate
    GATE_BASE     the fast gate, in the stub too: engines/gate
    SLOTS_BASE    MAX_SLOTS slots of SLOT_SIZE, shared with the monitor, one per thread: a part of the memory
                  file of this process's own, beyond what the guests' memory takes
    FACTS_BASE    behind the slots and like them: what the fast gate answers by itself

A slot begins with the fields below, written by the gate (what happened) and by
the monitor (what to do); then come the orders, a place for one signal frame
that the monitor builds, and the stack on which the gate runs, growing down
from the slot's end. The gate finds its slot by masking its stack pointer, so a
slot is aligned to its size.
"""

from skete.engines.gate.layout import MAX_SLOTS, SLOT_SIZE

SLOTS_SIZE = SLOT_SIZE * (MAX_SLOTS + 1)        # with the facts
TASK_SIZE = 0x7fff_ffff_f000        # x86-64 with four page table levels: arch/x86 TASK_SIZE_MAX

# Descriptors of the stub process. CHANNEL is closed before any guest code runs, and stays closed:
# the filter lets sendmsg(2) on that number pass (see stub.c).
FD_CHANNEL, FD_RAM = 3, 4

# A slot's fields: offsets. Written by the gate:
SLOT_KIND = 0                       # why it rings, KIND_*
SLOT_NR = 8                         # then six words
SLOT_CONTEXT = 64                   # address of the ucontext of the interrupted guest code
SLOT_INFO = 72                      # address of its siginfo
SLOT_SIGNO = 80
# Written by the monitor, all but FAILED:
SLOT_ACTION = 128                   # what to do when the orders are done, ACTION_*; MORE: ring again for more of them
SLOT_RESULT = 136
SLOT_ORDERS = 144                   # how many
SLOT_FRAME = 152                    # for ACTION_FRAME: address of a signal frame to return through
SLOT_FAILED = 160                   # by the gate: 1 + index of the order that failed, its errno in the order; or 0
SLOT_TID = 168                      # by the host's kernel: thread id while the thread lives, then 0
SLOT_GUESS = 0x1b00                 # a call's number and words, and the order (number, six words) that it brings; 0: none
SLOT_ORDER_LIST = 256               # MAX_ORDERS x (number, six words, result)
ORDER_SIZE = 64
MAX_ORDERS = 96
SLOT_BUILT_FRAME = 0x2000           # up to 0x4000 bytes
SLOT_STACK = 0x6000                 # to the slot's end: where the gate runs

#: a forked process begins on the topmost words of a slot: see newborn in stub.c. Offset in the slot, 8 modulo 16.
SLOT_BIRTH = SLOT_SIZE - 24

KIND_SYSCALL, KIND_SIGNAL, KIND_DONE, KIND_HELLO, KIND_BORN = 1, 2, 3, 4, 5
ACTION_RESULT, ACTION_KEEP, ACTION_FRAME, ACTION_MORE = 0, 1, 2, 3

#: what the doorbell returns for a guess that was wrong. No order has this result
GUESSED_WRONG = 1

#: host signal that makes a running thread report; SIGUSR1, since nobody else signals the stub
KICK_SIGNAL = 10

SHARED = ("SLOTS_SIZE TASK_SIZE FD_CHANNEL FD_RAM "
          "SLOT_KIND SLOT_NR SLOT_CONTEXT SLOT_INFO SLOT_SIGNO SLOT_ACTION SLOT_RESULT SLOT_ORDERS SLOT_FRAME "
          "SLOT_FAILED SLOT_GUESS SLOT_ORDER_LIST ORDER_SIZE MAX_ORDERS SLOT_STACK KIND_SYSCALL KIND_SIGNAL KIND_DONE "
          "KIND_HELLO KIND_BORN GUESSED_WRONG ACTION_RESULT ACTION_KEEP ACTION_FRAME ACTION_MORE KICK_SIGNAL").split()


def macros() -> list:
    """Compiler arguments that hand SHARED to stub.c."""
    return [f"-D{name}={globals()[name]:#x}" for name in SHARED]

"""Where things are in a guest process that are not the guest's: one list for the monitor and the stub.

The stub is compiled with each of :data:`SHARED` as a macro, so the two sides
cannot disagree. Addresses are guest virtual, sizes in bytes.

    STUB_BASE     the stub's code (stub.c): start-up, then the gate
    GATE_BASE     the fast gate, in the stub too: an address that programs are told (AT_SKETE_GATE)
    SLOTS_BASE    MAX_SLOTS slots of SLOT_SIZE, shared with the monitor, one per thread: a part of the memory
                  file of this process's own, beyond what the guests' memory takes
    FACTS_BASE    behind the slots and like them: what the fast gate answers by itself, see facts.py

A slot begins with the fields below, written by the gate (what happened) and by
the monitor (what to do); then come the orders, a place for one signal frame
that the monitor builds, and the stack on which the gate runs, growing down
from the slot's end. The gate finds its slot by masking its stack pointer, so a
slot is aligned to its size.
"""

STUB_BASE = 0x7000_0000_0000
GATE_BASE = 0x7000_0010_0000
SLOTS_BASE = 0x7000_0100_0000
SLOT_SIZE = 0x1_0000
MAX_SLOTS = 1024
FACTS_BASE = SLOTS_BASE + SLOT_SIZE * MAX_SLOTS
SLOTS_SIZE = SLOT_SIZE * (MAX_SLOTS + 1)        # with the facts
RESERVED_END = 0x7000_1000_0000
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
SLOT_ORDER_LIST = 256               # MAX_ORDERS x (number, six words, result)
ORDER_SIZE = 64
MAX_ORDERS = 96
# A call that a thread posts at the fast gate, without a trap. A cache line for each side, so that one store of either
# costs one transfer; and one for what only the gate needs.
SLOT_CALL = 0x1a00                  # how many were posted
SLOT_CALL_NR = 0x1a08               # then six words
SLOT_CALL_REPLY = 0x1a40            # the result, or one of CALL_*
SLOT_CALL_RETURN = 0x1a80           # address behind the "syscall" that was not executed
SLOT_BUILT_FRAME = 0x2000           # up to 0x4000 bytes
SLOT_STACK = 0x6000                 # to the slot's end: where the gate runs

#: a forked process begins on the topmost words of a slot: see newborn in stub.c. Offset in the slot, 8 modulo 16.
SLOT_BIRTH = SLOT_SIZE - 24

# The facts: arrays of 8-byte words, and single ones. Offsets.
FACT_NUMBERS = 512                  # system calls that can have one
FACT_KINDS = 0                      # by number: FACT_*
FACT_VALUES = 0x1000                # by number: the answer; for FACT_DESCRIPTOR, the second argument that it is for
FACT_COUNTS = 0x2000                # by number: how often it was answered; written by the gate
FACT_FDS = 0x3000                   # by descriptor: the answer to FACT_DESCRIPTOR, 0 where it is not known
FACT_FD_NUMBERS = 64
FACT_FD_COUNT = 0x3200              # how often that was answered
FACT_MANY = 0x3208                  # not 0: threads run, counts must be locked
FACT_SLOT = 0x3210                  # address of the only thread's slot, where calls are posted; 0: there are more threads
FACT_POLLED = 0x3240                # not 0: the monitor looks at that slot by itself, so that nobody need ring
FACT_END = 0x4000
FACT_NONE, FACT_VALUE, FACT_DESCRIPTOR, FACT_POST = 0, 1, 2, 3

KIND_SYSCALL, KIND_SIGNAL, KIND_DONE, KIND_HELLO, KIND_BORN = 1, 2, 3, 4, 5
#: instead of a result: there is none yet; the call is to be made with "syscall", which traps. Signed; no results of Linux
CALL_PENDING, CALL_TRAP = -0x8000_0000, -0x7fff_ffff
ACTION_RESULT, ACTION_KEEP, ACTION_FRAME, ACTION_MORE = 0, 1, 2, 3

#: rax of the doorbell when it means "read my slot". No system call has this number, so that
#: an accidental pass-through would be ENOSYS; any other number there is an order being carried out.
RING_NR = 0x5ce7e

#: how often the gate looks for an answer before it rings, while the monitor polls: some 50 us
GATE_SPINS = 1500

#: host signal that makes a running thread report; SIGUSR1, since nobody else signals the stub
KICK_SIGNAL = 10

SHARED = ("STUB_BASE SLOTS_BASE SLOT_SIZE SLOTS_SIZE RESERVED_END TASK_SIZE FD_CHANNEL FD_RAM "
          "SLOT_KIND SLOT_NR SLOT_CONTEXT SLOT_INFO SLOT_SIGNO SLOT_ACTION SLOT_RESULT SLOT_ORDERS SLOT_FRAME "
          "SLOT_FAILED SLOT_ORDER_LIST ORDER_SIZE MAX_ORDERS SLOT_STACK KIND_SYSCALL KIND_SIGNAL KIND_DONE "
          "SLOT_CALL SLOT_CALL_NR SLOT_CALL_REPLY SLOT_CALL_RETURN CALL_PENDING CALL_TRAP GATE_SPINS "
          "FACTS_BASE FACT_NUMBERS FACT_VALUES FACT_COUNTS FACT_FD_NUMBERS FACT_NONE FACT_VALUE FACT_DESCRIPTOR "
          "KIND_HELLO KIND_BORN ACTION_RESULT ACTION_KEEP ACTION_FRAME ACTION_MORE RING_NR KICK_SIGNAL").split()


#: words of the facts that the gate names by themselves: symbols of the linker
FACT_SYMBOLS = {"facts": FACTS_BASE, "fact_fds": FACTS_BASE + FACT_FDS, "fact_fd_count": FACTS_BASE + FACT_FD_COUNT,
                "fact_many": FACTS_BASE + FACT_MANY, "fact_slot": FACTS_BASE + FACT_SLOT,
                "fact_polled": FACTS_BASE + FACT_POLLED}


def macros() -> list:
    """Compiler arguments that hand SHARED and FACT_SYMBOLS to stub.c."""
    return [f"-D{name}={globals()[name]:#x}" for name in SHARED] + [
        f"-Wl,--defsym={name}={address:#x}" for name, address in FACT_SYMBOLS.items()]

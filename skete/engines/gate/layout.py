"""Where the gate and what it works with are in a guest's address space: one list for the monitor and fast.S.

The gate is assembled with each of :data:`SHARED` as a macro, so the two sides cannot disagree. Addresses are guest
virtual, sizes in bytes.

    STUB_BASE     to RESERVED_END: the engines' own, no program's
    GATE_BASE     the gate: an address that programs are told (AT_SKETE_GATE)
    SLOTS_BASE    slots of SLOT_SIZE, shared with the monitor, one per thread. What the process engine has in them
                  besides is in its own layout.py
    FACTS_BASE    behind the slots: what the gate answers by itself
    CLOCKS_BASE   a page of clocks, the same for all spaces, which they can only read
"""

STUB_BASE = 0x7000_0000_0000
GATE_BASE = 0x7000_0010_0000
SLOTS_BASE = 0x7000_0100_0000
SLOT_SIZE = 0x1_0000
MAX_SLOTS = 1024
FACTS_BASE = SLOTS_BASE + SLOT_SIZE * MAX_SLOTS
CLOCKS_BASE = FACTS_BASE + SLOT_SIZE
RESERVED_END = 0x7000_1000_0000

#: where the addresses of the gate's parts stand: fast_post fast_many fast_found fast_posted fast_rung fast_seen, the
#: monitor's sample, yield yielding fast_yielded yield_end, then from where to where each of TOLD is
GATE_PARTS = GATE_BASE + 0xc00
#: the pieces that tell the time: form of the answer, the register that is lent, what stood in it
TOLD = ((0, "rdi", 1), (0, "rdi", 0), (0, "rdi", 7), (0, "rdi", 11), (1, "rsi", 0), (2, "rdi", 0))
PARTS = 11 + 2 * len(TOLD)

# A call that a thread posts at the fast gate, without a trap. A cache line for each side, so that one store of either
# costs one transfer; one that changes rarely; and one for what only the gate needs.
SLOT_CALL = 0x1a00                  # how many were posted
SLOT_CALL_NR = 0x1a08               # then six words
SLOT_CALL_REPLY = 0x1a40            # the result, or one of CALL_*
SLOT_CALL_POLLED = 0x1a80           # not 0: the monitor looks at this slot by itself, so that nobody need ring; one of POLLED_*
SLOT_CALL_RETURN = 0x1ac0           # address behind the "syscall" that was not executed

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
FACT_THREADS = 0x3218               # address of the table of threads, where they can be told apart; or 0
FACT_CLOCKS = 0x3220                # not 0: the page of clocks is there
FACT_CLOCK_NUMBERS = 0x3228         # by form: the call's number
FACT_YIELD = 0x3248                 # not 0: YIELD_NR is the host's to do
FACT_MISSED = 0x3240                # how often a clock was asked for and could not be told
FACT_CLOCK_COUNTS = 0x3280          # by form: how often it was told
FACT_END = 0x4000
# Behind them, where the engine has room for it: a table of threads, hashed by their FS base. Entries of two words: FS base,
# address of the slot.
FACT_TABLE = 0x4000
FACT_TABLE_ENTRIES = 1024
FACT_TABLE_SHIFT = 12               # of an FS base, to its entry: they are some pages from each other
FACT_TABLE_END = 0x8000
#: in this order: the gate compares. From TIMESPEC on they are a clock's, TIMESPEC + form
FACT_NONE, FACT_VALUE, FACT_DESCRIPTOR, FACT_POST, FACT_TIMESPEC, FACT_TIMEVAL, FACT_SECONDS = range(7)

# A clock's row in the page of clocks: words. It says NS and SECONDS at COUNTER of the processor's time stamp counter,
# and gains RATE / 2**64 ns with each tick, as far as WINDOW ticks.
ROW_SIZE = 64
ROW_TAG, ROW_COUNTER, ROW_WINDOW, ROW_RATE, ROW_NS, ROW_SECONDS = range(0, 48, 8)

# What the monitor's sample is given and gives: words.
(SAMPLE_READ, SAMPLE_CLOCK, SAMPLE_TRIES, SAMPLE_ENOUGH,
 SAMPLE_WIDTH, SAMPLE_COUNTER, SAMPLE_SECONDS, SAMPLE_NS) = range(0, 64, 8)

#: instead of a result: there is none yet; the call is to be made with "syscall", which traps. Signed; no results of Linux
CALL_PENDING, CALL_TRAP = -0x8000_0000, -0x7fff_ffff

#: the answer comes soon; or when another process has done something, which is looked at too
POLLED_SOON, POLLED_WAITS = 1, 2

#: rax of the doorbell when it means "read my slot". No system call has this number, so that
#: an accidental pass-through would be ENOSYS; any other number there is an order being carried out.
RING_NR = 0x5ce7e

#: sched_yield, the one call that may be the host's
YIELD_NR = 24

#: how often the gate looks for an answer before it rings, while the monitor polls: some 50 us where pause takes 3 cycles,
#: 1 ms where it takes 140. The monitor says when it goes to sleep, so this is only for calls that take long
GATE_SPINS = 20000
#: and, where its call waits for another process that may want its processor, yields instead
GATE_YIELDS = 100

SHARED = ("STUB_BASE SLOTS_BASE SLOT_SIZE RESERVED_END SLOT_CALL SLOT_CALL_NR SLOT_CALL_REPLY SLOT_CALL_POLLED "
          "SLOT_CALL_RETURN FACT_TABLE_ENTRIES FACT_TABLE_SHIFT "
          "CALL_PENDING CALL_TRAP POLLED_WAITS GATE_BASE GATE_PARTS GATE_SPINS GATE_YIELDS RING_NR YIELD_NR FACTS_BASE FACT_NUMBERS FACT_VALUES FACT_COUNTS "
          "FACT_FD_NUMBERS FACT_VALUE FACT_DESCRIPTOR FACT_POST FACT_TIMEVAL "
          "ROW_SIZE ROW_COUNTER ROW_WINDOW ROW_RATE ROW_NS ROW_SECONDS SAMPLE_READ SAMPLE_CLOCK SAMPLE_TRIES "
          "SAMPLE_ENOUGH SAMPLE_WIDTH SAMPLE_COUNTER SAMPLE_SECONDS SAMPLE_NS").split()

#: words of the facts that the gate names by themselves: symbols of the linker
SYMBOLS = {"facts": FACTS_BASE, "fact_fds": FACTS_BASE + FACT_FDS, "fact_fd_count": FACTS_BASE + FACT_FD_COUNT,
           "fact_many": FACTS_BASE + FACT_MANY, "fact_slot": FACTS_BASE + FACT_SLOT,
           "fact_threads": FACTS_BASE + FACT_THREADS, "fact_clocks": FACTS_BASE + FACT_CLOCKS,
           "fact_clock_numbers": FACTS_BASE + FACT_CLOCK_NUMBERS, "fact_missed": FACTS_BASE + FACT_MISSED,
           "fact_yield": FACTS_BASE + FACT_YIELD,
           "fact_clock_counts": FACTS_BASE + FACT_CLOCK_COUNTS, "clocks": CLOCKS_BASE}


def macros() -> list:
    """Compiler arguments that hand SHARED and SYMBOLS to fast.S, and what is linked with it."""
    return [f"-D{name}={globals()[name]:#x}" for name in SHARED] + [
        f"-Wl,--defsym={name}={address:#x}" for name, address in SYMBOLS.items()]

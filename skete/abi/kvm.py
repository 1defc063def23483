"""linux/kvm.h for x86-64: ioctl numbers, capabilities, exit reasons, and where things are in its structs (bytes)."""

API_VERSION = 12

# of /dev/kvm
KVM_GET_API_VERSION, KVM_CREATE_VM, KVM_CHECK_EXTENSION, KVM_GET_VCPU_MMAP_SIZE = 0xAE00, 0xAE01, 0xAE03, 0xAE04
KVM_GET_SUPPORTED_CPUID = 0xC008_AE05
# of a machine
KVM_CREATE_VCPU, KVM_SET_TSS_ADDR = 0xAE41, 0xAE47
KVM_SET_USER_MEMORY_REGION = 0x4020_AE46
# of a vcpu
KVM_RUN = 0xAE80
KVM_GET_SREGS, KVM_SET_SREGS = 0x8138_AE83, 0x4138_AE84
KVM_SET_MSRS, KVM_SET_SIGNAL_MASK, KVM_SET_CPUID2 = 0x4008_AE89, 0x4004_AE8B, 0x4008_AE90
KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS = 0x8040_AE9F, 0x4040_AEA0
KVM_GET_XSAVE, KVM_SET_XSAVE, KVM_GET_XSAVE2 = 0x9000_AEA4, 0x5000_AEA5, 0x9000_AECF
KVM_SET_XCRS = 0x4188_AEA7
KVM_SET_DEVICE_ATTR = 0x4018_AEE1

KVM_CAP_USER_MEMORY, KVM_CAP_EXT_CPUID, KVM_CAP_NR_MEMSLOTS = 3, 7, 10
KVM_CAP_XSAVE, KVM_CAP_XCRS, KVM_CAP_MAX_VCPUS, KVM_CAP_SYNC_REGS = 55, 56, 66, 74
KVM_CAP_XSAVE2 = 208

KVM_EXIT_IO, KVM_EXIT_SHUTDOWN, KVM_EXIT_FAIL_ENTRY, KVM_EXIT_INTR, KVM_EXIT_INTERNAL_ERROR = 2, 8, 9, 10, 17
EXITS = {0: "UNKNOWN", 1: "EXCEPTION", 2: "IO", 3: "HYPERCALL", 4: "DEBUG", 5: "HLT", 6: "MMIO", 7: "IRQ_WINDOW_OPEN",
         8: "SHUTDOWN", 9: "FAIL_ENTRY", 10: "INTR", 16: "NMI", 17: "INTERNAL_ERROR", 24: "SYSTEM_EVENT",
         39: "MEMORY_FAULT"}

# struct kvm_run
RUN_IMMEDIATE_EXIT = 1
RUN_EXIT_REASON = 8
RUN_EXIT = "<I22xH"                 # from EXIT_REASON: exit_reason, and io.port
RUN_DETAILS = 32                    # the union: hardware_entry_failure_reason, or internal.suberror
RUN_VALID, RUN_DIRTY = 288, 296     # kvm_valid_regs, kvm_dirty_regs
RUN_REGS = 304                      # struct kvm_regs
RUN_SREGS = RUN_REGS + 144          # struct kvm_sregs
SYNC_REGS, SYNC_SREGS = 1, 2

# struct kvm_regs: 18 words
REGS = "<18Q"
REGS_NAMES = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
              "r15", "rip", "eflags")

# struct kvm_sregs
SREGS_SIZE = 312
SREGS_CS, SREGS_DS, SREGS_ES, SREGS_FS, SREGS_GS, SREGS_SS, SREGS_TR, SREGS_LDT = range(0, 192, 24)
SREGS_GDT, SREGS_IDT = 192, 208     # struct kvm_dtable: base, limit
SREGS_CR0, SREGS_CR2, SREGS_CR3, SREGS_CR4, SREGS_EFER = 224, 232, 240, 248, 264
SEGMENT = "<QIH8Bxx"                # base limit selector | type present dpl db s l g avl (unusable, padding: 2 more)
DTABLE = "<QH6x"

CPUID_ENTRY = "<IIIIIII12x"         # function index flags eax ebx ecx edx
CPUID_ENTRY_SIZE = 40
XCRS_SIZE = 392
XCRS = "<IIIIQ"                     # nr_xcrs flags | xcr reserved value
MEMORY_REGION = "<IIQQQ"            # slot flags guest_phys_addr memory_size userspace_addr
DEVICE_ATTR = "<IIQQ"               # flags group attr addr
EVENTS_SIZE = 64                    # struct kvm_vcpu_events: exception.injected first, exception.pending at 3
XSAVE_SIZE = 4096

"""linux/seccomp.h: the user notification interface (seccomp_unotify(2))."""

NOTIF_SIZE = 80                     # struct seccomp_notif
NOTIF = "<QIIiIQ6Q"                 # id pid flags; seccomp_data: nr arch instruction_pointer args[6]
RESP = "<QqiI"                      # struct seccomp_notif_resp: id val error flags

SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1
SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP = 1      # Linux 6.6

SECCOMP_IOCTL_NOTIF_RECV = 0xC050_2100      # _IOWR('!', 0, struct seccomp_notif)
SECCOMP_IOCTL_NOTIF_SEND = 0xC018_2101      # _IOWR('!', 1, struct seccomp_notif_resp)
SECCOMP_IOCTL_NOTIF_SET_FLAGS = 0x4008_2104  # _IOW('!', 4, __u64)

# seccomp(2)
SECCOMP_MODE_STRICT, SECCOMP_MODE_FILTER = 1, 2
SECCOMP_SET_MODE_STRICT, SECCOMP_SET_MODE_FILTER, SECCOMP_GET_ACTION_AVAIL, SECCOMP_GET_NOTIF_SIZES = range(4)
SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1, 2, 4
SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 16

SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD = 0x8000_0000, 0
SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF = 0x3_0000, 0x5_0000, 0x7fc0_0000
SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW = 0x7ff0_0000, 0x7ffc_0000, 0x7fff_0000
SECCOMP_RET_ACTION_FULL, SECCOMP_RET_DATA = 0xffff_0000, 0xffff

BPF_MAXINSNS = 4096                 # linux/bpf_common.h
AUDIT_ARCH_X86_64 = 0xC000_003E     # linux/audit.h
SYS_SECCOMP = 1                     # asm-generic/siginfo.h: si_code of SIGSYS

"""linux/seccomp.h: the user notification interface (seccomp_unotify(2))."""

NOTIF_SIZE = 80                     # struct seccomp_notif
NOTIF = "<QIIiIQ6Q"                 # id pid flags; seccomp_data: nr arch instruction_pointer args[6]
RESP = "<QqiI"                      # struct seccomp_notif_resp: id val error flags

SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1
SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP = 1      # Linux 6.6

SECCOMP_IOCTL_NOTIF_RECV = 0xC050_2100      # _IOWR('!', 0, struct seccomp_notif)
SECCOMP_IOCTL_NOTIF_SEND = 0xC018_2101      # _IOWR('!', 1, struct seccomp_notif_resp)
SECCOMP_IOCTL_NOTIF_SET_FLAGS = 0x4008_2104  # _IOW('!', 4, __u64)

"""epoll(7), eventfd(2), timerfd_create(2), signalfd(2): linux/eventpoll.h, eventfd.h, timerfd.h, signalfd.h. What
``select`` has (EPOLLIN ...), ``select`` says."""
from struct import Struct

EPOLL_CLOEXEC = 0o2000000
EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD = 1, 2, 3
EPOLLWAKEUP = 1 << 29
#: struct epoll_event, which x86-64 packs: events, data
EPOLL_EVENT = Struct("<IQ")
#: how many events one epoll_wait can ask for: EP_MAX_EVENTS
EPOLL_MAX_EVENTS = 0x7fff_ffff // EPOLL_EVENT.size

EFD_SEMAPHORE, EFD_CLOEXEC, EFD_NONBLOCK = 1, 0o2000000, 0o4000

TFD_CLOEXEC, TFD_NONBLOCK = 0o2000000, 0o4000
TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET = 1, 2
TFD_IOC_SET_TICKS = 0x40085400

SFD_CLOEXEC, SFD_NONBLOCK = 0o2000000, 0o4000
#: struct signalfd_siginfo, 128 bytes: signo errno code, pid uid fd tid band overrun trapno, status int, ptr utime stime
#: addr, addr_lsb, and room to grow
SIGNALFD_SIGINFO = Struct("<IiiIIiIIIIiiQQQQH46x")
assert SIGNALFD_SIGINFO.size == 128

#: struct sigevent's beginning: sigev_value, sigev_signo, sigev_notify, sigev_notify_thread_id
SIGEVENT = Struct("<Qiii")
SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 0, 1, 2, 4
SIGEVENT_SIZE = 64

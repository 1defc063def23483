"""How each system call is printed: a line of argument kinds per call.

The kinds are those of ``args.py`` and ``multi.py``; ``|T``, ``=T``, ``*S`` and ``>S``
are explained at :func:`skete.observe.args.printer`. ``n:kind`` takes word n
instead of the next one. ``-> form`` says how a result that is no errno is printed
(``results.py``); without it, in decimal. A call with no line here is printed with
its six words in hexadecimal. A line is compiled when its call is first met.
"""
from __future__ import annotations

from skete.observe.args import KINDS, printer
from skete.observe.multi import MULTI
from skete.observe.sockets import SOCKETS

__all__ = ["LINES", "compiled"]

KINDS.update(MULTI)
KINDS.update(SOCKETS)

_TEXT = """
read fd out lu
write fd in lu
open path oflags omode
close fd
stat path >stat
fstat fd >stat
lstat path >stat
poll pollfds u d -> poll
lseek fd ld =SEEK
mmap ptr lu |PROT mflags fd x -> hex
mprotect ptr lu |PROT
munmap ptr lu
brk ptr -> hex
rt_sigaction sig *sigaction >sigaction lu
rt_sigprocmask =SIG_HOW *sigset@3 >sigset@3 lu
rt_sigreturn sigreturn -> sigreturn
ioctl fd ioctlreq ioctlarg
pread64 fd out lu ld
pwrite64 fd in lu ld
readv fd iovout lu
writev fd iov lu
access path |ACCESS
pipe >int2
select d fdset fdset fdset *timeval -> select
sched_yield
mremap ptr lu lu |MREMAP newaddr -> hex
msync ptr lu |MS
mincore ptr lu mincore
madvise ptr lu =MADV
shmget x32 lu x32
shmat d ptr x32 -> hex
shmctl d x32 ptr
dup fd
dup2 fd fd
pause
nanosleep *timespec rem
getitimer =ITIMER >itimerval
alarm u
setitimer =ITIMER *itimerval >itimerval
getpid
sendfile fd fd *off lu
socket =AF socktype sockproto
connect fd sockaddr d
accept fd sockaddrout sizeout
sendto fd in lu |MSG sockaddr u
recvfrom fd out lu |MSG sockaddrout sizeout
sendmsg fd msghdr |MSG
recvmsg fd msghdrout |MSG
shutdown fd =SHUT
bind fd sockaddr d
listen fd d
getsockname fd sockaddrout sizeout
getpeername fd sockaddrout sizeout
socketpair =AF socktype sockproto >int2
setsockopt fd =SOL sockopt optin d
getsockopt fd =SOL sockopt optout sizeout
clone 1:clonestack 0:cloneflags clonetail
fork
vfork
execve path argv envp
exit d
wait4 pid status wait >rusage
kill pid sig
uname >uname
shmdt ptr
semget x32 d x32
semop d ptr lu
semctl d d x32 ptr
msgget x32 x32
msgsnd d ptr lu x32
msgrcv d ptr lu ld x32
msgctl d x32 ptr
fcntl fd =F fcntlarg -> fcntl
flock fd |LOCK
fsync fd
fdatasync fd
truncate path lu
ftruncate fd lu
getdents fd ptr u
getcwd cwd lu
chdir path
fchdir fd
rename path path
mkdir path mode
rmdir path
creat path mode
link path path
unlink path
symlink path path
readlink path out lu
chmod path mode
fchmod fd mode
chown path id id
fchown fd id id
lchown path id id
umask mode -> octal
gettimeofday >timeval >timezone
getrlimit =RLIMIT >rlimit
getrusage =RUSAGE >rusage
sysinfo >sysinfo
times >tms
ptrace x32 pid x x
getuid
syslog d ptr d
getgid
setuid id
setgid id
geteuid
getegid
setpgid pid pid
getppid
getpgrp
setsid
setreuid id id
setregid id id
getgroups d groupsout
setgroups d groups
setresuid id id id
getresuid >id >id >id
setresgid id id id
getresgid >id >id >id
getpgid pid
setfsuid id
setfsgid id
getsid pid
capget ptr ptr
capset ptr ptr
rt_sigpending >sigset@1 lu
rt_sigtimedwait *sigset@3 >siginfo *timespec lu -> signal
rt_sigqueueinfo pid sig *siginfo
rt_sigsuspend *sigset@1 lu
sigaltstack *stack >stack
utime path *utimbuf
mknod path mkmode mkdev
personality persona -> persona
statfs path >statfs
fstatfs fd >statfs
getpriority =PRIO d
setpriority =PRIO d d
sched_setparam pid *int
sched_getparam pid >int
sched_setscheduler pid =SCHED *int
sched_getscheduler pid -> sched
sched_get_priority_max =SCHED
sched_get_priority_min =SCHED
sched_rr_get_interval pid >timespec
mlock ptr lu
munlock ptr lu
mlockall |MCL
munlockall
vhangup
pivot_root path path
prctl =PR prctlrest -> prctl
arch_prctl =ARCH archarg
setrlimit =RLIMIT *rlimit
chroot path
sync
acct path
settimeofday *timeval *timezone
umount2 path x32
sethostname in lu
setdomainname in lu
iopl d
ioperm x x d
gettid
readahead fd ld lu
setxattr path str in lu |XATTR
lsetxattr path str in lu |XATTR
fsetxattr fd str in lu |XATTR
getxattr path str out lu
lgetxattr path str out lu
fgetxattr fd str out lu
listxattr path out lu
llistxattr path out lu
flistxattr fd out lu
removexattr path str
lremovexattr path str
fremovexattr fd str
tkill pid sig
time >time -> time
futex ptr futexop futexrest
sched_setaffinity pid lu cpus
sched_getaffinity pid lu cpusout
epoll_create d
getdents64 fd dents lu
set_tid_address ptr
restart_syscall
semtimedop d ptr u *timespec
fadvise64 fd ld ld =FADV
timer_create =CLOCK ptr >int
timer_settime d |TIMER *itimerspec >itimerspec
timer_gettime d >itimerspec
timer_getoverrun d
timer_delete d
clock_settime =CLOCK *timespec
clock_gettime =CLOCK >timespec
clock_getres =CLOCK >timespec
clock_nanosleep =CLOCK |TIMER *timespec rem
exit_group d
epoll_wait fd epollevents d d
epoll_ctl fd =EPOLL_CTL fd *epoll_event
tgkill pid pid sig
utimes path ptr
waitid =P pid >siginfo wait >rusage
inotify_init
inotify_add_watch fd path x32
inotify_rm_watch fd d
openat dirfd path oflags omode
mkdirat dirfd path mode
mknodat dirfd path mkmode mkdev
fchownat dirfd path id id |AT
futimesat dirfd path ptr
newfstatat dirfd path >stat |AT
unlinkat dirfd path |AT_REMOVE
renameat dirfd path dirfd path
linkat dirfd path dirfd path |AT
symlinkat path dirfd path
readlinkat dirfd path out lu
fchmodat dirfd path mode
faccessat dirfd path |ACCESS
pselect6 d fdset fdset fdset *timespec pselmask -> select
ppoll pollfds u *timespec *sigset@4 lu -> poll
unshare |CLONE
set_robust_list ptr lu
get_robust_list pid >ptr >u64
splice fd *off fd *off lu |SPLICE
tee fd fd lu |SPLICE
sync_file_range fd ld ld |SYNC_RANGE
vmsplice fd iov lu |SPLICE
utimensat dirfd path utimes |AT
epoll_pwait fd epollevents d d *sigset@5 lu
signalfd fd *sigset@2 lu
timerfd_create =CLOCK |TFD
eventfd u
fallocate fd |FALLOC ld ld
timerfd_settime fd |TFD_SET *itimerspec >itimerspec
timerfd_gettime fd >itimerspec
accept4 fd sockaddrout sizeout |SOCK_FLAG
signalfd4 fd *sigset@2 lu |SFD
eventfd2 u |EFD
epoll_create1 |EPOLL_NEW
dup3 fd fd |O_NEW
pipe2 >int2 |O_NEW
inotify_init1 |IN_NEW
preadv fd iovout lu ld
pwritev fd iov lu ld
rt_tgsigqueueinfo pid pid sig *siginfo
prlimit64 pid =RLIMIT *rlimit >rlimit
syncfs fd
setns fd |CLONE
getcpu >unsigned >unsigned ptr
process_vm_readv pid ptr lu ptr lu lu
process_vm_writev pid ptr lu ptr lu lu
renameat2 dirfd path dirfd path |RENAME
seccomp x32 x32 ptr
kcmp pid pid d lu lu
ioprio_set d d x32
ioprio_get d d
mbind ptr lu x32 ptr lu x32
set_mempolicy x32 ptr lu
get_mempolicy ptr ptr lu ptr x
migrate_pages pid lu ptr ptr
move_pages pid lu ptr ptr ptr x32
io_setup u ptr
io_destroy x
io_submit x ld ptr
io_cancel x ptr ptr
io_getevents x ld ld ptr *timespec
io_pgetevents x ld ld ptr *timespec ptr
mq_open path oflags omode ptr
mq_unlink path
mq_timedsend fd in lu u *timespec
mq_timedreceive fd out lu ptr *timespec
mq_notify fd ptr
mq_getsetattr fd ptr ptr
getrandom outhex lu |GRND
memfd_create str |MFD
execveat dirfd path argv envp |AT
membarrier =MEMBARRIER x32 -> membarrier
mlock2 ptr lu |MLOCK
copy_file_range fd *off fd *off lu x32
preadv2 fd iovout lu 3:ld 5:|RWF
pwritev2 fd iov lu 3:ld 5:|RWF
pkey_mprotect ptr lu |PROT d
pkey_alloc x x
pkey_free d
statx dirfd path statxflags |STATX >statx
rseq ptr x32 |RSEQ x32
pidfd_send_signal fd sig *siginfo x32
clone3 cloneargs 0:clonewritten 1:lu
close_range u u |CLOSE_RANGE
openat2 dirfd path ptr lu
pidfd_open pid x32
pidfd_getfd fd fd x32
faccessat2 dirfd path |ACCESS |AT_EACCESS
epoll_pwait2 fd epollevents d *timespec *sigset@5 lu
"""

#: name of a call -> its line without the name
LINES = {line.partition(" ")[0]: line.partition(" ")[2] for line in _TEXT.split("\n") if line}
_ready: dict = {}
_UNKNOWN = (tuple([(KINDS["x"], at) for at in range(6)]), "")


def compiled(name: str) -> tuple:
    """(((printer, index of the word), ...), form of the result) for a call; six bare words where no line is known."""
    found = _ready.get(name)
    if found is None:
        line = LINES.get(name)
        found = _ready[name] = _UNKNOWN if line is None else _compile(line)
    return found


def _compile(line: str) -> tuple:
    kinds, _, form = line.partition("-> ")
    printers = []
    for place, token in enumerate(kinds.split()):
        if token[0].isdigit():
            word, token = token.split(":")
            place = int(word)
        printers.append((printer(token), place))
    return tuple(printers), form

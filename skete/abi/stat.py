"""stat(2), statx(2), statfs(2), getdents64(2): asm/stat.h, linux/stat.h, linux/dirent.h, for x86-64."""
from struct import Struct

S_IFMT, S_IFSOCK, S_IFLNK, S_IFREG = 0o170000, 0o140000, 0o120000, 0o100000
S_ISUID, S_ISGID, S_ISVTX, S_IXGRP = 0o4000, 0o2000, 0o1000, 0o010
S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO = 0o060000, 0o040000, 0o020000, 0o010000

#: struct stat: dev ino nlink; mode uid gid; rdev size blksize blocks; three times as seconds, nanoseconds
STAT = Struct("<QQQ III4x Qqqq qQqQqQ 24x")
assert STAT.size == 144

#: struct statx up to stx_dev_minor, then spare: mask blksize attributes; nlink uid gid mode; ino size blocks
#: attributes_mask; atime btime ctime mtime as seconds, nanoseconds; rdev and dev as major, minor
STATX = Struct("<IIQ IIIH2x QQQQ qI4x qI4x qI4x qI4x IIII 112x")
assert STATX.size == 256
STATX_BASIC_STATS = 0x7ff
STATX_RESERVED = 0x8000_0000

#: struct statfs: type bsize; blocks bfree bavail files ffree; fsid; namelen frsize flags
STATFS = Struct("<qq QQQQQ Q qqq 32x")
assert STATFS.size == 120
ST_RDONLY, ST_VALID = 1, 0x20
#: f_type: linux/magic.h
SYSFS_MAGIC = 0x62656572
EXT4_SUPER_MAGIC, PROC_SUPER_MAGIC, TMPFS_MAGIC, PIPEFS_MAGIC = 0xef53, 0x9fa0, 0x01021994, 0x50495045
ANON_INODE_FS_MAGIC, SOCKFS_MAGIC = 0x09041934, 0x534f434b

#: struct linux_dirent64 before its name: ino off reclen type
DIRENT64 = Struct("<QqHB")
DT_UNKNOWN, DT_FIFO, DT_CHR, DT_DIR, DT_BLK, DT_REG, DT_LNK, DT_SOCK = 0, 1, 2, 4, 6, 8, 10, 12

#: tv_nsec of utimensat(2)
UTIME_NOW, UTIME_OMIT = 0x3fff_ffff, 0x3fff_fffe

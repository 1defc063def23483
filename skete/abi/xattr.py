"""setxattr(2): linux/xattr.h and linux/limits.h. Sizes in bytes."""

XATTR_CREATE, XATTR_REPLACE = 1, 2
XATTR_NAME_MAX, XATTR_SIZE_MAX, XATTR_LIST_MAX = 255, 65536, 65536
USER_PREFIX, TRUSTED_PREFIX, SECURITY_PREFIX = b"user.", b"trusted.", b"security."

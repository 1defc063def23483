"""Whose power a program has: what execve(2) makes of ids and capabilities, set-user-id bits included.

There are no capabilities of files here (no security.capability attributes), so what is left of capabilities(7)'s
transformation is its rules for root and for the ambient set.
"""
from __future__ import annotations

from skete.abi.stat import S_ISGID, S_ISUID, S_IXGRP
from skete.kernel.identity.credentials import KEEP_CAPS, NOROOT, SETUID

__all__ = ["credentials_of"]


def credentials_of(task, st, honoured: bool) -> tuple:
    """(Credentials of the program whose file has this stat, AT_SECURE). honoured: its set-id bits may count"""
    old = task.creds
    confined = bool(task.process.prctl.get("no_new_privs"))
    euid, egid = old.euid, old.egid
    if honoured and old.host is not None and not confined:
        if st.st_mode & S_ISUID:
            euid = st.st_uid
        if st.st_mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP:
            egid = st.st_gid
    as_root = not old.securebits & NOROOT and 0 in (old.uid, euid)
    changes_ids = euid != old.uid or egid != old.gid
    ambient = 0 if changes_ids else old.ambient
    permitted = (old.bounding | old.inheritable if as_root else 0) | ambient
    if confined and (changes_ids or permitted & ~old.permitted):
        # No more than it had, and perhaps less.
        euid, egid = old.uid, old.gid
        permitted &= old.permitted
    whole = as_root and euid == 0
    effective = permitted if whole else ambient & permitted
    new = old.but(euid=euid, suid=euid, fsuid=euid, egid=egid, sgid=egid, fsgid=egid, permitted=permitted,
                  effective=effective, ambient=ambient & permitted, securebits=old.securebits & ~KEEP_CAPS)
    secure = changes_ids or old.uid != 0 and bool(whole or permitted & ~ambient)
    return new, secure

"""Sockets. A guest's socket is a non-blocking one of the host; names and reach are ours.

``socket`` is the description, ``domains`` what an address family does with addresses: ``local`` (Unix sockets, and
the loopback of a machine without network, both over unnamed Unix sockets of the host) and ``inet`` (TCP and UDP of
the host, under a policy). ``rights`` carries descriptors and credentials. The ``calls_*`` are the system calls.

The host's namespaces stay out of it. A guest's Unix socket is bound on the host in a folder that is gone a moment
later; what remains is a descriptor of the inode, through which the host connects others to it. So backlog, packets,
order, credits and hang-ups are Linux's own, and nobody but this machine can reach it.
"""

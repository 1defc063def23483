"""NUMA policies, numa(7), on a machine of one node: set_mempolicy(2), mbind(2), get_mempolicy(2), move_pages(2).

Whatever a policy says, memory comes from node 0. Policies are kept and shown: a thread's own, and those of ranges,
which stay with the addresses until another is set there.
"""
from __future__ import annotations

from errno import EFAULT, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, EPERM, ESRCH
from struct import Struct

from skete.engine import PAGE
from skete.kernel.memory.mm import page_up
from skete.kernel.memory.process_vm import traceable
from skete.kernel.row import ADDR, I32, SIZE, U32, U64, Row

__all__ = ["ROWS"]

_DEFAULT, _PREFERRED, _BIND, _INTERLEAVE, _LOCAL, _PREFERRED_MANY, _MODES = range(7)
_BALANCING, _RELATIVE, _STATIC = 1 << 13, 1 << 14, 1 << 15
_FLAGS = _BALANCING | _RELATIVE | _STATIC
#: get_mempolicy(2)'s flags, and those of mbind(2)
_NODE, _ADDR, _MEMS_ALLOWED = 1, 2, 4
_STRICT, _MOVE, _MOVE_ALL = 1, 2, 4
_RANGES = 4096          # that a process may have policies of
_WORD = Struct("<Q")


class Policy:
    """mode: MPOL_* with flags;  nodes: as they were given, bit by bit, where flags keep them so"""
    __slots__ = ("mode", "nodes")

    def __init__(self, mode: int, nodes: int):
        self.mode, self.nodes = mode, nodes


def _nodes(mm, addr: int, most: int) -> int:
    """A set of nodes. EFAULT; EINVAL for a size that cannot be"""
    most = most - 1 & (1 << 64) - 1
    if not most or not addr:
        return 0
    if most > 8 * PAGE:
        raise OSError(EINVAL, f"{most} nodes")
    return int.from_bytes(mm.read(addr, (most + 63) // 64 * 8), "little") & (1 << most) - 1


def _policy(mode: int, nodes: int) -> Policy | None:
    """What sanitize_mpol_flags() and mpol_new() make of it; None for the default. EINVAL"""
    flags, mode = mode & _FLAGS, mode & ~_FLAGS
    if not 0 <= mode < _MODES or flags & _STATIC and flags & _RELATIVE or flags & _BALANCING and mode != _BIND \
            or nodes >> 1024:
        raise OSError(EINVAL, f"mode {mode} with {flags:#x}")
    if mode == _DEFAULT:
        if nodes or flags:
            raise OSError(EINVAL, "the default has no nodes")
        return None
    if mode == _PREFERRED and not nodes:
        if flags:
            raise OSError(EINVAL, "no nodes, with flags")
        mode = _LOCAL
    elif mode == _LOCAL:
        if nodes or flags:
            raise OSError(EINVAL, "the local node has no number")
    elif not nodes:
        raise OSError(EINVAL, "no nodes")
    if mode != _LOCAL and not flags & _RELATIVE and not nodes & 1:
        raise OSError(EINVAL, "none of the nodes is here")
    return Policy(mode | flags, nodes if flags & (_STATIC | _RELATIVE) else nodes & 1)


def set_mempolicy(task, mode: int, nodes: int, most: int) -> int:
    """set_mempolicy(2). EFAULT EINVAL"""
    _check_mode(mode)
    task.mempolicy = _policy(mode, _nodes(task.mm, nodes, most))
    return 0


def _check_mode(mode: int) -> None:
    """What is looked at before the nodes are. EINVAL"""
    if not 0 <= mode & ~_FLAGS < _MODES or mode & _STATIC and mode & _RELATIVE:
        raise OSError(EINVAL, f"mode {mode:#x}")


def mbind(task, start: int, length: int, mode: int, nodes: int, most: int, flags: int) -> int:
    """mbind(2). EFAULT EINVAL ENOMEM EPERM"""
    mm = task.mm
    _check_mode(mode)
    given = _nodes(mm, nodes, most)
    if flags & ~(_STRICT | _MOVE | _MOVE_ALL):
        raise OSError(EINVAL, f"flags {flags:#x}")
    if flags & _MOVE_ALL:
        raise OSError(EPERM, "MPOL_MF_MOVE_ALL takes CAP_SYS_NICE")
    end = start + page_up(length)
    if start & PAGE - 1 or end >> 64:
        raise OSError(EINVAL, f"{length} bytes at {start:#x}")
    if start == end:
        return 0
    policy = _policy(mode, given)
    if not mm.vmas.covers(start, end):
        raise OSError(EFAULT, f"a hole in {start:#x} to {end:#x}")
    mm.policies = _cut(mm.policies, start, end)
    if policy is not None:
        if len(mm.policies) >= _RANGES:
            raise OSError(ENOMEM, f"{_RANGES} ranges with policies")
        mm.policies.append((start, end, policy))
    return 0


def _cut(ranges: list, start: int, end: int) -> list:
    """What is outside of a range."""
    left = []
    for low, high, policy in ranges or ():
        if high <= start or low >= end:
            left.append((low, high, policy))
            continue
        if low < start:
            left.append((low, start, policy))
        if high > end:
            left.append((end, high, policy))
    return left


def get_mempolicy(task, mode_at: int, nodes_at: int, most: int, addr: int, flags: int) -> int:
    """get_mempolicy(2): a policy, or where memory is. EFAULT EINVAL"""
    mm, mode, nodes = task.mm, 0, 0
    if nodes_at and most < 1 or flags & ~(_NODE | _ADDR | _MEMS_ALLOWED):
        raise OSError(EINVAL, f"{most} nodes, flags {flags:#x}")
    if flags & _MEMS_ALLOWED:
        if flags & (_NODE | _ADDR):
            raise OSError(EINVAL, f"flags {flags:#x}")
        nodes = 1
    else:
        policy = _found(task, addr, flags)
        if flags & _NODE:
            if not flags & _ADDR and (policy is None or policy.mode & ~_FLAGS != _INTERLEAVE):
                raise OSError(EINVAL, "the policy does not interleave")
        elif policy is not None:
            mode = policy.mode
        if policy is not None and policy.mode != _LOCAL:
            nodes = policy.nodes
    if mode_at:
        mm.write_u32(mode_at, mode)
    if nodes_at:
        size = (most - 1 + 63) // 64 * 8
        if size > PAGE:
            raise OSError(EINVAL, f"{most} nodes")
        mm.write(nodes_at, _WORD.pack(nodes & (1 << 64) - 1)[:size].ljust(size, b"\0"))
    return 0


def _found(task, addr: int, flags: int) -> Policy | None:
    """The policy of the thread, or of an address. EFAULT EINVAL"""
    if not flags & _ADDR:
        if addr:
            raise OSError(EINVAL, f"address {addr:#x} without MPOL_F_ADDR")
        return task.mempolicy
    if task.mm.vmas.at(addr) is None:
        raise OSError(EFAULT, f"nothing is mapped at {addr:#x}")
    for low, high, policy in task.mm.policies or ():
        if low <= addr < high:
            return policy
    return None         # a thread's own is not the address's


def set_mempolicy_home_node(task, start: int, length: int, node: int, flags: int) -> int:
    """set_mempolicy_home_node(2), Linux 5.17: of ranges that have a policy of several nodes. EINVAL
    EOPNOTSUPP"""
    end = start + page_up(length)
    if start & PAGE - 1 or flags or node or end >> 64:
        raise OSError(EINVAL, f"node {node}, flags {flags:#x}")
    for low, high, policy in task.mm.policies or ():
        if low < end and high > start and policy.mode & ~_FLAGS not in (_BIND, _PREFERRED_MANY):
            raise OSError(EOPNOTSUPP, f"mode {policy.mode:#x}")
    return 0


def _process(task, pid: int):
    """Whose memory it is about. EPERM ESRCH"""
    process = task.kernel.processes.get(pid) if pid else task.process
    if process is None:
        raise OSError(ESRCH, f"no process {pid}")
    traceable(task, process)
    return process


def migrate_pages(task, pid: int, most: int, old: int, new: int) -> int:
    """migrate_pages(2): nothing has to go anywhere. EFAULT EINVAL EPERM ESRCH"""
    _nodes(task.mm, old, most)
    wanted = _nodes(task.mm, new, most)
    _process(task, pid)
    if not wanted & 1:
        raise OSError(EINVAL, "none of the nodes is here")
    return 0


def move_pages(task, pid: int, count: int, pages: int, nodes: int, status: int, flags: int) -> int:
    """move_pages(2): where pages are, which is where they stay. EFAULT EINVAL ENODEV EPERM ESRCH"""
    if flags & ~(_MOVE | _MOVE_ALL):
        raise OSError(EINVAL, f"flags {flags:#x}")
    if flags & _MOVE_ALL:
        raise OSError(EPERM, "MPOL_MF_MOVE_ALL takes CAP_SYS_NICE")
    mm, vmas = task.mm, _process(task, pid).mm.vmas
    for n in range(count):
        if nodes and mm.read_u32(nodes + 4 * n):
            raise OSError(ENODEV, "there is one node")
        there = vmas.at(mm.read_u64(pages + 8 * n)) is not None
        mm.write_u32(status + 4 * n, 0 if there else -EFAULT & 0xffff_ffff)
    return 0


_KEPT = "kept and shown: there is one node"
ROWS = (
    Row(237, mbind, (ADDR, SIZE, I32, ADDR, U64, U32), _KEPT),
    Row(238, set_mempolicy, (I32, ADDR, U64), _KEPT),
    Row(239, get_mempolicy, (ADDR, ADDR, U64, ADDR, U64)),
    Row(256, migrate_pages, (I32, U64, ADDR, ADDR), "there is one node"),
    Row(279, move_pages, (I32, U64, ADDR, ADDR, ADDR, I32), "there is one node; every mapped page counts as present"),
    Row(450, set_mempolicy_home_node, (ADDR, SIZE, U64, U64), "without effect"),
)

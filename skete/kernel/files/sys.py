"""/sys, as far as programs look: how many processors there are."""
from __future__ import annotations

from skete.kernel.files.procinfo import cpus_list
from skete.kernel.files.pseudo import Folder, Text

__all__ = ["sys", "tree"]


def tree(table: dict) -> Folder:
    """A Folder from {b"path/to/file": Entry}."""
    root = Folder({})
    for path, entry in table.items():
        *folders, name = path.split(b"/")
        folder = root
        for part in folders:
            folder = folder.table.setdefault(part, Folder({}))
        folder.table[name] = entry
    return root


def sys() -> Folder:
    """The root of /sys."""
    table = {b"devices/system/cpu/" + name: Text(cpus_list) for name in (b"online", b"possible", b"present")}
    table[b"devices/system/cpu/offline"] = Text(lambda task: b"\n")
    table[b"devices/system/cpu/isolated"] = Text(lambda task: b"\n")
    table[b"devices/system/cpu/kernel_max"] = Text(lambda task: b"8191\n")
    table[b"devices/system/node/online"] = Text(lambda task: b"0\n")
    table[b"devices/system/node/possible"] = Text(lambda task: b"0\n")
    table[b"kernel/mm/transparent_hugepage/enabled"] = Text(lambda task: b"always madvise [never]\n")
    table[b"kernel/mm/transparent_hugepage/hpage_pmd_size"] = Text(lambda task: b"2097152\n")
    table[b"devices/system/node/node0/cpulist"] = Text(cpus_list)
    for name in (b"nr_hugepages", b"nr_overcommit_hugepages", b"free_hugepages", b"resv_hugepages", b"surplus_hugepages"):
        table[b"kernel/mm/hugepages/hugepages-2048kB/" + name] = Text(lambda task: b"0\n")
    from os import sched_getaffinity
    root = tree(table)
    cpu = root.table[b"devices"].table[b"system"].table[b"cpu"]
    for n in range(len(sched_getaffinity(0))):
        cpu.table[b"cpu%d" % n] = Folder({b"online": Text(lambda task: b"1\n"), b"topology": _topology(n)})
    return root


def _topology(n: int) -> Folder:
    """Each processor is a core of its own of one package: which of the host's it is changes as the host likes."""
    alone = Text(lambda task: b"%d\n" % n)
    package = Text(lambda task: b"0\n")
    return Folder({b"core_id": alone, b"physical_package_id": package, b"die_id": package,
                   b"thread_siblings_list": alone, b"core_cpus_list": alone,
                   b"core_siblings_list": Text(cpus_list), b"package_cpus_list": Text(cpus_list)})

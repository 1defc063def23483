"""/proc and /sys in proc(5)'s formats, as the programs that read them parse them."""
import os
import re

import pytest

PROCESS = ["auxv", "cgroup", "cmdline", "comm", "environ", "io", "limits", "maps", "mountinfo", "mounts", "stat",
           "statm", "status"]
MACHINE = ["cpuinfo", "filesystems", "loadavg", "meminfo", "mounts", "stat", "uptime", "version",
           "sys/kernel/osrelease", "sys/kernel/random/uuid", "sys/vm/overcommit_memory"]


@pytest.mark.parametrize("name", PROCESS)
def test_a_process_is_told_by_its_number_and_as_self(guest, name):
    pid = guest.task.process.pid
    assert guest.text(f"/proc/self/{name}") == guest.text(f"/proc/{pid}/{name}") == \
        guest.text(f"/proc/{pid}/task/{pid}/{name}")


@pytest.mark.parametrize("name", MACHINE)
def test_the_machine_says_something(guest, name):
    assert guest.text(f"/proc/{name}").endswith(b"\n")


def test_stat_has_the_52_fields_and_the_name_in_brackets(guest):
    text = guest.text("/proc/self/stat").decode()
    pid, name, rest = re.fullmatch(r"(\d+) \((.*)\) (.*)\n", text).groups()
    assert int(pid) == guest.task.process.pid and name == "fake"
    fields = rest.split()
    assert len(fields) == 50 and fields[0] in "RS" and fields[17] == "1"    # state, num_threads
    assert int(fields[20]) == sum(v.end - v.start for v in guest.mm.vmas)   # vsize


def test_status_names_what_ps_and_top_look_for(guest):
    rows = dict(line.split(":\t", 1) for line in guest.text("/proc/self/status").decode().splitlines())
    assert rows["Name"] == "fake" and rows["Pid"] == rows["Tgid"] == str(guest.task.process.pid)
    assert rows["Uid"].split() == ["1000"] * 4 and rows["Threads"] == "1" and rows["VmSize"].endswith(" kB")


def test_every_thread_has_a_folder(guest):
    other = guest.machine.thread()
    other.name = b"worker"
    assert guest.listdir("/proc/self/task") == sorted([b".", b"..", b"%d" % guest.task.tid, b"%d" % other.tid])
    assert guest.text(f"/proc/self/task/{other.tid}/comm") == b"worker\n"
    assert guest.text(f"/proc/self/task/{other.tid}/stat").startswith(b"%d (worker) " % other.tid)


def test_fdinfo_tells_the_offset(guest):
    fd = guest.open("/data/file")
    guest.lseek(fd, 5, 0)
    assert guest.text(f"/proc/self/fdinfo/{fd}").startswith(b"pos:\t5\nflags:\t0100000\n")
    guest.call("close", fd)


def test_meminfo_follows_the_files_in_memory(guest):
    def shmem():
        return int(re.search(rb"Shmem: +(\d+) kB", guest.text("/proc/meminfo"))[1])
    before = shmem()
    fd = guest.open("/dev/shm/file", os.O_RDWR | os.O_CREAT)
    guest.write(fd, b"x" * 5000)
    assert shmem() == before + 8
    guest.unlink("/dev/shm/file")
    guest.call("close", fd)
    assert shmem() == before


def test_mounts_lists_what_is_mounted(guest):
    assert b"ext4 /data ext4 rw,nodev 0 0\n" in guest.text("/proc/mounts")


def test_sys_counts_the_processors(guest):
    count = len(os.sched_getaffinity(0))
    assert guest.text("/sys/devices/system/cpu/online") == (b"0-%d\n" % (count - 1) if count > 1 else b"0\n")
    assert [n for n in guest.listdir("/sys/devices/system/cpu") if re.fullmatch(rb"cpu\d+", n)] \
        == sorted(b"cpu%d" % n for n in range(count))


def test_every_file_can_be_read(guest):
    """Nothing that is listed makes the monitor fail."""
    seen, todo = 0, ["/proc/self", "/proc/sys", "/sys"]
    while todo:
        folder = todo.pop()
        fd = guest.open(folder, os.O_DIRECTORY)
        entries = []
        while part := guest.getdents(fd):
            entries += [(os.fsdecode(name), kind) for name, kind, *_ in part if name not in (b".", b"..")]
        guest.call("close", fd)
        for name, kind in entries:
            path = f"{folder}/{name}"
            if kind == 4:
                todo.append(path)
            elif kind == 8 and not folder.endswith("fdinfo") and name != "mem":     # the folder's own is closed; EIO at 0
                guest.text(path)
                seen += 1
    assert seen > 80

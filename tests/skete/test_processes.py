"""Programs of several processes: shells and their scripts beside the same natively, and what is left behind."""
import os
import subprocess
import textwrap
from pathlib import Path

import pytest

GUESTS = Path(__file__).resolve().parent.parent / "guests"
BUSYBOX, DASH = "/bin/busybox", "/bin/dash"

SCRIPTS = {
    "pipeline": "seq 1 100 | grep 7 | sort -r | head -n 3; echo one two | wc -w",
    "statuses": "for i in 1 2 3; do ( exit $i ); echo $?; done; false || echo or; ! true; echo $?; sh -c 'kill -9 $$'; echo $?",
    "substitution": "x=$(echo a b; echo c); echo \"[$x]\"; echo `echo back $(echo nested)`",
    "here documents": "cat <<E\nline $((6 * 7))\nE\ncat <<'E' | tr a-z A-Z\n$quoted\nE",
    "jobs": "sleep 0.2 & p=$!; echo started; wait $p; echo $?; (exit 5) & wait $!; echo $?; wait; echo all",
    "a killed job": "sleep 100 & p=$!; kill $p; wait $p; echo $?",
    "traps": "trap 'echo got it' USR1; kill -USR1 $$; trap 'echo bye' EXIT; (trap 'echo inner' EXIT; exit 3); echo $?; exit 4",
    "redirections": "echo one > f; echo two >> f; cat < f; { echo err >&2; } 2>&1 | cat; ls missing 2>/dev/null; echo $?; rm f",
    "functions and loops": "f() { while [ $1 -gt 0 ]; do echo -n $1; set -- $(($1 - 1)); done; echo; }; f 5; "
                           "printf '%s\\n' a b | while read l; do echo \"<$l>\"; done",
    "scripts by #!": "printf '#!%s sh\\necho \"$# $1\"\\nexit 9\\n' $SHELL > s; chmod +x s; ./s 'a b' c; echo $?; rm s",
    "exec": "exec 3>f; echo three >&3; exec 3>&-; cat f; rm f; exec sh -c 'echo replaced; exit 6'",
    "a long pipe": "yes | head -n 20000 | wc -l; dd if=/dev/zero bs=1000 count=1000 2>/dev/null | wc -c",
    "umask and cd": "(cd /; pwd); umask 077; (umask); cd /work; pwd",
}


def natively(argv: list, cwd: Path, script: str) -> subprocess.CompletedProcess:
    # The guest's working directory is /work, which the host need not have: what is printed is compared with that in mind.
    done = subprocess.run([*argv, "-c", script], cwd=cwd, env=environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    done.stdout = done.stdout.replace(str(cwd), "/work")
    return done


def environment() -> dict:
    return {"PATH": "/bin", "SHELL": BUSYBOX}


def options(folder: Path) -> list:
    env = [word for name, value in environment().items() for word in ("--env", f"{name}={value}")]
    return ["--timeout", "60", "--mount", f"{folder}:/work", "--mount", "/bin:/bin:ro", "--cwd", "/work", *env]


@pytest.mark.parametrize("name", SCRIPTS)
def test_busybox_runs_scripts_as_natively(name, skete, tmp_path):
    if not Path(BUSYBOX).exists():
        pytest.skip("there is no busybox: apt-get install busybox-static")
    script = SCRIPTS[name].replace("cd /work", "cd $W") if "cd /work" in SCRIPTS[name] else SCRIPTS[name]
    monitored, native = tmp_path / "monitored", tmp_path / "native"
    monitored.mkdir()
    native.mkdir()
    expected = natively([BUSYBOX, "sh"], native, script.replace("$W", str(native)))
    guest = skete("run", *options(monitored), BUSYBOX, "sh", "-c", script.replace("$W", "/work"))
    assert (guest.stdout, guest.returncode) == (expected.stdout, expected.returncode % 256), guest.stderr
    assert not list(monitored.iterdir())


def test_a_dynamic_shell_runs_through_its_interpreter_where_that_is_mounted(skete, tmp_path):
    if not Path(DASH).exists() or not Path("/lib64/ld-linux-x86-64.so.2").exists():
        pytest.skip("no dynamic dash here")
    libraries = [word for path in ("/lib64", "/lib/x86_64-linux-gnu")
                 for word in ("--mount", f"{os.path.realpath(path)}:{path}:ro")]
    guest = skete("run", *libraries, *options(tmp_path), DASH, "-c", SCRIPTS["statuses"] + "; " + SCRIPTS["pipeline"])
    assert guest.stdout.split() == "1 2 3 or 1 137 97 87 79 2".split(), guest.stderr


def test_a_dynamic_program_without_its_interpreter_is_refused_with_its_name(skete):
    if not Path(DASH).exists():
        pytest.skip("no dynamic dash here")
    guest = skete("run", DASH, "-c", "true")
    assert guest.returncode == 125 and "ld-linux-x86-64.so.2" in guest.stderr and "--mount" in guest.stderr


@pytest.fixture
def forker(guests, tmp_path):
    """Compile a program of a few lines."""
    def make(body: str) -> Path:
        source, program = tmp_path / "p.c", tmp_path / "p"
        source.write_text(textwrap.dedent("""
            #include <errno.h>
            #include <signal.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            #include <sys/mman.h>
            #include <sys/wait.h>
            #include <unistd.h>
            int main(void) { %s }
            """) % body)
        subprocess.run([guests.host.cc, "-static", "-O1", str(source), "-o", str(program)], check=True, timeout=60)
        return program
    return make


def monitor(program, **kwargs):
    """Run in this process; the Result, and what descriptors and children it has left."""
    from skete.machine import Machine
    before = len(os.listdir("/proc/self/fd"))
    read, write = os.pipe()
    result = Machine(program, stdio=(read, write, 2), timeout_s=60, **kwargs).run()
    os.close(write)
    output = b""
    while piece := os.read(read, 65536):
        output += piece
    os.close(read)
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        children = file.read().split()
    return result, output.decode(), len(os.listdir("/proc/self/fd")) - before, children


def test_two_hundred_forks_leave_nothing(forker):
    result, output, descriptors, children = monitor(forker("""
        for (int i = 0; i < 200; i++) {
            pid_t pid = fork();
            if (!pid) _exit(i & 127);
            int status;
            if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != (i & 127)) return 1;
        }
        return 0;"""))
    assert result.exit_status == 0
    assert (descriptors <= 1, children) == (True, [])       # the memory file goes with its last view


def test_what_still_runs_ends_with_the_first_process(forker):
    result, output, descriptors, children = monitor(forker("""
        for (int i = 0; i < 10; i++)
            if (!fork()) { setsid(); signal(SIGTERM, SIG_IGN); for (;;) if (i & 1) pause(); }
        return 3;"""))
    assert result.exit_status == 3 and children == [] and descriptors <= 1


def test_a_fork_bomb_meets_its_limit(forker):
    result, output, descriptors, children = monitor(forker("""
        int n = 0;
        for (;;) {
            pid_t pid = fork();
            if (pid < 0) { printf("%d %s\\n", n, strerror(errno)); return 0; }
            if (!pid) for (;;) pause();
            n++;
        }"""))
    assert output == "511 Resource temporarily unavailable\n"
    assert children == [] and descriptors <= 1


def test_memory_of_children_comes_back(forker):
    """Each child writes 8 MiB of its own: together more than the machine has, were it not given back."""
    result, output, _, _ = monitor(forker("""
        size_t size = 8 << 20;
        char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(memory, 1, size);
        for (int i = 0; i < 50; i++) {
            pid_t pid = fork();
            if (!pid) { memset(memory, i, size); _exit(memory[size / 2] != i); }
            int status;
            waitpid(pid, &status, 0);
            if (status || memory[size / 2] != 1) return 1;
        }
        return 0;"""))
    assert result.exit_status == 0


def test_threads_that_map_while_others_fork(guests, skete, tmp_path):
    """The child of a process whose threads change its address space sees what the kernel says, page by page."""
    source, program = tmp_path / "p.c", tmp_path / "p"
    source.write_text(textwrap.dedent("""
        #include <pthread.h>
        #include <stdio.h>
        #include <sys/mman.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static volatile int stop;
        static void *churn(void *unused)
        {
            while (!stop) {
                char *p = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                p[5] = 1;
                munmap(p, 65536);
            }
            return unused;
        }
        int main(void)
        {
            pthread_t threads[3];
            static int value = 5;
            char *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
            for (int i = 0; i < 3; i++) pthread_create(&threads[i], 0, churn, 0);
            for (int i = 0; i < 40; i++) {
                pid_t pid = fork();
                if (!pid) { shared[i] = value++; _exit(value); }
                int status;
                waitpid(pid, &status, 0);
                if (status != 6 << 8 || shared[i] != 5) return 1;
            }
            stop = 1;
            for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
            puts("done");
            return 0;
        }"""))
    subprocess.run([guests.host.cc, "-static", "-O1", "-pthread", str(source), "-o", str(program)],
                   check=True, timeout=60)
    guest = skete("run", "--timeout", "60", program)
    assert (guest.returncode, guest.stdout) == (0, "done\n"), guest.stderr


def test_children_of_a_small_musl_program(engine_name, sysroot, skete, tmp_path):
    """All of it lies in one page table, so an engine that kept entries of an ended child would show them here."""
    program = tmp_path / "fork"
    built = subprocess.run([sysroot / "bin" / "skete-gcc", "-static", "-O1", "-pthread", GUESTS / "fork.c", "-o",
                            program], capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    work = tmp_path / "work"
    work.mkdir()
    done = skete("run", "--engine", engine_name, "--timeout", "30", "--mount", f"{work}:/work", "--cwd", "/work", program)
    assert done.returncode == 0 and done.stdout.endswith("passed\n"), done.stdout + done.stderr

"""Names for addresses: addr2line is the oracle, and damage makes an answer shorter."""
import io
import shutil
import subprocess

import pytest

from skete.inspect import symbolise
from skete.inspect.symbols import Symbols

SOURCE = r"""
#include <stdio.h>
static __attribute__((noinline)) int twice(int x)
{
    return x + x;
}
int main(int argc, char **argv)
{
    printf("%d\n", twice(argc));
    return 0;
}
"""


def functions(program, *names):
    """{name: (address, size)} by nm."""
    out = subprocess.run(["nm", "-S", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return {row[3]: (int(row[0], 16), int(row[1], 16)) for row in rows if len(row) == 4 and row[3] in names}


@pytest.mark.parametrize("flags", [["-static"], ["-static-pie"], ["-static", "-gdwarf-4"], ["-static", "-O2"]],
                         ids=" ".join)
def test_agrees_with_addr2line(compiled_anyhow, flags):
    program = compiled_anyhow("crash", SOURCE, "-g", *flags)
    found = functions(program, "main", "twice")
    with Symbols.open(program) as names:
        for name, (start, size) in found.items():
            for address in range(start, start + size):
                out = subprocess.run(["addr2line", "-f", "-s", "-e", program, hex(address)], stdout=subprocess.PIPE,
                                     text=True, check=True).stdout.split("\n")
                where = out[1].split(" (")[0]
                expected = f"{name}+{address - start:#x}" + ("" if "?" in where else f" ({where})")
                assert names.at(address) == expected


def test_without_dwarf_the_function_is_named(compiled_anyhow):
    program = compiled_anyhow("crash", SOURCE, "-static")
    start, size = functions(program, "main")["main"]
    with Symbols.open(program) as names:
        assert names.at(start + 4) == "main+0x4"
        assert names.function(start + size) != ("main", size)


def test_a_bias_is_taken_off(compiled_anyhow):
    program = compiled_anyhow("crash", SOURCE, "-g", "-static-pie")
    start, _ = functions(program, "main")["main"]
    with Symbols.open(program, bias=0x5555_5555_4000) as names:
        assert names.at(0x5555_5555_4000 + start) == "main+0x0 (crash.c:8)"
        assert names.at(start) == f"{start:#x}"


def test_without_symbols_the_address_remains(compiled_anyhow):
    with Symbols.open(compiled_anyhow("crash", SOURCE, "-static", "-s")) as names:
        assert names.at(0x401234) == "0x401234"
        assert names.at(0) == "0x0" and names.at((1 << 64) - 1) == "0xffffffffffffffff"


@pytest.mark.parametrize("cut", [0, 10, 64, 0x1000])
def test_a_damaged_file_gives_bare_addresses(compiled_anyhow, cut):
    with open(compiled_anyhow("crash", SOURCE, "-g", "-static"), "rb") as f:
        data = f.read(cut)
    assert Symbols(io.BytesIO(data)).at(0x401234) == "0x401234"


def test_lines_without_aranges(compiled_anyhow, tmp_path):
    program = compiled_anyhow("crash", SOURCE, "-g", "-static")
    subprocess.run(["objcopy", "--remove-section", ".debug_aranges", program, str(tmp_path / "bare")], check=True)
    start, _ = functions(program, "twice")["twice"]
    with Symbols.open(tmp_path / "bare") as names:
        assert names.at(start) == "twice+0x0 (crash.c:4)"


def test_damaged_dwarf_leaves_the_function(compiled_anyhow, tmp_path):
    program = compiled_anyhow("crash", SOURCE, "-g", "-static")
    damaged = tmp_path / "damaged"
    shutil.copy(program, damaged)
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\xff" * 100)
    subprocess.run(["objcopy", "--update-section", f".debug_info={garbage}", str(damaged)], check=True)
    start, _ = functions(program, "main")["main"]
    with Symbols.open(damaged) as names:
        assert names.at(start) == "main+0x0"


def test_a_crash_report_gets_words_for_all_addresses(compiled_anyhow, tmp_path):
    program = compiled_anyhow("crash", SOURCE, "-g", "-static-pie")
    start, _ = functions(program, "main")["main"]
    assert symbolise(program, [0x1000 + start, 3], bias=0x1000) == ["main+0x0 (crash.c:8)", "0x3"]
    assert symbolise(str(tmp_path / "none"), [16]) == ["0x10"]

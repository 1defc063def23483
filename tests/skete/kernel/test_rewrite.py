"""Which instruction a rewritten site's jump takes the place of, and which sites are left alone."""
import pytest

from skete.kernel.rewrite import Patches, decide

START = 0x40_1000
MOV_EAX, MOV_R8D, SYSCALL = "b827000000", "41b827000000", "0f05"
NOPS = "90" * 170


def decided(code: str):
    return decide(bytes.fromhex(NOPS + code + SYSCALL), START)


def test_mov_before_a_syscall():
    assert decided(MOV_EAX) == (START + 170, 5, bytes.fromhex(MOV_EAX))


def test_what_is_between_is_copied():
    assert decided(MOV_EAX + "4889f2") == (START + 170, 5, bytes.fromhex(MOV_EAX + "4889f2"))


def test_a_prefix_belongs_to_its_instruction():
    assert decided(MOV_R8D) == (START + 170, 6, bytes.fromhex(MOV_R8D))


def test_the_stack_may_be_touched():
    code = "c744240810000000"           # movl $16, 8(%rsp)
    assert decided(code) == (START + 170, 8, bytes.fromhex(code))


@pytest.mark.parametrize("why, code", [
    ("no instruction that is long enough", ""),
    ("a branch, or the target of one, is just before it", MOV_EAX + "7400"),            # jz
    ("a branch, or the target of one, is just before it", MOV_EAX + "0f05"),            # another call
    ("an instruction before it is bound to its place", "488b0500000000"),               # mov 0(%rip), %rax
    ("an instruction before it is bound to its place", "488d3500000000"),               # lea 0(%rip), %rsi
    ("an instruction before it may fault", MOV_EAX + "488b7610"),                       # mov 16(%rsi), %rsi
])
def test_left_alone(why, code):
    assert decided(code) == why


def test_unclear_boundaries_are_refused():
    # Three bytes over and over: 48 89 f2 is mov %rsi, %rdx; 89 f2 is mov %esi, %edx, and f2 a prefix of the next.
    assert decide(bytes.fromhex("4889f2" * 60 + SYSCALL), START) == "unclear where instructions begin"


def test_no_syscall_no_site():
    assert decide(bytes.fromhex(NOPS), START) == "no syscall instruction"
    assert decide(bytes.fromhex(MOV_EAX + SYSCALL), START) == "too near the beginning of its text"


def test_text_as_it_was():
    patches = Patches()
    patches.undo.append((0x1010, b"\xb8\1\0\0\0", b"\xe9\0\0\0\0"))
    assert patches.original(0x100e, b"ab\xe9\0\0\0\0cd") == b"ab\xb8\1\0\0\0cd"
    assert patches.original(0x1012, b"\0\0\0cd") == b"\0\0\0cd"
    assert patches.copy().undo == patches.undo is not patches.copy().undo

/*
 * The fast gate: what a program, or a call site that was rewritten, jumps to
 * instead of "syscall". It comes with the number in rax, the arguments
 * as for a system call, and in rcx the address behind a "syscall" instruction.
 * What it has no answer for goes to that very instruction, with all registers
 * as they came but rcx and r11, which "syscall" overwrites anyway. So whatever
 * the call does with the thread (a signal, clone, execve) finds the thread
 * where it would be without us. It uses no stack, and changes the flags.
 *
 * Calls that need no more than their numbers are posted: written into the
 * thread's slot, and counted there. Where there are more threads than one, the
 * slot is found by FS, which each has another base of; by nothing else, so a
 * thread of which that is not known makes its calls with "syscall". While the monitor
 * polls, the answer is waited for in a loop, for a while; else the thread rings
 * at a doorbell of its own, and sleeps. An answer of CALL_TRAP means that more
 * is needed (registers, orders, a signal frame): then the call is made with
 * "syscall" after all. Signals are not blocked here. The monitor knows by the
 * place at which a kick found us what to do with it (post.py):
 *
 *   fast_post to fast_posted    nothing is posted yet: made with "syscall" instead
 *   fast_many to fast_found     so too, but number and return address are in rax
 *   fast_posted to fast_seen    in a call, like in the gate: nothing, or the answer is taken for us
 *   from fast_seen on           all registers are as after the call
 *
 * Constants come from layout.py through -D.
 */

	.hidden fast, fast_post, fast_many, fast_found, fast_posted, fast_rung, fast_seen
	.globl fast, fast_post, fast_many, fast_found, fast_posted, fast_rung, fast_seen
	.section .fast, "ax"		/* at GATE_BASE */
fast:
	cmp $FACT_NUMBERS, %rax
	jae 8f
	lea facts(%rip), %r11
	lea (%r11,%rax,8), %r11
	cmpl $FACT_VALUE, (%r11)
	jne 2f
	mov FACT_VALUES(%r11), %rax
	cmpl $0, fact_many(%rip)
	jne 1f
	incq FACT_COUNTS(%r11)
	jmp *%rcx
1:	lock incq FACT_COUNTS(%r11)
	jmp *%rcx
2:	cmpl $FACT_DESCRIPTOR, (%r11)
	jne 9f
	cmp FACT_VALUES(%r11), %esi
	jne 9f
	cmp $FACT_FD_NUMBERS, %rdi
	jae 9f
	lea fact_fds(%rip), %r11
	mov (%r11,%rdi,8), %r11
	test %r11, %r11
	jz 9f
	mov %r11, %rax
	cmpl $0, fact_many(%rip)
	jne 3f
	incq fact_fd_count(%rip)
	jmp *%rcx
3:	lock incq fact_fd_count(%rip)
	jmp *%rcx
fast_post:
9:	lea facts(%rip), %r11
	cmpl $FACT_NONE, (%r11,%rax,8)
	je 8f
	mov fact_slot(%rip), %r11
	test %r11, %r11
	jnz 3f
	cmpl $0, fact_threads(%rip)
	je 8f
	shl $16, %rcx			/* number and return address, both in rax: a register more */
fast_many:
	or %rcx, %rax
	rdfsbase %r11
	mov %r11, %rcx
	shr $FACT_TABLE_SHIFT, %rcx
	and $FACT_TABLE_ENTRIES - 1, %ecx
	shl $4, %ecx
	add fact_threads(%rip), %rcx
	cmp %r11, (%rcx)
	jne 1f
	mov 8(%rcx), %r11
	jmp 2f
1:	xor %r11d, %r11d
2:	mov %rax, %rcx
	shr $16, %rcx
	movzwl %ax, %eax
fast_found:
	test %r11, %r11
	jz 8f
3:	mov %rax, SLOT_CALL_NR(%r11)
	mov %rdi, SLOT_CALL_NR+8(%r11)
	mov %rsi, SLOT_CALL_NR+16(%r11)
	mov %rdx, SLOT_CALL_NR+24(%r11)
	mov %r10, SLOT_CALL_NR+32(%r11)
	mov %r8, SLOT_CALL_NR+40(%r11)
	mov %r9, SLOT_CALL_NR+48(%r11)
	mov %rcx, SLOT_CALL_RETURN(%r11)
	movq $CALL_PENDING, SLOT_CALL_REPLY(%r11)
fast_posted:
	lock incq SLOT_CALL(%r11)	/* before polled is read: a barrier */
	mov $GATE_SPINS, %edi
4:	mov SLOT_CALL_REPLY(%r11), %rax
	cmp $CALL_PENDING, %rax
	jne 6f
	cmpl $0, SLOT_CALL_POLLED(%r11)
	je 5f
	pause
	dec %edi
	jnz 4b
5:	mov %r11, %rdi
	mov $RING_NR, %eax
	syscall
fast_rung:
	mov %rdi, %r11
	mov SLOT_CALL_RETURN(%r11), %rcx
	mov $1, %edi
	jmp 4b
6:	mov SLOT_CALL_NR+8(%r11), %rdi
fast_seen:
	cmp $CALL_TRAP, %rax
	je 7f
	jmp *%rcx
7:	mov SLOT_CALL_NR(%r11), %rax
8:	lea -2(%rcx), %rcx
	jmp *%rcx
	.org GATE_PARTS - GATE_BASE
	.quad fast_post, fast_many, fast_found, fast_posted, fast_rung, fast_seen
	.section .note.GNU-stack, "", @progbits

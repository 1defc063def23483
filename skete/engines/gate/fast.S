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
 *   yield to yielding           nothing is done yet: made with "syscall" instead
 *   yielding to fast_yielded    so too, but rdi is in the slot
 *   fast_yielded to yield_end   done, but rdi and the return address are in the slot
 *
 * While the call waits for another process, which is looked at too, the thread
 * yields instead of looking without a pause, for a while.
 *
 * Yielding is for the host to do where the engine lets that one call pass.
 *
 * The time is told from rows that the monitor has filled in (clocks.py): what a
 * clock said at a moment of the processor's counter, and how fast it runs. Where
 * that was too long ago, the call is posted, and the row filled in anew. What a row
 * tells is right when its tag has not changed from before the counter was read to
 * after; the last look takes its address from what was computed, so it cannot be
 * early. The one register that is missing is had from an argument
 * that can only have one value, rdx is kept in r11, and nothing is done before
 * the answer is written into the program's memory. So wherever a kick or a fault
 * (a bad pointer) finds us in TOLD's pieces, the monitor can put the thread back to its
 * "syscall" (post.py), and Linux's own EFAULT is what comes of it.
 *
 * Constants come from layout.py through -D.
 */

	.hidden fast, fast_post, fast_many, fast_found, fast_posted, fast_rung, fast_seen, fast_yielded, fast_waited
	.globl fast, fast_post, fast_many, fast_found, fast_posted, fast_rung, fast_seen, fast_yielded, fast_waited
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
	jb 8f
	ja 5f
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
5:	cmpl $FACT_POST, (%r11)
	jne clock
fast_post:
9:	mov fact_slot(%rip), %r11
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
3:	cmp $YIELD_NR, %rax
	je yield
post:	mov %rax, SLOT_CALL_NR(%r11)
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
	cmpl $POLLED_WAITS, SLOT_CALL_POLLED(%r11)
	je 10f
	ja 5f
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
10:	cmp $GATE_YIELDS, %edi		/* how often yet, and the slot, both in rdi: syscall takes a register more */
	jbe 1f
	mov $GATE_YIELDS, %edi
1:	dec %edi
	jz 5b
	or %r11, %rdi
	mov $YIELD_NR, %eax
	syscall
fast_waited:
	mov %rdi, %r11
	movzwl %di, %edi
	and $-SLOT_SIZE, %r11
	mov SLOT_CALL_RETURN(%r11), %rcx
	jmp 4b
6:	mov SLOT_CALL_NR+8(%r11), %rdi
fast_seen:
	cmp $CALL_TRAP, %rax
	je 7f
	jmp *%rcx
7:	mov SLOT_CALL_NR(%r11), %rax
8:	lea -2(%rcx), %rcx
	jmp *%rcx

yield:	cmpl $0, fact_yield(%rip)
	je post
	mov %rdi, SLOT_CALL_NR+8(%r11)
	mov %rcx, SLOT_CALL_RETURN(%r11)
	mov %r11, %rdi
yielding:
	syscall
fast_yielded:
	mov SLOT_CALL_RETURN(%rdi), %rcx
	mov SLOT_CALL_NR+8(%rdi), %rdi
yield_end:
	lock incq facts + FACT_COUNTS + 8 * YIELD_NR(%rip)
	jmp *%rcx

/* One clock: the registers that an argument's value is put back into and lent from, that value, the form of the answer.
 * "to" is where nothing but the counting is left. */
	.macro tell name, row, register, value, form
from_\name:
7:	mov %r11, %rdx
	mov $\value, %\register
	mov fact_clock_numbers + 8 * \form(%rip), %rax
	jmp missed
\name:
	mov clocks + \row * ROW_SIZE(%rip), %\register
	lfence				/* what the program has seen before is before */
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	sub clocks + \row * ROW_SIZE + ROW_COUNTER(%rip), %rax
	cmp clocks + \row * ROW_SIZE + ROW_WINDOW(%rip), %rax
	jae 7b
	mulq clocks + \row * ROW_SIZE + ROW_RATE(%rip)
	mov clocks + \row * ROW_SIZE + ROW_SECONDS(%rip), %rax
	add clocks + \row * ROW_SIZE + ROW_NS(%rip), %rdx
	cmp $1000000000, %rdx
	jb 1f
	sub $1000000000, %rdx		/* once is enough, for a window is short */
	inc %rax
1:
	.if \form == 0
	mov %rax, (%rsi)
	mov %rdx, 8(%rsi)
	xor %eax, %eax
	.elseif \form == 1
	imul $274877907, %rdx, %rdx	/* of 2**38: a thousandth, exact up to 2**32 */
	shr $38, %rdx
	mov %rax, (%rdi)
	mov %rdx, 8(%rdi)
	xor %eax, %eax
	.endif
	shr $32, %rdx			/* 0 */
	add at_clocks(%rip), %rdx
	cmp %\register, \row * ROW_SIZE(%rdx)
	jne 7b
	mov %r11, %rdx
	mov $\value, %\register
to_\name:
	cmpl $0, fact_many(%rip)
	jne 3f
	incq fact_clock_counts + 8 * \form(%rip)
	jmp *%rcx
3:	lock incq fact_clock_counts + 8 * \form(%rip)
	jmp *%rcx
	.endm

	.macro piece name
	.quad from_\name, to_\name
	.endm

clock:	cmpl $0, fact_clocks(%rip)
	je missed
	cmpl $FACT_TIMEVAL, (%r11)
	mov %rdx, %r11
	je 2f
	ja 3f
	cmp $1, %rdi
	je monotonic
	test %rdi, %rdi
	jz realtime
	cmp $7, %rdi
	je boottime
	cmp $11, %rdi
	je tai
	jmp 9b
2:	test %rsi, %rsi			/* a time zone is asked for */
	jnz 9b
	jmp timeval
3:	test %rdi, %rdi
	jnz 9b
	jmp seconds
missed:	lock incq fact_missed(%rip)
	jmp 9b

	tell monotonic, 1, rdi, 1, 0
	tell realtime, 0, rdi, 0, 0
	tell boottime, 2, rdi, 7, 0
	tell tai, 3, rdi, 11, 0
	tell timeval, 0, rsi, 0, 1
	tell seconds, 0, rdi, 0, 2
	.balign 8
at_clocks:
	.quad clocks

/*
 * The monitor's own, which has a copy of this page: read a clock of the host
 * between two looks at the counter, until these are close enough together, or so
 * many times, and tell the closest. rdi: the address of a struct, see clocks.py.
 * What was stored before is seen by all processors before.
 */
sample:	push %rbx
	push %rbp
	push %r12
	sub $16, %rsp
	mov %rdi, %rbx
	mov SAMPLE_TRIES(%rbx), %r12
	mfence
1:	lfence
	rdtsc
	shl $32, %rdx
	lea (%rax,%rdx), %rbp
	mov SAMPLE_CLOCK(%rbx), %edi
	mov %rsp, %rsi
	call *SAMPLE_READ(%rbx)
	lfence
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, %rdx
	sub %rbp, %rdx
	cmp SAMPLE_WIDTH(%rbx), %rdx
	jae 2f
	mov %rdx, SAMPLE_WIDTH(%rbx)
	mov %rax, SAMPLE_COUNTER(%rbx)
	mov (%rsp), %rax
	mov %rax, SAMPLE_SECONDS(%rbx)
	mov 8(%rsp), %rax
	mov %rax, SAMPLE_NS(%rbx)
	cmp SAMPLE_ENOUGH(%rbx), %rdx
	jbe 3f
2:	dec %r12
	jnz 1b
3:	add $16, %rsp
	pop %r12
	pop %rbp
	pop %rbx
	ret
	.org GATE_PARTS - GATE_BASE
	.quad fast_post, fast_many, fast_found, fast_posted, fast_rung, fast_seen, sample, yield, yielding, fast_yielded, yield_end
	piece monotonic
	piece realtime
	piece boottime
	piece tai
	piece timeval
	piece seconds
	.section .note.GNU-stack, "", @progbits

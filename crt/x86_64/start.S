/* The entry point. The libc's own one has been renamed to __skete_libc_start
 * (crt/README.md tells how) and gets control with the registers and the stack
 * as the kernel left them, so that its start-up is the libc's business alone:
 * relocation of a static PIE, TLS, stack protector, constructors, atexit.
 *
 * At entry (psABI x86-64, 3.4.1) rsp points to argc and is 16-byte aligned,
 * rdx is a function for atexit or 0, and the other registers are unspecified;
 * rbx and r12 live through a call. */
	.text
	.globl	_start
	.type	_start, @function
	.hidden	__skete_auxv
	.hidden	__skete_libc_start
_start:
	.cfi_startproc
	.cfi_undefined rip
	xor	%ebp, %ebp
	mov	%rsp, %rbx
	mov	%rdx, %r12
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	__skete_auxv
	mov	%rbx, %rsp
	mov	%r12, %rdx
	jmp	__skete_libc_start
	.cfi_endproc
	.size	_start, .-_start

	.section .note.GNU-stack, "", @progbits

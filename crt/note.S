/* The mark of our binaries, an ELF note: owner "skete", type 1, and as
 * descriptor the version of the interface between a binary and the monitor
 * (u32), then the libc's name and its version, each ended by a NUL.
 *
 * Assembly, because a section of type SHT_NOTE is what the linkers make a
 * PT_NOTE of and what --gc-sections spares, and C cannot ask for the type. */
#define SKETE_ABI 1

#define STRING_(x) #x
#define STRING(x) STRING_(x)

	.section .note.skete, "a", %note
	.balign	4
	.long	2f - 1f			/* n_namesz */
	.long	4f - 3f			/* n_descsz */
	.long	1			/* n_type */
1:	.asciz	"skete"
2:	.balign	4
3:	.long	SKETE_ABI
	.asciz	STRING(SKETE_LIBC)
	.asciz	STRING(SKETE_LIBC_VERSION)
4:	.balign	4

	.section .note.GNU-stack, "", %progbits

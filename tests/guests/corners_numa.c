/* Corners of protection keys, and of the NUMA policies of node 0. */
#include "corners.h"

#include <grp.h>
#include <linux/mempolicy.h>
#include <sys/wait.h>

static void keys(void)
{
	char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T(pkey_alloc, 1, 0);
	T(pkey_alloc, 0, 4);
	T(pkey_free, 16);
	T(pkey_free, -1);
	T(pkey_free, 9);
	T(pkey_mprotect, page, 4096, PROT_READ, -1);
	T(pkey_mprotect, page, 4096, PROT_READ | PROT_WRITE, 9);
	T(pkey_mprotect, page, 4096, PROT_READ | PROT_WRITE, 16);
	T(pkey_mprotect, page + 1, 4096, PROT_READ, -1);
	T(pkey_mprotect, page, 0, PROT_READ, 0);
	T(pkey_mprotect, page, 4096, 0x100, -1);
}

static unsigned long got[8];
static int mode;

/* The policy of a thread or an address. */
static void policy_of(void *addr, int flags)
{
	mode = 77;
	memset(got, 0xff, sizeof got);
	T(get_mempolicy, &mode, got, 65, addr ? (long)addr : 0, flags);
	printf("  mode %#x, nodes %#lx %#lx\n", mode, got[0], got[1]);
}

static void policies(void)
{
	unsigned long none = 0, first = 1;
	char *pages = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(pages, 1, 4 * 4096);
	T(get_mempolicy, 0, 0, 0, 0, 0);
	T(get_mempolicy, &mode, got, 0, 0, 0);
	T(get_mempolicy, BAD, 0, 0, 0, 0);
	T(get_mempolicy, 0, BAD, 65, 0, 0);
	T(get_mempolicy, 0, 0, 0, 0, 8);
	T(get_mempolicy, 0, 0, 0, 1, 0);
	T(get_mempolicy, 0, 0, 0, 0, MPOL_F_ADDR);
	T(get_mempolicy, &mode, 0, 0, 0, MPOL_F_NODE);
	T(get_mempolicy, &mode, 0, 0, 0, MPOL_F_MEMS_ALLOWED | MPOL_F_NODE);
	policy_of(0, 0);
	policy_of(pages, MPOL_F_ADDR);
	policy_of(pages, MPOL_F_ADDR | MPOL_F_NODE);
	T(set_mempolicy, -1, 0, 0);
	T(set_mempolicy, 99, 0, 0);
	T(set_mempolicy, MPOL_DEFAULT, &first, 64);
	T(set_mempolicy, MPOL_BIND, 0, 0);
	T(set_mempolicy, MPOL_BIND, &none, 64);
	T(set_mempolicy, MPOL_BIND, &first, 1);
	T(set_mempolicy, MPOL_BIND, &first, 100000);
	T(set_mempolicy, MPOL_BIND, BAD, 64);
	T(set_mempolicy, MPOL_LOCAL, &first, 64);
	T(set_mempolicy, MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, &first, 64);
	T(set_mempolicy, MPOL_PREFERRED | MPOL_F_STATIC_NODES, &none, 64);
	T(set_mempolicy, MPOL_INTERLEAVE, &first, 64);
	policy_of(0, 0);
	T(get_mempolicy, &mode, 0, 0, 0, MPOL_F_NODE);
	SAY(mode);
	T(set_mempolicy, MPOL_BIND, &first, 64);
	policy_of(0, 0);
	policy_of(pages, MPOL_F_ADDR);
	T(set_mempolicy, MPOL_PREFERRED, &first, 64);
	policy_of(0, 0);
	T(set_mempolicy, MPOL_PREFERRED, 0, 0);
	policy_of(0, 0);
	T(set_mempolicy, MPOL_LOCAL, 0, 0);
	pid_t child = fork();
	if (!child) {
		policy_of(0, 0);
		_exit(0);
	}
	waitpid(child, 0, 0);
	T(set_mempolicy, MPOL_DEFAULT, 0, 0);
	policy_of(0, 0);

	T(mbind, pages + 1, 4096, MPOL_BIND, &first, 64, 0);
	T(mbind, pages, 4096, 99, &first, 64, 0);
	T(mbind, pages, 4096, MPOL_BIND, &first, 64, 8);
	T(mbind, pages, 4096, MPOL_BIND, &first, 64, MPOL_MF_MOVE_ALL);
	T(mbind, pages, 4096, MPOL_BIND, 0, 0, 0);
	T(mbind, pages, 0, MPOL_BIND, &first, 64, 0);
	T(mbind, pages, -4096L, MPOL_BIND, &first, 64, 0);
	T(mbind, border(), 4096, MPOL_BIND, &first, 64, 0);
	T(mbind, pages + 4096, 8192, MPOL_BIND, &first, 64, MPOL_MF_STRICT | MPOL_MF_MOVE);
	policy_of(pages, MPOL_F_ADDR);
	policy_of(pages + 4096, MPOL_F_ADDR);
	policy_of(pages + 3 * 4096, MPOL_F_ADDR);
	T(mbind, pages + 8192, 4096, MPOL_DEFAULT, 0, 0, 0);
	policy_of(pages + 4096, MPOL_F_ADDR);
	policy_of(pages + 8192, MPOL_F_ADDR);
	T(mbind, pages, 16384, MPOL_INTERLEAVE, &first, 64, 0);
	policy_of(pages + 8192, MPOL_F_ADDR);

	void *list[2] = { pages, pages + 4096 };
	int nodes[2] = { 0, 0 }, status[2] = { 7, 7 }, far[2] = { 0, 5000 };
	T(move_pages, 0, 2, list, 0, status, 0);
	SAY(status[0] * 10 + status[1]);
	T(move_pages, 0, 2, list, nodes, status, MPOL_MF_MOVE);
	T(move_pages, 0, 2, list, far, status, MPOL_MF_MOVE);
	T(move_pages, 0, 2, list, 0, status, 8);
	T(move_pages, 0, 2, list, 0, status, MPOL_MF_MOVE_ALL);
	T(move_pages, 4000000, 2, list, 0, status, 0);
	T(move_pages, 0, 2, BAD, 0, status, 0);
	T(move_pages, 0, 2, list, 0, BAD, 0);
	T(move_pages, 0, 0, 0, 0, 0, 0);
	list[1] = BAD;
	T(move_pages, 0, 2, list, 0, status, 0);
	SAY(status[1]);
	T(migrate_pages, 0, 64, &first, &first);
	T(migrate_pages, 0, 64, &first, &none);
	T(migrate_pages, 0, 64, &first, BAD);
	T(migrate_pages, 0, 100000, &first, &first);
	T(migrate_pages, 4000000, 64, &first, &first);
}

int main(void)
{
	if (!geteuid() && (setgroups(0, 0) || setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)))
		return 2;
	if (syscall(SYS_get_mempolicy, 0, 0, 0, 0, 0) && errno == ENOSYS)
		return lacking("NUMA policies");
	if (syscall(SYS_pkey_free, -1) && errno == ENOSYS)
		return lacking("protection keys");
	keys();
	policies();
	return 0;
}

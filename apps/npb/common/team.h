/*
 * A team of threads that work through the same function, each on its own share.
 *
 * The thread that opens the team is its member of rank 0; a team of one is that
 * thread alone and costs nothing. Shares are fixed: member r of N always gets the
 * r-th of N equal pieces, so a member finds in its cache what it wrote before. Where
 * a piece takes long, members go through their shares one by one and help each other
 * at the end, so none waits for one whose processor was away for a moment. A
 * sum adds the members' values in order of rank, so a run can be repeated bit by
 * bit with the same number of threads.
 *
 * A member that waits looks again for some microseconds and then sleeps: with a
 * processor of its own it answers at once, and where there are fewer processors
 * than members, or a monitor beside them, it is in nobody's way.
 *
 * The threads have the libc's default stacks, which may be small: members keep
 * their large arrays on the heap.
 */
#ifndef NPB_TEAM_H
#define NPB_TEAM_H

struct team;

struct member {
	struct team *team;
	int rank, threads;
	unsigned long turn;    /* barriers passed */
	unsigned sums;         /* sums formed */
	int looks;             /* how patient it is, the team's business */
};

/* Start threads - 1 threads. Ends the program, with a line on stderr, where the
 * system has no more of them. */
struct team *team_open(int threads);
void team_close(struct team *t);

/* Call work(member, argument) on every member; return when all have returned. */
void team_run(struct team *t, void (*work)(struct member *me, void *argument), void *argument);

/* Wait until every member is here. What one wrote before, all see afterwards. */
void team_barrier(struct member *me);

/* The sum of what the members give; each of them gets it. A barrier as well. */
double team_sum(struct member *me, double value);

/* The member's piece of 0..count-1: *from, up to but without *to. */
void team_share(const struct member *me, long count, long *from, long *to);

/* The next one of 0..count-1 that nobody has: of the member's own share, in order, then of
 * others'. -1 when all are taken; then a barrier has to come. */
long team_next(struct member *me, long count);

#endif

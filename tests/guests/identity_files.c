/* Files and those who may: path_resolution(7), access(2), chmod(2), chown(2), unlink(2), inode(7), capabilities(7), of
 * a process that begins as root and becomes others. For test_identity.py: its words are folders to do it in, each of
 * another kind under the monitor, and natively all the same. */
#include "copy.h"
#include "identity.h"

#include <sys/socket.h>
#include <sys/un.h>

static void file(const char *path, uid_t uid, gid_t gid, int mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, "text", 4) == 4);
	EQ(fchown(fd, uid, gid), 0);
	EQ(fchmod(fd, mode), 0);
	close(fd);
}

static void folder(const char *path, uid_t uid, gid_t gid, int mode)
{
	EQ(mkdir(path, 0700), 0);
	EQ(chown(path, uid, gid), 0);
	EQ(chmod(path, mode), 0);
}

static int mode_of(const char *path)
{
	struct stat st = { 0 };
	EQ(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static int opens(const char *path, int flags)
{
	int fd = open(path, flags, 0644);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void owned_by(const char *path, uid_t uid, gid_t gid)
{
	struct stat st = { 0 };
	EQ(lstat(path, &st), 0);
	EQ(st.st_uid, uid);
	EQ(st.st_gid, gid);
}

static void copy_of_me(const char *path, uid_t uid, gid_t gid, int mode)
{
	copy_me(path);
	EQ(chown(path, uid, gid), 0);
	EQ(chmod(path, mode), 0);
}

static void opening(void)
{
	file("secret", 0, 0, 0600);
	file("public", 0, 0, 0644);
	file("groups", 0, SOMEBODY, 0640);
	file("theirs", SOMEBODY, OTHER, 0604);
	file("nobody", 0, 0, 0);
	folder("closed", 0, 0, 0700);
	file("closed/in", 0, 0, 0666);
	EQ(opens("nobody", O_RDWR), 0);
	AS(NOBODY, NOBODY)
		EQ(opens("secret", O_RDONLY), EACCES);
		EQ(opens("public", O_RDONLY), 0);
		EQ(opens("public", O_WRONLY), EACCES);
		EQ(opens("public", O_RDONLY | O_TRUNC), EACCES);
		EQ(opens("public", O_RDONLY | O_NOATIME), EPERM);
		EQ(opens("groups", O_RDONLY), EACCES);
		EQ(opens("theirs", O_RDONLY), 0);
		EQ(opens("closed/in", O_RDONLY), EACCES);
		EQ(opens("closed", O_RDONLY | O_DIRECTORY), EACCES);
		EQ(opens("closed", O_PATH), 0);
		struct stat st;
		FAILS(stat("closed/in", &st), EACCES);
		EQ(stat("secret", &st), 0);
		FAILS(chdir("closed"), EACCES);
		EQ(opens("new", O_CREAT | O_RDWR), EACCES);
		EQ(opens(".", O_TMPFILE | O_RDWR), EACCES);
		FAILS(truncate("public", 0), EACCES);
		FAILS(execl("secret", "secret", NULL), EACCES);
	DONE
	copy_of_me("roots", 0, 0, 0700);
	int held = open("roots", O_RDONLY), readable = open("secret", O_RDONLY);
	AS(NOBODY, NOBODY)
		char path[32], byte;
		snprintf(path, sizeof path, "/proc/self/fd/%d", readable);
		FAILS(access(path, R_OK), EACCES);
		EQ(opens(path, O_RDONLY), EACCES);	/* to open it again takes what to open it did */
		EQ(pread(readable, &byte, 1, 0), 1);
		FAILS(syscall(SYS_execveat, held, "", (char *[]){ "x", NULL }, NULL, AT_EMPTY_PATH), EACCES);
		snprintf(path, sizeof path, "/proc/self/fd/%d", held);
		FAILS(execl(path, "x", NULL), EACCES);
	DONE
	AS(OTHER, OTHER)
		EQ(opens("theirs", O_RDONLY), EACCES);	/* the group's bits count, not everybody's */
	DONE
	AS(SOMEBODY, NOBODY)
		EQ(opens("theirs", O_RDWR), 0);
		EQ(opens("groups", O_RDONLY), EACCES);
	DONE
	gid_t groups[2] = { 5, SOMEBODY };
	EQ(setgroups(2, groups), 0);
	EQ(setresuid(-1, NOBODY, -1), 0);
	EQ(opens("groups", O_RDONLY), 0);
	EQ(opens("groups", O_WRONLY), EACCES);
	EQ(setresuid(-1, 0, -1), 0);
	EQ(opens("groups", O_WRONLY), 0);
	EQ(setfsuid(NOBODY), 0);
	EQ(opens("secret", O_RDONLY), EACCES);
	EQ(setfsuid(0), NOBODY);
	EQ(set_caps(ROOT_CAPS & ~CAP(DAC_OVERRIDE), ROOT_CAPS, 0), 0);
	EQ(opens("nobody", O_RDONLY), EACCES);
	EQ(opens("secret", O_RDONLY), 0);
	EQ(chmod("theirs", 0600), 0);
	EQ(opens("theirs", O_RDONLY), EACCES);
	EQ(set_caps(ROOT_CAPS, ROOT_CAPS, 0), 0);
	EQ(opens("theirs", O_RDONLY), 0);
}

static void asking(void)
{
	file("secret", 0, 0, 0600);
	file("plain", 0, 0, 0644);
	EQ(access("plain", R_OK | W_OK), 0);
	FAILS(access("plain", X_OK), EACCES);
	EQ(setresuid(-1, NOBODY, -1), 0);
	EQ(access("secret", R_OK), 0);				/* by the real id */
	FAILS(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS), EACCES);
	EQ(faccessat(AT_FDCWD, "plain", R_OK, AT_EACCESS), 0);
	EQ(setresuid(NOBODY, 0, -1), 0);
	FAILS(access("secret", R_OK), EACCES);
	FAILS(access("plain", W_OK), EACCES);
	EQ(faccessat(AT_FDCWD, "secret", R_OK | W_OK, AT_EACCESS), 0);
	EQ(opens("secret", O_RDWR), 0);
}

static void making(void)
{
	folder("open", 0, 0, 0777);
	folder("group", 0, OTHER, 02777);
	AS(SOMEBODY, NOBODY)
		EQ(opens("open/file", O_CREAT | O_RDWR), 0);
		EQ(mkdir("open/folder", 0755), 0);
		EQ(symlink("text", "open/link"), 0);
		EQ(mkfifo("open/fifo", 0644), 0);
		EQ(opens("group/file", O_CREAT | O_RDWR), 0);
		EQ(mkdir("group/folder", 0755), 0);
		FAILS(mkdir("made", 0755), EACCES);
		FAILS(symlink("text", "made"), EACCES);
		FAILS(mkfifo("made", 0644), EACCES);
		FAILS(link("open/file", "made"), EACCES);
		FAILS(rename("open/file", "made"), EACCES);
		FAILS(rmdir("group"), EACCES);
	DONE
	owned_by("open/file", SOMEBODY, NOBODY);
	owned_by("open/folder", SOMEBODY, NOBODY);
	owned_by("open/link", SOMEBODY, NOBODY);
	owned_by("open/fifo", SOMEBODY, NOBODY);
	owned_by("group/file", SOMEBODY, OTHER);
	owned_by("group/folder", SOMEBODY, OTHER);
	EQ(mode_of("group/folder"), 02755);
	EQ(mode_of("open/folder"), 0755);
}

static void sticky(void)
{
	folder("sticky", 0, 0, 01777);
	file("sticky/roots", 0, 0, 0666);
	file("sticky/theirs", SOMEBODY, SOMEBODY, 0666);
	folder("sticky/folder", 0, 0, 0777);
	AS(OTHER, OTHER)
		FAILS(unlink("sticky/roots"), EPERM);
		FAILS(unlink("sticky/theirs"), EPERM);
		FAILS(rename("sticky/roots", "sticky/else"), EPERM);
		FAILS(rmdir("sticky/folder"), EPERM);
		EQ(opens("sticky/mine", O_CREAT | O_RDWR), 0);
		FAILS(rename("sticky/mine", "sticky/theirs"), EPERM);
		EQ(rename("sticky/mine", "sticky/also mine"), 0);
		EQ(unlink("sticky/also mine"), 0);
	DONE
	AS(SOMEBODY, SOMEBODY)
		EQ(unlink("sticky/theirs"), 0);
	DONE
	EQ(unlink("sticky/roots"), 0);
}

static void changing(void)
{
	file("roots", 0, 0, 0644);
	file("theirs", SOMEBODY, SOMEBODY, 0644);
	AS(SOMEBODY, SOMEBODY)
		FAILS(chmod("roots", 0666), EPERM);
		FAILS(chown("roots", SOMEBODY, -1), EPERM);
		FAILS(utimensat(AT_FDCWD, "roots", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0), EPERM);
		FAILS(utimensat(AT_FDCWD, "roots", NULL, 0), EACCES);
		EQ(chmod("theirs", 0600), 0);
		EQ(utimensat(AT_FDCWD, "theirs", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0), 0);
		FAILS(chown("theirs", OTHER, -1), EPERM);
		FAILS(chown("theirs", -1, OTHER), EPERM);
		EQ(chown("theirs", SOMEBODY, SOMEBODY), 0);
		EQ(chmod("theirs", 02755), 0);
		EQ(mode_of("theirs"), 02755);
		int fd = open("theirs", O_RDWR);
		EQ(fchmod(fd, 0640), 0);
		FAILS(fchown(fd, 0, 0), EPERM);
		int roots = open("roots", O_RDONLY);
		FAILS(fchmod(roots, 0666), EPERM);
		FAILS(futimens(roots, (struct timespec[2]){ { 1, 0 }, { 1, 0 } }), EPERM);
	DONE
	gid_t groups[1] = { OTHER };
	EQ(setgroups(1, groups), 0);
	EQ(setresuid(-1, SOMEBODY, -1), 0);
	EQ(chown("theirs", -1, OTHER), 0);		/* to a group that one is in */
	EQ(setresuid(-1, 0, -1), 0);
	EQ(setgroups(0, NULL), 0);
	EQ(setresuid(-1, SOMEBODY, -1), 0);
	EQ(chmod("theirs", 02770), 0);			/* of a group that one is not in: no set-group-id bit */
	EQ(mode_of("theirs"), 0770);
	EQ(setresuid(-1, 0, -1), 0);
	EQ(chown("theirs", OTHER, OTHER), 0);
	owned_by("theirs", OTHER, OTHER);
	EQ(symlink("theirs", "link"), 0);
	EQ(lchown("link", 7, 8), 0);
	owned_by("link", 7, 8);
	owned_by("theirs", OTHER, OTHER);
}

static void writes(const char *path, int line)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "x", 1) != 1)
		failed_(__FILE__, line, path, errno, 0);
	close(fd);
}
#define WRITES(path) writes(path, __LINE__)

static void set_id_bits(void)
{
	file("a", 0, 0, 06777);
	WRITES("a");
	EQ(mode_of("a"), 06777);		/* CAP_FSETID */
	AS(SOMEBODY, SOMEBODY)
		WRITES("a");
	DONE
	EQ(mode_of("a"), 0777);
	file("b", SOMEBODY, SOMEBODY, 06767);	/* not executable by its group: a mark for locking, as it was */
	AS(SOMEBODY, SOMEBODY)
		EQ(truncate("b", 1), 0);
	DONE
	EQ(mode_of("b"), 02767);
	file("c", SOMEBODY, SOMEBODY, 06777);
	AS(SOMEBODY, SOMEBODY)
		int fd = open("c", O_RDWR);
		EQ(ftruncate(fd, 2), 0);
		close(fd);
	DONE
	EQ(mode_of("c"), 0777);
	file("d", 0, 0, 06755);
	EQ(chown("d", SOMEBODY, SOMEBODY), 0);
	EQ(mode_of("d"), 0755);
	file("e", 0, 0, 06745);
	EQ(chown("e", -1, SOMEBODY), 0);
	EQ(mode_of("e"), 02745);
	folder("f", 0, 0, 02755);
	EQ(chown("f", SOMEBODY, SOMEBODY), 0);
	EQ(mode_of("f"), 02755);
}

/* argv[2] to argv[7]: the ids real, effective and saved, of user and group */
static int executed(char **argv)
{
	uid_t ids[6];
	EQ(getresuid(ids, ids + 1, ids + 2), 0);
	EQ(getresgid(ids + 3, ids + 4, ids + 5), 0);
	for (int i = 0; i < 6; i++)
		EQ(ids[i], strtoul(argv[2 + i], NULL, 0));
	EQ(getauxval(AT_SECURE), ids[0] != ids[1] || ids[3] != ids[4]);
	EQ(caps().permitted, ids[1] ? 0 : ROOT_CAPS);
	EQ(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1, getauxval(AT_SECURE) == 0);
	fflush(stdout);
	return failures_ != 0;
}

static void execute(const char *path, uid_t uid, uid_t euid, gid_t gid, gid_t egid, int line)
{
	uid_t ids[6] = { uid, euid, euid, gid, egid, egid };
	char words[6][16];
	for (int i = 0; i < 6; i++)
		snprintf(words[i], 16, "%u", ids[i]);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		execl(path, "me", "executed", words[0], words[1], words[2], words[3], words[4], words[5], NULL);
		_exit(100 + errno);
	}
	int status = ended(pid);
	if (status)
		failed_(__FILE__, line, path, status, 0);
}
#define EXECUTE(path, ...) execute(path, __VA_ARGS__, __LINE__)

static void set_user_id(void)
{
	copy_of_me("plain", 0, 0, 0755);
	copy_of_me("roots", 0, 0, 04755);
	copy_of_me("theirs", SOMEBODY, OTHER, 06755);
	copy_of_me("locks", SOMEBODY, OTHER, 02745);
	AS(NOBODY, NOBODY)
		EXECUTE("plain", NOBODY, NOBODY, NOBODY, NOBODY);
		EXECUTE("roots", NOBODY, 0, NOBODY, NOBODY);
		EXECUTE("theirs", NOBODY, SOMEBODY, NOBODY, OTHER);
		EXECUTE("locks", NOBODY, NOBODY, NOBODY, NOBODY);
		EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
		EXECUTE("roots", NOBODY, NOBODY, NOBODY, NOBODY);
		EXECUTE("theirs", NOBODY, NOBODY, NOBODY, NOBODY);
	DONE
}

static void processes(void)
{
	char path[64];
	pid_t root = getpid();
	AS(NOBODY, NOBODY)
		snprintf(path, sizeof path, "/proc/%d/environ", root);
		EQ(opens(path, O_RDONLY), EACCES);
		snprintf(path, sizeof path, "/proc/%d/fd", root);
		EQ(opens(path, O_RDONLY | O_DIRECTORY), EACCES);
		snprintf(path, sizeof path, "/proc/%d/status", root);
		EQ(opens(path, O_RDONLY), 0);
		EQ(opens("/proc/self/fd", O_RDONLY | O_DIRECTORY), 0);
		EQ(opens("/proc/self/status", O_RDONLY), 0);
	DONE
}


static void sockets(void)
{
	struct sockaddr_un at = { AF_UNIX, "socket" }, other = { AF_UNIX, "other" };
	struct ucred cred = { 0 };
	socklen_t length = sizeof cred;
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	EQ(bind(server, (struct sockaddr *)&at, sizeof at), 0);
	EQ(listen(server, 2), 0);
	EQ(mode_of("socket"), 0755);
	AS(NOBODY, SOMEBODY)
		FAILS(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at), EACCES);
		FAILS(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&other, sizeof other), EACCES);
	DONE
	EQ(chmod("socket", 0777), 0);
	AS(NOBODY, SOMEBODY)
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		EQ(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
		EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length), 0);
		EQ(cred.uid, 0);
	DONE
	int fd = accept(server, NULL, NULL);
	EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length), 0);
	EQ(cred.uid, NOBODY);
	EQ(cred.gid, SOMEBODY);
}

static void root(void)
{
	char path[300], old[256];
	struct stat st, other;
	int fd = open(".", O_RDONLY | O_DIRECTORY), closed;
	CHECK(getcwd(old, sizeof old));
	folder("jail", 0, 0, 0755);
	folder("jail/in", 0, 0, 0755);
	folder("closed", 0, 0, 0);
	file("jail/file", 0, 0, 0644);
	file("jail/in/inner", 0, 0, 0644);
	file("outside", 0, 0, 0644);
	EQ(symlink("/file", "jail/in/absolute"), 0);
	EQ(symlink("../../../../../outside", "jail/up"), 0);
	EQ(stat("jail", &st), 0);
	copy_of_me("jail/me", 0, 0, 0755);
	AS(NOBODY, NOBODY)
		FAILS(chroot("jail"), EPERM);
		FAILS(chroot("closed"), EACCES);
	DONE
	FAILS(chroot("outside"), ENOTDIR);
	FAILS(chroot("nowhere"), ENOENT);
	EQ(chroot("jail"), 0);
	EQ(stat("/", &other), 0);
	EQ(other.st_ino, st.st_ino);
	EQ(opens("/file", O_RDONLY), 0);
	EQ(opens("/in/absolute", O_RDONLY), 0);
	EQ(opens("/../../../file", O_RDONLY), 0);
	EQ(opens("/outside", O_RDONLY), ENOENT);
	EQ(opens("/up", O_RDONLY), ENOENT);
	EQ(opens("outside", O_RDONLY), 0);		/* the working directory stays where it is */
	EQ(opens("jail/../outside", O_RDONLY), ENOENT);	/* by way of the root one does not get out */
	EQ(syscall(SYS_getcwd, path, sizeof path) > 0, 1);
	CHECK(!strncmp(path, "(unreachable)", 13));
	EQ(chdir("/in"), 0);
	CHECK(getcwd(path, sizeof path) && !strcmp(path, "/in"));
	EQ(opens("../../outside", O_RDONLY), ENOENT);
	EQ(opens("../file", O_RDONLY), 0);
	EQ(stat("../..", &other), 0);
	EQ(other.st_ino, st.st_ino);
	EQ(chdir("../.."), 0);
	CHECK(getcwd(path, sizeof path) && !strcmp(path, "/"));
	EQ(rename("/in", "/moved"), 0);
	EQ(mkdir("/../made", 0755), 0);
	EQ(access("/made", F_OK), 0);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/me", "me", "rooted", NULL);
		_exit(100 + errno);
	}
	EQ(ended(pid), 0);
	EQ(faccessat(fd, "outside", R_OK, 0), 0);
	closed = open("/file", O_RDONLY);
	EQ(syscall(SYS_faccessat2, closed, "", R_OK, AT_EMPTY_PATH), 0);
	EQ(chroot("/moved"), 0);			/* a root within the root */
	EQ(opens("/inner", O_RDONLY), 0);
	EQ(opens("/file", O_RDONLY), ENOENT);
	EQ(fchdir(fd), 0);				/* what was open leads out, as ever */
	EQ(chroot("."), 0);
	EQ(opens("/outside", O_RDONLY), 0);
	EQ(opens("/jail/moved/inner", O_RDONLY), 0);
}

static int rooted(void)
{
	EQ(opens("/file", O_RDONLY), 0);
	EQ(opens("/../outside", O_RDONLY), ENOENT);
	fflush(stdout);
	return failures_ != 0;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*run)(void); } parts[] = {
		{ "opening", opening }, { "asking", asking }, { "making", making }, { "sticky", sticky },
		{ "changing", changing }, { "set-id bits", set_id_bits }, { "set-user-id programs", set_user_id },
		{ "processes", processes }, { "sockets", sockets }, { "root", root } };
	if (argc > 1 && !strcmp(argv[1], "rooted"))
		return rooted();
	if (argc > 7 && !strcmp(argv[1], "executed"))
		return executed(argv);
	begin_as_root();
	for (int i = 1; i < argc; i++) {
		EQ(chdir(argv[i]), 0);
		EQ(chmod(".", 0755), 0);
		for (unsigned k = 0; k < sizeof parts / sizeof *parts; k++) {
			char name[32];
			snprintf(name, sizeof name, "part%u", k);
			EQ(chdir(argv[i]), 0);
			EQ(mkdir(name, 0755), 0);
			EQ(chdir(name), 0);
			part(parts[k].name, parts[k].run);
		}
	}
	return verdict();
}

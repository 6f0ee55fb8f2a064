/* SPDX-License-Identifier: Apache-2.0 */
#include "build/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/buf.h"
#include "base/clock.h"
#include "codec/json.h"

#define READER_MEMORY_BYTES (1ull << 30)
#define READER_DEADLINE_MS (5 * 60 * 1000)

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, text, len);
		if (put < 0 && errno == EINTR) continue;
		if (put <= 0) return false;
		text += put, len -= (size_t)put;
	}
	return true;
}

static bool drop(const struct build_job *job)
{
	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(job->gid, job->gid, job->gid) != 0 ||
			       setresuid(job->uid, job->uid, job->uid) != 0))
		return false;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

__attribute__((noreturn)) static void child(const struct build_job *job, pid_t parent, int out, build_reader reader,
					    const void *arg, int keep_fd)
{
	for (int s = 1; s < NSIG; s++) (void)signal(s, SIG_DFL);
	/* First out of each other's way. */
	int answer_fd = fcntl(out, F_DUPFD, 16), kept = keep_fd >= 0 ? fcntl(keep_fd, F_DUPFD, 16) : -1;
	if (dup2(answer_fd, 3) < 0 || (keep_fd >= 0 && dup2(kept, BUILD_CHILD_FD) < 0)) _exit(1);
	(void)syscall(SYS_close_range, keep_fd >= 0 ? 5u : 4u, ~0u, 0);
	const struct rlimit memory = {READER_MEMORY_BYTES, READER_MEMORY_BYTES};
	if (!HAS_ASAN && setrlimit(RLIMIT_DATA, &memory) != 0) _exit(1);
	const struct rlimit core = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &core);
	if (!drop(job) || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(1);
	struct err err = {0};
	json_t *answer = NULL;
	bool ok = reader(arg, &answer, &err);
	json_t *reply = ok ? json_pack("{s:b, s:o}", "ok", 1, "answer", answer != NULL ? answer : json_null())
			   : json_pack("{s:b, s:s, s:s}", "ok", 0, "code", err_code_word(err.code), "message", err.msg);
	char *text = reply != NULL ? json_text(reply) : NULL;
	_exit(text != NULL && write_all(3, text, strlen(text)) ? 0 : 1);
}

/* Until the child closes its end, says too much or takes too long. */
static bool read_answer(int fd, const char *what, struct buf *b, struct err *err)
{
	int64_t until_ms = clock_now_ms() + READER_DEADLINE_MS;
	for (;;) {
		char chunk[65536];
		struct pollfd p = {fd, POLLIN, 0};
		int64_t left_ms = until_ms - clock_now_ms();
		int ready = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;
		if (ready < 0 && errno == EINTR) continue;
		if (ready <= 0) return err_set(err, ERR_TIMEOUT, "%s: reading its files takes too long", what);
		ssize_t got = read(fd, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return err_set_errno(err, "%s", what);
		if (got == 0) return true;
		buf_append(b, chunk, (size_t)got);
		if (!buf_is_ok(b)) return err_set(err, ERR_LIMIT, "%s: there is more to say about it than fits", what);
	}
}

static bool take_reply(struct str text, const char *what, json_t **ret_answer, struct err *err)
{
	json_t *reply JSON_CLEANUP = NULL;
	if (!json_parse(text, &reply, err))
		return err_set(err, ERR_REFUSED, "%s: a file of the app broke the reader of its files", what);
	if (!json_bool(reply, "ok", false))
		return err_set(err, err_code_from_word(json_str(reply, "code", "")), "%s",
			       json_str(reply, "message", what));
	*ret_answer = json_incref(json_object_get(reply, "answer"));
	return true;
}

bool build_child_run(const struct build_job *job, const char *what, build_reader reader, const void *arg, int keep_fd,
		     json_t **ret_answer, struct err *err)
{
	int fds[2];
	if (geteuid() == 0 && (!job->has_user || job->uid == 0))
		return err_set(err, ERR_INTERNAL, "%s: foreign files are never read as root; give it a user", what);
	if (pipe2(fds, O_CLOEXEC) != 0) return err_set_errno(err, "%s", what);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) child(job, parent, fds[1], reader, arg, keep_fd);
	(void)close(fds[1]);
	struct buf b BUF_CLEANUP;
	buf_init(&b, BUILD_ANSWER_MAX_BYTES);
	bool ok = pid > 0 ? read_answer(fds[0], what, &b, err) : err_set_errno(err, "%s", what);
	(void)close(fds[0]);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
	}
	return ok && take_reply(buf_view(&b), what, ret_answer, err);
}

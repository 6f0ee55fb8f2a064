/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/child.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"
#include "os/proc.h"
#include "os/sandbox.h"

#define MARK_SIZE 300
#define HELPER_INSIDE "/freehold-intake"
#define CHILD_MEMORY_BYTES ((uint64_t)2 << 30)
#define CHILD_DISK_RESERVE_BYTES ((uint64_t)200 << 20)
#define CHILD_PROCESSES 64

struct conversation {
	struct buf answer;
	struct buf said; /* the end of its standard error */
};

static void on_output(void *arg, int stream, struct str bytes)
{
	struct conversation *c = arg;
	if (stream == 1) {
		buf_str(&c->answer, bytes);
		return;
	}
	struct str last = str_sub(bytes, bytes.len > 4096 ? bytes.len - 4096 : 0, bytes.len);
	if (c->said.len + last.len > 4096) buf_consume(&c->said, c->said.len + last.len - 4096);
	buf_str(&c->said, last);
}

/* What follows the last "reading " at the start of a line, cleaned of what a terminal would act on. */
static const char *last_mark(struct str said, char ret_mark[MARK_SIZE])
{
	struct str line, mark = {0};
	while (str_next(&said, '\n', &line))
		if (str_has_prefix(line, STR("reading "))) mark = str_sub(line, 8, line.len);
	if (mark.len == 0 || !str_is_utf8(mark)) return NULL;
	size_t len = 0;
	for (; len < mark.len && len < MARK_SIZE - 1; len++)
		ret_mark[len] = (unsigned char)mark.ptr[len] < 0x20 ? '?' : mark.ptr[len];
	ret_mark[len] = '\0';
	return ret_mark;
}

static bool died(const struct child_call *call, struct str said, const char *how, enum err_code code, struct err *err)
{
	char mark[MARK_SIZE];
	if (last_mark(said, mark) == NULL) return err_set(err, code, "%s: the reader %s", call->what, how);
	return err_set(err, code, "%s: the reader %s at %s; shorten that file or leave it out of the export",
		       call->what, how, mark);
}

static bool take_answer(struct str text, const struct child_call *call, json_t **ret_answer, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	if (!json_parse(text, &answer, err)) return err_wrap(err, "%s: the reader's answer", call->what);
	if (json_bool(answer, "ok", false)) {
		*ret_answer = json_incref(answer);
		return true;
	}
	const char *word = json_str(answer, "code", "internal"), *message = json_str(answer, "message", "failed");
	return err_set(err, err_code_from_word(word), "%s", message);
}

static bool take_or_died(const struct child_call *call, const struct conversation *c, int exit_status, int signal,
			 json_t **ret_answer, struct err *err)
{
	struct str said = buf_view(&c->said);
	char how[128];
	if (signal != 0)
		(void)snprintf(how, sizeof how, "was ended by signal %d (%s)", signal, strsignal(signal));
	else
		(void)snprintf(how, sizeof how, "ended with status %d", exit_status);
	if (signal != 0 || exit_status != 0) return died(call, said, how, ERR_REFUSED, err);
	if (!buf_is_ok(&c->answer)) return died(call, said, "said more than it may", ERR_LIMIT, err);
	return take_answer(buf_view(&c->answer), call, ret_answer, err);
}

static const char *const environment[] = {"PATH=" SANDBOX_PATH, "LC_ALL=C.UTF-8", "HOME=" SANDBOX_HOME, NULL};

static bool run_bare(const struct intake_child *child, const struct child_call *call, const char *const *argv,
		     struct conversation *c, json_t **ret_answer, struct err *err)
{
	struct proc_spec spec = {.argv = argv,
				 .env = environment,
				 .cwd = "/",
				 .has_user = child->has_user,
				 .uid = child->uid,
				 .gid = child->gid,
				 .deadline_ms = call->deadline_ms,
				 .keep_fds = {call->fd},
				 .keep_fd_count = call->fd > 2 ? 1 : 0,
				 .on_output = on_output,
				 .arg = c};
	struct proc_result result;
	if (proc_run(&spec, NULL, &result, err))
		return take_or_died(call, c, result.exit_status, result.signal, ret_answer, err);
	return err->code == ERR_TIMEOUT && died(call, buf_view(&c->said), "took too long", ERR_TIMEOUT, err);
}

static bool judge_end(const struct child_call *call, const struct conversation *c, const struct sandbox_result *result,
		      json_t **ret_answer, struct err *err)
{
	struct str said = buf_view(&c->said);
	switch (result->end) {
	case SANDBOX_OUT_OF_MEMORY: return died(call, said, "ran out of memory", ERR_LIMIT, err);
	case SANDBOX_OUT_OF_TIME: return died(call, said, "took too long", ERR_TIMEOUT, err);
	case SANDBOX_OUT_OF_DISK:
		return err_set(err, ERR_UNAVAILABLE, "%s: the disk is nearly full; make room and try again",
			       call->what);
	case SANDBOX_FILE_TOO_LARGE: return died(call, said, "wrote too large a file", ERR_LIMIT, err);
	case SANDBOX_OUT_OF_PROCESSES: return died(call, said, "started too many processes", ERR_LIMIT, err);
	case SANDBOX_EXITED:
	case SANDBOX_SIGNALED: break;
	}
	return take_or_died(call, c, result->exit_status, result->signal, ret_answer, err);
}

static bool run_boxed(const struct intake_child *child, const struct child_call *call, const char *const *argv,
		      struct conversation *c, json_t **ret_answer, struct err *err)
{
	struct sandbox_mount mounts[CHILD_DIRS_MAX * 2 + 1] = {{SANDBOX_READ, child->helper, HELPER_INSIDE}};
	int count = 1;
	for (int i = 0; i < CHILD_DIRS_MAX && call->dirs_ro[i] != NULL; i++)
		mounts[count++] = (struct sandbox_mount){SANDBOX_READ, call->dirs_ro[i], call->dirs_ro[i]};
	for (int i = 0; i < CHILD_DIRS_MAX && call->dirs_rw[i] != NULL; i++)
		mounts[count++] = (struct sandbox_mount){SANDBOX_WRITE, call->dirs_rw[i], call->dirs_rw[i]};
	struct sandbox_spec spec = {.argv = argv,
				    .env = environment,
				    .cwd = "/",
				    .mounts = mounts,
				    .mount_count = count,
				    .has_network = call->has_network,
				    .has_user = child->has_user,
				    .uid = child->uid,
				    .gid = child->gid,
				    .limits = {.memory_bytes = CHILD_MEMORY_BYTES,
					       .processes = CHILD_PROCESSES,
					       .deadline_ms = call->deadline_ms,
					       .disk_reserve_bytes = CHILD_DISK_RESERVE_BYTES},
				    .keep_fd = call->fd > 2 ? call->fd : 0,
				    .on_output = on_output,
				    .arg = c};
	struct sandbox_result result;
	return sandbox_run(&spec, NULL, &result, err) && judge_end(call, c, &result, ret_answer, err);
}

bool child_run(const struct intake_child *child, const struct child_call *given, json_t **ret_answer, struct err *err)
{
	struct child_call call = *given;
	const char *argv[CHILD_ARGS_MAX + 2] = {child->no_sandbox ? child->helper : HELPER_INSIDE};
	for (size_t i = 0; call.args[i] != NULL && i < CHILD_ARGS_MAX; i++) argv[i + 1] = call.args[i];
	if (call.deadline_ms == 0) call.deadline_ms = child->deadline_ms > 0 ? child->deadline_ms : CHILD_DEADLINE_MS;
	struct conversation c;
	buf_init(&c.answer, CHILD_MAX_ANSWER_BYTES);
	buf_init(&c.said, 8192);
	bool ok = (child->no_sandbox ? run_bare : run_boxed)(child, &call, argv, &c, ret_answer, err);
	buf_done(&c.answer);
	buf_done(&c.said);
	return ok;
}

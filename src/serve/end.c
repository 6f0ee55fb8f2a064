/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/end.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_SIZE 32

const char *end_why_word(enum end_why why)
{
	static const char *const words[] = {NULL,
					    "asked",
					    "exited",
					    "exited-0",
					    "signal",
					    "out-of-memory",
					    "out-of-processes",
					    "out-of-disk",
					    "file-too-large",
					    "never-listened",
					    "no-sandbox"};
	return words[why];
}

static bool has_words(const struct end_facts *f, const char *const *phrases)
{
	for (; *phrases != NULL; phrases++)
		if (str_find(f->last, str_from(*phrases)) >= 0) return true;
	return false;
}

/* V8 gives up at a limit of its own before ours; an rlimit refuses memory instead of ending the program, so that its
 * own words are the only trace. */
static bool is_out_of_memory(const struct end_facts *f)
{
	static const char *const heap[] = {"JavaScript heap out of memory", "Array buffer allocation failed", NULL};
	static const char *const refused[] = {"out of memory",
					      "annot allocate memory",
					      "bad_alloc",
					      "ENOMEM",
					      "MemoryError",
					      "SetPermissions(", /* Node 18 */
					      NULL};
	if (f->memory_kills > 0 && (!f->has_status || f->signal == SIGKILL || f->exit_status == 128 + SIGKILL))
		return true;
	if (f->exit_status == 0) return false;
	return has_words(f, heap) || (!f->is_group && f->memory_bytes > 0 && has_words(f, refused));
}

static bool is_out_of_processes(const struct end_facts *f)
{
	static const char *const refused[] = {"Resource temporarily unavailable", "EAGAIN", "pthread_create", NULL};
	return f->processes > 0 && f->exit_status != 0 && has_words(f, refused);
}

static enum end_why judge(const struct end_facts *f)
{
	if (f->stopped_for != END_NONE) return f->stopped_for;
	if (!f->has_run) return END_NO_SANDBOX;
	if (is_out_of_memory(f)) return END_OUT_OF_MEMORY;
	if (!f->has_status) return END_SIGNAL;
	if (f->signal == SIGXFSZ) return END_FILE_TOO_LARGE;
	if (f->signal != 0) return END_SIGNAL;
	if (f->exit_status == 0) return END_EXITED_0;
	return is_out_of_processes(f) ? END_OUT_OF_PROCESSES : END_EXITED;
}

static void spell_bytes(uint64_t bytes, char ret_text[NUMBER_SIZE])
{
	if (bytes >= 1000000000ull)
		(void)snprintf(ret_text, NUMBER_SIZE, "%.1f GB", (double)bytes / 1e9);
	else
		(void)snprintf(ret_text, NUMBER_SIZE, "%.0f MB", (double)bytes / 1e6);
}

static void tell_memory(const struct end_facts *f, char ret_text[END_TEXT_SIZE])
{
	char limit[NUMBER_SIZE], seen[NUMBER_SIZE];
	spell_bytes(f->memory_bytes, limit), spell_bytes(f->memory_seen_bytes, seen);
	if (f->memory_bytes == 0)
		(void)snprintf(ret_text, END_TEXT_SIZE, "the server ran out of memory (it had %s)", seen);
	else if (f->memory_kills == 0 && f->memory_seen_bytes < f->memory_bytes)
		(void)snprintf(ret_text, END_TEXT_SIZE,
			       "the server ran out of memory by its own words (it had %s, its limit is %s)", seen,
			       limit);
	else
		(void)snprintf(ret_text, END_TEXT_SIZE,
			       "the server needed more memory than its limit of %s and was stopped (it had %s)", limit,
			       seen);
}

static void tell_exit(const struct end_facts *f, char ret_text[END_TEXT_SIZE])
{
	static const char *const taken[] = {"EADDRINUSE", "ddress already in use", NULL};
	const char *when = f->has_listened ? "" : " before it listened";
	if (f->exit_status != 0 && !f->has_listened && has_words(f, taken))
		(void)snprintf(ret_text, END_TEXT_SIZE,
			       "the server ended with status %d because the port that it wants is taken inside its "
			       "sandbox (EADDRINUSE); it must listen on the port that PORT names",
			       f->exit_status);
	else if (f->exit_status == 127 && !f->has_listened)
		(void)snprintf(ret_text, END_TEXT_SIZE, "the server could not be started: %s was not found",
			       f->command);
	else if (f->exit_status == 0 && !f->has_listened)
		(void)snprintf(ret_text, END_TEXT_SIZE,
			       "the server ended by itself without an error, and never listened: a build that is made "
			       "for another platform does that");
	else if (f->exit_status == 0)
		(void)snprintf(ret_text, END_TEXT_SIZE, "the server ended by itself without an error (status 0)");
	else
		(void)snprintf(ret_text, END_TEXT_SIZE, "the server ended with status %d%s", f->exit_status, when);
}

static void tell_signal(const struct end_facts *f, char ret_text[END_TEXT_SIZE])
{
	const char *when = f->has_listened ? "" : " before it listened";
	if (!f->has_status)
		(void)snprintf(ret_text, END_TEXT_SIZE, "the server was killed from outside%s", when);
	else
		(void)snprintf(ret_text, END_TEXT_SIZE, "the server was ended by signal %d (%s)%s", f->signal,
			       strsignal(f->signal), when);
}

static void tell_disk(const struct end_facts *f, char ret_text[END_TEXT_SIZE])
{
	char reserve[NUMBER_SIZE], left[NUMBER_SIZE];
	spell_bytes(f->disk_reserve_bytes, reserve), spell_bytes(f->disk_free_bytes, left);
	(void)snprintf(ret_text, END_TEXT_SIZE,
		       "the server was stopped because it was filling the disk: %s are left, and %s are kept for "
		       "everything else",
		       left, reserve);
}

enum end_why end_judge(const struct end_facts *f, char ret_text[END_TEXT_SIZE])
{
	char limit[NUMBER_SIZE];
	enum end_why why = judge(f);
	switch (why) {
	case END_NONE:
	case END_ASKED: (void)snprintf(ret_text, END_TEXT_SIZE, "the server was stopped as asked"); break;
	case END_EXITED:
	case END_EXITED_0: tell_exit(f, ret_text); break;
	case END_SIGNAL: tell_signal(f, ret_text); break;
	case END_OUT_OF_MEMORY: tell_memory(f, ret_text); break;
	case END_OUT_OF_PROCESSES:
		(void)snprintf(ret_text, END_TEXT_SIZE,
			       "the server started more than its %u processes and threads at one time and was stopped",
			       f->processes);
		break;
	case END_OUT_OF_DISK: tell_disk(f, ret_text); break;
	case END_FILE_TOO_LARGE:
		spell_bytes(f->file_bytes, limit);
		(void)snprintf(ret_text, END_TEXT_SIZE, "the server wrote a file of more than %s and was stopped",
			       limit);
		break;
	case END_NEVER_LISTENED:
		(void)snprintf(ret_text, END_TEXT_SIZE,
			       "the server ran for %lld s and never listened on a port; it must listen on the port "
			       "that PORT names",
			       (long long)f->boot_ms / 1000);
		break;
	case END_NO_SANDBOX: {
		struct str said = str_trim(str_sub(f->last, f->last.len > 300 ? f->last.len - 300 : 0, f->last.len));
		(void)snprintf(ret_text, END_TEXT_SIZE, "the sandbox for the server could not be made: %.*s",
			       STR_FMT(said));
		break;
	}
	}
	return why;
}

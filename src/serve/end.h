/* SPDX-License-Identifier: Apache-2.0
 *
 * Why an app's server ended, from what was seen, in words for its owner. Pure. */
#ifndef FREEHOLD_SERVE_END_H
#define FREEHOLD_SERVE_END_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum end_why {
	END_NONE,
	END_ASKED,
	END_EXITED, /* with a status that is not 0 */
	END_EXITED_0, /* by itself and with 0: what a build for another platform does */
	END_SIGNAL,
	END_OUT_OF_MEMORY,
	END_OUT_OF_PROCESSES,
	END_OUT_OF_DISK,
	END_FILE_TOO_LARGE,
	END_NEVER_LISTENED, /* still ran when its time to boot was over */
	END_NO_SANDBOX, /* not the app's fault */
};

struct end_facts {
	enum end_why stopped_for; /* END_NONE unless we stopped it for this */
	bool has_run; /* the sandbox could be made */
	bool has_listened;
	bool has_status; /* the next two are known */
	int exit_status; /* -1: a signal ended it */
	int signal;
	bool is_group; /* the kernel's groups hold memory and processes */
	uint64_t memory_kills; /* processes that the kernel ended for want of memory */
	uint64_t memory_seen_bytes; /* the most that was seen */
	uint64_t memory_bytes, file_bytes, disk_reserve_bytes, disk_free_bytes; /* limits, 0: none */
	uint32_t processes;
	int64_t boot_ms;
	const char *command; /* argv[0] */
	struct str last; /* the end of its log, of this run */
};

#define END_TEXT_SIZE 512

/* "exited", "exited-0", "out-of-memory" …; NULL for END_NONE. */
const char *end_why_word(enum end_why why);

/* ret_text: a sentence that begins with "the server" or names what is missing. */
enum end_why end_judge(const struct end_facts *f, char ret_text[END_TEXT_SIZE]);

#endif

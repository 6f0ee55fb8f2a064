/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/step.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	const char *label;
} steps[] = {
    {"receive", "receive"},
    {"unpack", "unpack"},
    {"inspect", "look through it (inspect)"},
    {"install", "install packages (install)"},
    {"check", "check the code (check)"},
    {"build", "build"},
    {"package", "make the release (package)"},
    {"rehearse", "try database changes (rehearse)"},
    {"restore-point", "mark a way back (restore point)"},
    {"migrate", "change the database (migrate)"},
    {"start", "start"},
    {"verify", "ask it for a page (verify)"},
    {"promote", "put live (promote)"},
    {"watch", "watch it (watch)"},
    {"import-offer", "ask whether the source can be followed (offer)"},
    {"import-catch-up", "come to where the source is (catch up)"},
    {"import-hold", "let the old place stand still (hold)"},
    {"import-take", "take the rest, compare every row (take)"},
    {"import-receive", "get what is to come in"},
    {"import-restore", "put it into a database beside (restore)"},
    {"import-twin", "make the copy that follows the source (twin)"},
    {"import-compare", "compare every row (compare)"},
    {"import-files", "bring the files of the storage (files)"},
    {"room", "is there room (room)"},
    {"copy", "copy the live database (copy)"},
    {"quiet", "hold back its jobs and mails (quiet)"},
    {"put", "give it its name (put)"},
    {"stop", "stop"},
    {"remove", "remove"},
    {"switch", "put it in the place of the former one (switch)"},
};

const char *step_label(const char *name)
{
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (strcmp(steps[i].name, name) == 0) return steps[i].label;
	return name;
}

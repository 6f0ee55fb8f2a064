/* SPDX-License-Identifier: Apache-2.0
 *
 * What the owner should know before an app goes live. */
#ifndef FREEHOLD_INTAKE_FINDING_H
#define FREEHOLD_INTAKE_FINDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define FINDING_MAX_COUNT 2000

enum finding_severity {
	FINDING_STOP, /* stops a first deployment until accepted by name */
	FINDING_REFUSE, /* stops every deployment; cannot be accepted */
	FINDING_WARN,
	FINDING_NOTE,
};

struct finding {
	const char *kind; /* "no-row-security": the part of the name before the colon */
	const char *subject; /* "public.votes": the part behind it */
	enum finding_severity severity;
	const char *title; /* one line */
	const char *detail; /* a sentence or two: what it means */
	const char *file; /* or NULL */
	uint32_t line; /* or 0 */
	const char *paste; /* a message for the builder's chat, or NULL */
};

/* Appends to the list; one of the same name is there already: nothing happens. */
void finding_add(json_t *list, const struct finding *f);

/* There is one of that name ("kind:subject"). */
bool finding_exists(const json_t *list, const char *name);

#endif

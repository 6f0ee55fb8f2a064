/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds an export without Freehold around it, and says what each phase found and how long it took:
 *
 *   try_export SOURCE CACHE [ROOT]      the release stays in CACHE/../release for a look */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/bind.h"
#include "codec/json.h"
#include "harness.h"

static void show(const char *phase, const json_t *outcome)
{
	char *text = outcome != NULL ? json_dumps(outcome, JSON_INDENT(1)) : NULL;
	printf("%s %s\n", phase, text != NULL ? text : "-");
	free(text);
}

int main(int argc, char **argv)
{
	if (argc < 3) return fprintf(stderr, "try_export SOURCE CACHE [ROOT]\n"), 2;
	static struct harness h;
	harness_init(&h, "tried", argv[2]);
	h.job.source_dir = argv[1];
	h.job.root = argc > 3 ? argv[3] : "";
	int64_t began_ms = clock_now_ms();
	bool ok = harness_build(&h);
	show("install", h.install), show("adapt", h.adapt), show("build", h.run), show("package", h.package);
	json_t *bound JSON_CLEANUP = NULL;
	struct build_values values = {"http://tried.localhost:8080", "anon.key", "publishable", "tried"};
	ok = ok && build_bind(h.release, &values, &bound, &h.err);
	show("bind", bound);
	printf("%s after %lld ms; in %s\n", ok ? "done" : h.err.msg, (long long)(clock_now_ms() - began_ms), h.top);
	if (!ok) harness_done(&h);
	return ok ? 0 : 1;
}

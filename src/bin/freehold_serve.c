/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold-serve: one release's server, in its sandbox. Started by freeholdd as the app's user.
 *
 *     freehold-serve --config FILE              serve/outer.h; FILE: serve/config.h
 *     freehold-serve --inside FD FD 0|1         serve/inside.h; only ever started by the first */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "serve/inside.h"
#include "serve/outer.h"

static int number(const char *text)
{
	int64_t value;
	return str_to_int(str_from(text), &value) && value >= 0 && value < 1 << 20 ? (int)value : -1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--config") == 0) return outer_main(argv[2]);
	if (argc == 5 && strcmp(argv[1], "--inside") == 0)
		return inside_main(number(argv[2]), number(argv[3]), number(argv[4]));
	(void)fprintf(stderr, "usage: freehold-serve --config FILE\n");
	return 2;
}

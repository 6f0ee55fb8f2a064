/* SPDX-License-Identifier: Apache-2.0
 *
 * What freehold-serve reads while an app runs: the kernel's tables, in which names are the app's, its own settings, and
 * the first line of a visitor's request.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "serve/answer.h"
#include "serve/config.h"
#include "serve/listens.h"
#include "serve/usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_tables(struct str text)
{
	struct listens l = {0};
	struct usage u = {0};
	uint16_t ports[LISTENS_MAX];
	listens_parse(text, false, &l);
	listens_parse(text, true, &l);
	int count = listens_ports(&l, ports);
	if (count > l.count) abort();
	for (int i = 1; i < count; i++)
		if (ports[i - 1] >= ports[i]) abort();
	const struct listen_at *at = listens_choose(&l, 3000, true, 3000, 3000);
	if (at != NULL) {
		struct sockaddr_storage address;
		socklen_t len;
		listens_target(at, &address, &len);
		listens_leave_out(&l, &at->inode, 1);
	}
	usage_add_status(text, &u);
	usage_add_io(text, &u);
}

static void read_request(struct str text)
{
	char answer[ANSWER_SIZE], why[ANSWER_SIZE];
	struct str name;
	if (answer_name(text, &name) == LINE_WHOLE &&
	    (name.ptr < text.ptr || name.ptr + name.len > text.ptr + text.len))
		abort();
	size_t len = text.len < sizeof why - 1 ? text.len : sizeof why - 1;
	memcpy(why, text.ptr, len);
	why[len] = '\0';
	if (answer_text(ANSWER_BOOT, why, answer) >= sizeof answer) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct arena *arena = arena_new(4u << 20);
	struct config c;
	struct err err;
	read_tables(text);
	read_request(text);
	if (config_parse(text, arena, &c, &err) && (c.argv[0] == NULL || c.socket == NULL)) abort();
	arena_free(arena);
	return 0;
}

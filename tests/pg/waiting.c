/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "waiting.h"

#define PATIENCE_MS 20000
#define LOOK_MS 20

void is_now(const struct ownbox *box, const char *role, const char *sql, const char *want)
{
	const char *got = ownbox_text(box, role, sql);
	if (strcmp(got, want) != 0) fail_msg("%s gives %s, not %s", sql, got, want);
}

static void nothing(uv_timer_t *timer)
{
	(void)timer;
}

void wait_for(uv_loop_t *loop, int64_t ms)
{
	int64_t end = clock_now_ms() + ms;
	uv_timer_t timer;
	(void)uv_timer_init(loop, &timer);
	(void)uv_timer_start(&timer, nothing, 10, 10);
	while (clock_now_ms() < end) (void)uv_run(loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	(void)uv_run(loop, UV_RUN_NOWAIT);
}

void wait_until(uv_loop_t *loop, const struct ownbox *box, const char *role, const char *sql, const char *want)
{
	int64_t deadline = clock_now_ms() + PATIENCE_MS;
	for (const char *got; strcmp(got = ownbox_text(box, role, sql), want) != 0;) {
		if (clock_now_ms() > deadline) fail_msg("%s gives %s, not %s", sql, got, want);
		wait_for(loop, LOOK_MS);
	}
}

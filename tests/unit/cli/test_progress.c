/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/progress.h"
#include "cli/report.h"
#include "cli/text.h"
#include "codec/json.h"

static const struct look plain = {0};
static const struct look terminal = {.is_terminal = true, .has_utf8 = true, .columns = 80};

static void feed(struct progress *p, const char *text, struct buf *out)
{
	json_t *event JSON_CLEANUP = NULL;
	struct err err;
	assert_true(json_parse(str_from(text), &event, &err));
	progress_event(p, event, out);
}

static void test_plain_lines(void **state)
{
	(void)state;
	struct progress p;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 65536);
	progress_init(&p, plain);
	feed(&p, "{\"event\":\"step\",\"step\":\"build\",\"state\":\"running\"}", &b);
	feed(&p, "{\"event\":\"line\",\"step\":\"build\",\"stream\":1,\"text\":\"\\u001b[32mvite\\u001b[0m v5\"}", &b);
	feed(&p, "{\"event\":\"line\",\"step\":\"build\",\"stream\":1,\"text\":\"  \"}", &b);
	feed(&p, "{\"event\":\"note\",\"step\":\"build\",\"text\":\"read me\"}", &b);
	feed(&p,
	     "{\"event\":\"step\",\"step\":\"build\",\"state\":\"done\",\"duration_ms\":3200,\"detail\":\"41 files\"}",
	     &b);
	feed(&p, "{\"event\":\"step\",\"step\":\"rehearse\",\"state\":\"skipped\",\"duration_ms\":0}", &b);
	feed(&p, "{\"event\":\"something new\"}", &b);
	assert_string_equal(buf_cstr(&b),
			    "build: running\nbuild| vite v5\nnote: read me\nbuild: done in 3.2 s (41 files)\n"
			    "rehearse: skipped\n");
	progress_live(&p, 0, 0, &b);
	progress_done(&p);
}

static void test_terminal_lines(void **state)
{
	(void)state;
	struct progress p;
	struct buf b BUF_CLEANUP, live BUF_CLEANUP;
	buf_init(&b, 65536);
	buf_init(&live, 65536);
	progress_init(&p, terminal);
	progress_live(&p, 0, 0, &live);
	assert_int_equal(live.len, 0);
	feed(&p,
	     "{\"event\":\"step\",\"step\":\"install\",\"state\":\"running\",\"time\":\"1970-01-01T00:00:10.000Z\"}",
	     &b);
	feed(&p,
	     "{\"event\":\"line\",\"step\":\"install\",\"text\":\"added 200 packages and then a line that is too long "
	     "for it\"}",
	     &b);
	assert_int_equal(b.len, 0);
	progress_live(&p, 12500, 1, &live);
	assert_string_equal(buf_cstr(&live),
			    "  ⠙ install packages (install)           2.5 s  added 200 packages and then...");
	feed(&p,
	     "{\"event\":\"step\",\"step\":\"install\",\"state\":\"done\",\"duration_ms\":64000,\"detail\":\"npm ci\"}",
	     &b);
	feed(&p, "{\"event\":\"step\",\"step\":\"check\",\"state\":\"skipped\"}", &b);
	feed(&p, "{\"event\":\"step\",\"step\":\"build\",\"state\":\"failed\",\"duration_ms\":900}", &b);
	assert_string_equal(buf_cstr(&b), "  ✓ install packages (install)      1 min 04 s  npm ci\n"
					  "  – check the code (check)                      nothing to do\n"
					  "  ✗ build                                0.9 s\n");
	buf_clear(&live);
	progress_live(&p, 12500, 1, &live);
	assert_int_equal(live.len, 0);
	progress_done(&p);
}

static void test_a_live_line_is_never_wider_than_the_terminal(void **state)
{
	(void)state;
	struct progress p;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 65536);
	for (size_t columns = 1; columns < 140; columns += 3) {
		struct look look = {.is_terminal = true, .columns = columns};
		progress_init(&p, look);
		feed(&p, "{\"event\":\"step\",\"step\":\"restore-point\",\"state\":\"running\"}", &b);
		feed(&p,
		     "{\"event\":\"line\",\"step\":\"restore-point\",\"text\":"
		     "\"日本語日本語日本語日本語日本語日本語日本語日本語日本語\"}",
		     &b);
		buf_clear(&b);
		progress_live(&p, 0, 0, &b);
		assert_true(text_width(buf_view(&b)) < columns || columns < 2);
		buf_clear(&b);
		progress_done(&p);
	}
}

static void test_tail_keeps_the_newest(void **state)
{
	(void)state;
	struct progress p;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 65536);
	progress_init(&p, terminal);
	for (int i = 1; i <= PROGRESS_TAIL_LINES + 3; i++) {
		char text[100];
		(void)snprintf(text, sizeof text, "{\"event\":\"line\",\"step\":\"build\",\"text\":\"line %d\"}", i);
		feed(&p, text, &b);
	}
	progress_tail(&p, &b);
	assert_ptr_equal(strstr(buf_cstr(&b), "    line 4\n"), buf_cstr(&b));
	assert_non_null(strstr(buf_cstr(&b), "    line 23\n"));
	progress_done(&p);
}

static void test_end_and_success(void **state)
{
	(void)state;
	struct progress p;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 65536);
	progress_init(&p, plain);
	feed(&p,
	     "{\"event\":\"end\",\"deployment\":{\"app\":\"shop\",\"number\":7,\"state\":\"live\",\"duration_ms\":"
	     "31000,\"report\":{"
	     "\"url\":\"http://shop.localhost:8080\",\"shape\":\"Vite single-page app\",\"rung\":\"npm "
	     "ci\",\"replaces\":6,"
	     "\"adaptations\":[{\"file\":\"src/client.ts\",\"line\":5,\"what\":\"address of the backend\"}],"
	     "\"migrations\":{\"applied\":[\"1\",\"2\"],\"boundaries\":[],\"edited\":[]},"
	     "\"not_served\":[{\"what\":\"storage\",\"file\":\"src/up.ts\",\"line\":3}],\"promises\":[\"no mail "
	     "leaves\"],"
	     "\"findings\":[],\"notes\":[]}}}",
	     &b);
	assert_non_null(p.end);
	report_success(&plain, p.end, &b);
	assert_string_equal(
	    buf_cstr(&b),
	    "\nshop is live: http://shop.localhost:8080\nRelease 7, live after 31.0 s. Vite single-page app, installed "
	    "with "
	    "npm ci.\n"
	    "\nChanged in Freehold's copy (your files are as they were)\n  src/client.ts:5  address of the backend\n"
	    "\nDatabase\n  - 2 applied (migrations): 1, 2\n"
	    "\nNot served yet: the app calls it and gets an answer that says so (501)\n  src/up.ts:3  storage\n"
	    "\nIn the database, and still pointing elsewhere\n  - no mail leaves\n"
	    "\nNext\n"
	    "  freehold open shop                  look at it in a browser\n"
	    "  freehold logs shop -f               see what happens in it\n"
	    "  freehold rollback shop              go back to the release before\n"
	    "  freehold status                     everything that runs here\n");
	progress_done(&p);
}

static char *failure(const char *deployment, const char *app_text)
{
	struct err err;
	json_t *d JSON_CLEANUP = NULL, *app JSON_CLEANUP = NULL;
	struct buf b;
	buf_init(&b, 65536);
	assert_true(json_parse(str_from(deployment), &d, &err));
	if (app_text != NULL) assert_true(json_parse(str_from(app_text), &app, &err));
	report_failure(&plain, d, "    src/App.tsx: error\n", app, &b);
	return b.ptr;
}

static void test_failure_says_what_is_live(void **state)
{
	(void)state;
	char *text = failure("{\"app\":\"shop\",\"number\":8,\"step\":\"build\",\"error\":{\"code\":\"failed\","
			     "\"message\":\"it does not "
			     "compile\\u001b[2J\"},\"steps\":[{\"name\":\"migrate\",\"state\":\"waiting\"}]}",
			     "{\"live\":7}");
	assert_string_equal(
	    text, "\nThe last lines of build:\n\n    src/App.tsx: error\n\nfreehold: it does not compile\n"
		  "Release 7 is still live and untouched.\n\nNext\n"
		  "  freehold logs shop --build 8        everything that was printed\n"
		  "  freehold deploy ...                 once it is mended; the live release stays until then\n");
	free(text);
}

static void test_failure_never_hides_a_committed_migration(void **state)
{
	(void)state;
	char *text = failure(
	    "{\"app\":\"shop\",\"number\":8,\"step\":\"verify\",\"error\":{\"code\":\"failed\",\"message\":\"m\"},"
	    "\"steps\":[{\"name\":\"migrate\",\"state\":\"done\"}],\"report\":{\"migrations\":{\"applied\":[\"1\"]}}}",
	    "{\"live\":7}");
	assert_null(strstr(text, "untouched"));
	assert_non_null(strstr(text, "The database keeps the changes (migrations) that were committed."));
	free(text);
}

static void test_refusal_shows_what_to_accept(void **state)
{
	(void)state;
	char *text = failure(
	    "{\"app\":\"shop\",\"number\":1,\"step\":\"inspect\",\"error\":{\"code\":\"refused\",\"message\":\"m\"},"
	    "\"report\":{\"findings\":[{\"name\":\"open-table:notes\",\"severity\":\"stop\",\"can_accept\":true,"
	    "\"title\":\"anyone may write "
	    "notes\",\"file\":\"a.sql\","
	    "\"line\":3,\"paste\":\"Enable row level security\"}]}}",
	    "{\"live\":null}");
	assert_non_null(strstr(text, "Nothing was live before and nothing is now."));
	assert_non_null(strstr(text, "open-table:notes: anyone may write notes (a.sql:3)\n    Paste into"));
	assert_non_null(strstr(text, " --accept open-table:notes "));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain_lines),
	    cmocka_unit_test(test_terminal_lines),
	    cmocka_unit_test(test_a_live_line_is_never_wider_than_the_terminal),
	    cmocka_unit_test(test_tail_keeps_the_newest),
	    cmocka_unit_test(test_end_and_success),
	    cmocka_unit_test(test_failure_says_what_is_live),
	    cmocka_unit_test(test_failure_never_hides_a_committed_migration),
	    cmocka_unit_test(test_refusal_shows_what_to_accept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

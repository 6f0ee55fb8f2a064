/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold move: the day an app moves in. A copy first, which can be tried while the old app goes on; then, when its
 * owner says so, the last copy, during which the old one refuses writes. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/db_import.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"

#define OUT_MAX (64u << 10)
#define ADDRESSES_MAX 8

static bool is_private(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET) {
		uint32_t ip = ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr);
		return ip >> 24 == 10 || ip >> 24 == 127 || ip >> 20 == 0xAC1 || ip >> 16 == 0xC0A8 ||
		       ip >> 16 == 0xA9FE || ip >> 22 == (0x64400000u >> 22);
	}
	const uint8_t *b = ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr;
	return b[0] == 0xfe || (b[0] & 0xfe) == 0xfc ||
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

/* Records of this machine's own addresses that the world can reach; the number of them. */
static int put_records(struct buf *out)
{
	struct ifaddrs *list = NULL;
	char text[INET6_ADDRSTRLEN];
	int count = 0;
	if (getifaddrs(&list) != 0) return 0;
	for (const struct ifaddrs *i = list; i != NULL && count < ADDRESSES_MAX; i = i->ifa_next) {
		if (i->ifa_addr == NULL) continue;
		int family = i->ifa_addr->sa_family;
		if ((family != AF_INET && family != AF_INET6) || is_private(i->ifa_addr)) continue;
		const void *raw =
		    family == AF_INET
			? (const void *)&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr
			: (const void *)&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
		if (inet_ntop(family, raw, text, sizeof text) == NULL) continue;
		buf_printf(out, "    %-5s %s\n", family == AF_INET ? "A" : "AAAA", text);
		count++;
	}
	freeifaddrs(list);
	return count;
}

static void put_dns(struct buf *out)
{
	buf_puts(out, "Your domain: Freehold itself listens on this machine only (127.0.0.1), so have what leads the "
		      "domain's visitors\n"
		      "   here first, such as a web server in front of it. Its record, where the domain is registered, "
		      "with a time to\n"
		      "   live of 300 seconds from a day before on:\n");
	if (put_records(out) == 0)
		buf_puts(out,
			 "    A     the public address of this server (it stands behind another one, which has it)\n");
}

static void put_seconds(struct buf *out, int64_t ms)
{
	buf_printf(out, "%.1f s", (double)ms / 1000);
}

/* What follows the source, and how far it is; or why the last copy is made the other way. */
static void put_following(const json_t *journal, struct buf *out)
{
	const json_t *f = json_object_get(journal, "following");
	char lag[TEXT_SHORT_SIZE], held[TEXT_SHORT_SIZE], ago[TEXT_SHORT_SIZE];
	const char *state = json_str(f, "state", ""), *trouble = json_str(f, "trouble", "");
	text_size(lag, (uint64_t)json_int(f, "lag_bytes", 0));
	text_size(held, (uint64_t)json_int(f, "held_bytes", 0));
	text_duration(ago, json_int(f, "lag_ms", 0));
	if (strcmp(state, "following") == 0 && json_str(f, "asked_at", "")[0] != '\0')
		buf_printf(out,
			   "   A second copy follows it: %s of its log behind (%s). The slot %s makes the server there "
			   "keep %s of it,\n   at most %lld MB.\n",
			   lag, ago, json_str(f, "name", ""), held, (long long)json_int(f, "limit_mb", 0));
	else if (strcmp(state, "following") == 0)
		buf_puts(out, "   A second copy follows it from now on.\n");
	else if (json_str(f, "why", "")[0] != '\0')
		buf_puts(out, "   It is not followed: "), text_clean(out, str_from(json_str(f, "why", "")), TEXT_LINE),
		    buf_puts(out, ".\n");
	if (trouble[0] == '\0') return;
	buf_puts(out, " ! ");
	text_clean(out, str_from(trouble), TEXT_LINE);
	if (strcmp(state, "leaving") == 0)
		buf_printf(
		    out,
		    "\n   It is tried again and again. Until then the server there keeps its log; by hand, there: "
		    "select pg_drop_replication_slot('%s')",
		    json_str(f, "name", ""));
	buf_putc(out, '\n');
}

static bool is_following(const json_t *journal)
{
	return strcmp(json_str(json_object_get(journal, "following"), "state", ""), "following") == 0;
}

/* After the copy, and after the finish. */
void db_move_put_next(const struct db_words *w, const json_t *journal, struct buf *out)
{
	const json_t *report = json_object_get(journal, "report");
	if (!json_bool(journal, "held", false)) {
		buf_printf(out, "\n%s holds a copy of ", w->app);
		text_clean(out, str_from(json_str(journal, "source", "")), TEXT_LINE);
		buf_puts(out, ", which goes on as before. The copy took ");
		put_seconds(out, json_int(journal, "took_ms", 0));
		buf_puts(out, ".\n");
		put_following(journal, out);
		buf_printf(out,
			   "\n"
			   "1. Deploy its code (freehold deploy PATH --app %s) and try the app here, as long as you "
			   "like. What is\n"
			   "   written here meanwhile does not stay: the last copy takes its place.\n"
			   "2. freehold move %s --finish %s; then this one is the app.\n"
			   "3. ",
			   w->app, w->app,
			   is_following(journal)
			       ? "waits until the second copy is where the old app is. Only then that one\n"
				 "   refuses writes, for as long as it takes to compare every row"
			       : "copies once more. The old app can be read meanwhile and refuses writes,\n"
				 "   for about as long as this copy took");
		put_dns(out);
		buf_printf(out, "Not now: freehold move %s --back\n", w->app);
		return;
	}
	buf_printf(out, "\n%s has moved. Writing stood still for ", w->app);
	put_seconds(out, json_int(report, "held_ms", 0));
	const char *way = json_str(json_object_get(report, "catch_up"), "way", "pause");
	buf_printf(out,
		   "%s; every row that was written at the old place is here, and the old place\nrefuses writes from "
		   "now on.\n",
		   strcmp(way, "replication") == 0 ? " (it was followed until then)" : "");
	if (strcmp(json_str(json_object_get(journal, "following"), "state", "ended"), "ended") != 0)
		put_following(journal, out);
	buf_puts(out, "   ");
	put_dns(out);
	buf_printf(
	    out,
	    "The way back: freehold move %s --back lets the old place write again and sets aside what is here, with\n"
	    "what was written here since.\n",
	    w->app);
}

static void put_state(const struct db_words *w, const json_t *journal, struct buf *out)
{
	const char *state = json_str(journal, "state", "none");
	bool is_moving = json_bool(json_object_get(journal, "options"), "move", false);
	if (!is_moving || strcmp(state, "none") == 0) {
		buf_printf(
		    out,
		    "Nothing of %s is being moved. It begins with: freehold move %s postgresql://... (or - to type the "
		    "address unseen)\n",
		    w->app, w->app);
		return;
	}
	if (strcmp(state, "done") == 0) {
		db_move_put_next(w, journal, out);
		return;
	}
	if (strcmp(state, "running") == 0) {
		buf_printf(out, "%s is being copied just now (%s).\n", w->app, json_str(journal, "step", ""));
		return;
	}
	if (strcmp(state, "checked") == 0) {
		buf_printf(
		    out,
		    "It was tried and would work. The copy: freehold move %s with the same address, without --check\n",
		    w->app);
		return;
	}
	buf_printf(out, "The move of %s %s.", w->app,
		   strcmp(state, "back") == 0 ? "was taken back" : "did not come to its end");
	const char *why = json_str(json_object_get(journal, "error"), "message", "");
	if (why[0] != '\0') buf_puts(out, " "), text_clean(out, str_from(why), TEXT_LINE);
	if (json_bool(journal, "held", false))
		buf_printf(out,
			   "\nThe old place may still refuse writes: freehold move %s --back lets it write again.\n",
			   w->app);
	else
		buf_printf(out, "\nThe old place goes on as before. Again: freehold move %s --finish\n", w->app);
}

static bool show(const struct db_words *w, struct err *err)
{
	json_t *journal JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	buf_init(&out, OUT_MAX);
	if (!db_ask(w, NULL, "/import", NULL, &journal, err)) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, journal);
		return true;
	}
	put_state(w, journal, &out);
	screen_write(buf_view(&out));
	return true;
}

static bool back(const struct db_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_object();
	struct buf out BUF_CLEANUP;
	buf_init(&out, OUT_MAX);
	if (!db_ask(w, "POST", "/move/back", body, &answer, err)) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	buf_printf(
	    &out,
	    "The old place writes again, and the database of %s is the one it had before; what was copied is set "
	    "aside.\n",
	    w->app);
	screen_write(buf_view(&out));
	return true;
}

bool db_move(const struct db_words *w, int *ret_status, struct err *err)
{
	bool is_finish = cli_has(w->cli, "finish"), is_back = cli_has(w->cli, "back");
	if ((is_finish || is_back) && (w->count > 0 || (is_finish && is_back)))
		return err_set(err, ERR_INVALID, "--finish and --back stand alone: the address is known from the copy");
	if (is_back) return back(w, err);
	if (w->count == 0 && !is_finish) return show(w, err);
	return db_import_move(w, ret_status, err);
}

bool run_move(struct cli *cli, int *ret_status, struct err *err)
{
	const struct db_words w = {cli, cli->words[0], cli->words + 1, cli->word_count - 1};
	*ret_status = 0;
	return db_move(&w, ret_status, err);
}

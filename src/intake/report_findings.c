/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/report_findings.h"

#include <string.h>

#include "codec/json.h"

size_t report_count_stops(const json_t *inspection, bool can_accept)
{
	size_t i, count = 0;
	json_t *f;
	json_array_foreach(json_object_get(inspection, "findings"), i, f)
	{
		bool is_stop = strcmp(json_str(f, "severity", ""), "stop") == 0;
		count += is_stop && json_bool(f, "can_accept", false) == can_accept;
	}
	return count;
}

static void put_place(const struct page *p, const json_t *f, int indent)
{
	const char *file = json_str(f, "file", NULL);
	int64_t line = json_int(f, "line", 0);
	if (file == NULL) return;
	buf_printf(p->out, "%*s%s", indent, "", file);
	if (line > 0) buf_printf(p->out, ":%lld", (long long)line);
	buf_puts(p->out, "\n");
}

static void put_stop(const struct page *p, const json_t *f)
{
	const char *paste = json_str(f, "paste", NULL);
	bool can_accept = json_bool(f, "can_accept", false);
	buf_puts(p->out, "\n");
	page_ink(p, can_accept ? INK_YELLOW : INK_RED, can_accept ? "  stop  " : "  never ");
	page_ink(p, INK_BOLD, json_str(f, "title", ""));
	buf_puts(p->out, "\n");
	put_place(p, f, 8);
	page_paragraph(p, 8, json_str(f, "detail", ""));
	if (paste != NULL) {
		buf_puts(p->out, "        Paste into the builder's chat:");
		page_wrap(p, paste, 10, 38);
	}
	if (can_accept) buf_printf(p->out, "        Or take it as it is: --accept %s\n", json_str(f, "name", ""));
}

void report_stops(const struct page *p)
{
	if (report_count_stops(p->i, true) + report_count_stops(p->i, false) == 0) return;
	buf_puts(p->out, "\nDangerous; stops a first deployment:\n");
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(p->i, "findings"), i, f)
	{
		if (strcmp(json_str(f, "severity", ""), "stop") == 0) put_stop(p, f);
	}
}

/* Kinds that come in dozens are one line. */
struct group {
	const char *kind, *one, *many;
};

static const struct group groups[] = {
    {"definer-function",
     "function runs with its owner's rights, no row security holds inside, and anyone can call it: see "
     "that it checks who calls",
     "functions run with their owner's rights, no row security holds inside, and anyone can call them: see that each "
     "checks who calls"},
    {"public-bucket", "storage bucket is public: anyone who has a file's address can read it",
     "storage buckets are public: anyone who has a file's address can read it"},
    {"open-to-signed-in", "policy lets every signed-in user write any row",
     "policies let every signed-in user write any row"},
    {"open-bucket", "storage policy lets visitors who are not signed in write files",
     "storage policies let visitors who are not signed in write files"},
    {"sql-not-understood", "statement is newer SQL than is understood here; PostgreSQL judges it at the rehearsal",
     "statements are newer SQL than is understood here; PostgreSQL judges them at the rehearsal"},
    {"migration-skipped", "file among the migrations is not run, as its name has no version",
     "files among the migrations are not run, as their names have no version"},
};

static const struct group *group_of(struct str kind)
{
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (str_eq(kind, str_from(groups[i].kind))) return &groups[i];
	return NULL;
}

static bool is_kind(const json_t *f, struct str kind)
{
	return str_has_prefix(str_from(json_str(f, "name", "")), kind) && json_str(f, "name", "")[kind.len] == ':' &&
	       strcmp(json_str(f, "severity", ""), "stop") != 0;
}

static void put_group(const struct page *p, const struct group *group)
{
	struct buf names BUF_CLEANUP, words BUF_CLEANUP;
	struct str kind = str_from(group->kind);
	size_t i, count = 0;
	json_t *f;
	buf_init(&names, 8192);
	buf_init(&words, 8192);
	json_array_foreach(json_object_get(p->i, "findings"), i, f)
	{
		if (is_kind(f, kind)) page_name(&names, &count, json_str(f, "name", "") + kind.len + 1);
	}
	buf_printf(&words, "%zu %s: ", count, count == 1 ? group->one : group->many);
	page_names(p, buf_cstr(&words), &names, count);
}

/* Whether a finding of the same kind stands before this one. */
static bool is_later(const struct page *p, size_t index, struct str kind)
{
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(p->i, "findings"), i, f)
	{
		if (i >= index) return false;
		if (is_kind(f, kind)) return true;
	}
	return false;
}

static void put_warning(const struct page *p, const json_t *f)
{
	struct buf line BUF_CLEANUP;
	buf_init(&line, 8192);
	buf_printf(&line, "%s (%s). %s", json_str(f, "title", ""), json_str(f, "file", "-"), json_str(f, "detail", ""));
	page_item(p, buf_cstr(&line));
}

void report_warnings(const struct page *p)
{
	bool has_head = false;
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(p->i, "findings"), i, f)
	{
		struct str kind, subject;
		bool is_stop = strcmp(json_str(f, "severity", ""), "stop") == 0;
		if (is_stop || !str_cut(str_from(json_str(f, "name", "")), ':', &kind, &subject)) continue;
		const struct group *group = group_of(kind);
		if (group != NULL && is_later(p, i, kind)) continue;
		if (!has_head) buf_puts(p->out, "\nWorth knowing:\n");
		has_head = true;
		if (group != NULL)
			put_group(p, group);
		else
			put_warning(p, f);
	}
}

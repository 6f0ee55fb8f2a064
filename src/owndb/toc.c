/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/toc.h"

/* Those of more than one word; the others are the word. From pg_dump's own (pg_dump.c, ArchiveEntry). */
static const char *const long_kinds[] = {
    "TABLE DATA",
    "SEQUENCE SET",
    "SEQUENCE OWNED BY",
    "FK CONSTRAINT",
    "CHECK CONSTRAINT",
    "DEFAULT ACL",
    "ROW SECURITY",
    "PUBLICATION TABLES IN SCHEMA",
    "PUBLICATION TABLE",
    "EVENT TRIGGER",
    "MATERIALIZED VIEW DATA",
    "MATERIALIZED VIEW",
    "TABLE ATTACH",
    "INDEX ATTACH",
    "SHELL TYPE",
    "FOREIGN TABLE",
    "FOREIGN DATA WRAPPER",
    "FOREIGN SERVER",
    "USER MAPPING",
    "SECURITY LABEL",
    "DATABASE PROPERTIES",
    "SUBSCRIPTION TABLE",
    "PROCEDURAL LANGUAGE",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "ACCESS METHOD",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH TEMPLATE",
    "TEXT SEARCH CONFIGURATION",
    "BLOB METADATA",
    "BLOB DATA",
    "STATISTICS DATA",
};

static const char *const managed[] = {
    "auth",
    "storage",
    "realtime",
    "_realtime",
    "extensions",
    "cron",
    "net",
    "vault",
    "pgsodium",
    "graphql",
    "pgbouncer",
    "graphql_public",
    "pgsodium_masks",
    "pgmq",
    "pgtle",
    "freehold",
    "_analytics",
    "supabase_functions",
    "supabase_migrations",
    "_supavisor",
    "dbdev",
    "pgmq_public",
    "information_schema",
};

/* Triggers that the host puts on its own tables. */
static const char *const host_triggers[] = {
    "update_objects_updated_at",
    "enforce_bucket_name_length_trigger",
    "protect_buckets_delete",
    "protect_objects_delete",
    "objects_delete_delete_prefix",
    "objects_insert_create_prefix",
    "objects_update_create_prefix",
    "prefixes_create_hierarchy",
    "prefixes_delete_hierarchy",
    "tr_check_filters",
    "objects_update_level_trigger",
    "buckets_",
    "objects_",
    "prefixes_",
    "freehold_",
    "cron_job_cache_invalidate",
    "key_encrypt_secret_trigger_",
    "secrets_encrypt_secret_trigger_",
};

static bool is_any(struct str word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(word, str_from(list[i]))) return true;
	return false;
}
#define IS_ANY(word, list) is_any(word, list, sizeof(list) / sizeof *(list))

bool toc_is_managed(struct str schema)
{
	return IS_ANY(schema, managed) || str_has_prefix(schema, STR("freehold_")); /* of another Freehold's app */
}

static struct str take_word(struct str *rest)
{
	struct str word, after;
	if (!str_cut(*rest, ' ', &word, &after)) word = *rest, after = (struct str){rest->ptr + rest->len, 0};
	*rest = after;
	return word;
}

static struct str take_kind(struct str *rest)
{
	struct str best = {rest->ptr, 0};
	for (size_t i = 0; i < sizeof long_kinds / sizeof *long_kinds; i++) {
		struct str kind = str_from(long_kinds[i]);
		if (kind.len > best.len && str_has_prefix(*rest, kind) && rest->len > kind.len &&
		    rest->ptr[kind.len] == ' ')
			best.len = kind.len;
	}
	if (best.len == 0) return take_word(rest);
	*rest = str_sub(*rest, best.len + 1, rest->len);
	return best;
}

static void decide(struct toc_entry *e, enum toc_way way, const char *why)
{
	e->way = way;
	e->why = why;
}

static bool is_host_trigger(struct str name)
{
	struct str table = take_word(&name);
	(void)table;
	for (size_t i = 0; i < sizeof host_triggers / sizeof *host_triggers; i++)
		if (str_has_prefix(name, str_from(host_triggers[i]))) return true;
	return false;
}

/* In a schema of the host's. */
static void judge_managed(struct toc_entry *e)
{
	static const char *const aside[] = {"TABLE",    "TABLE DATA",        "TYPE",   "DOMAIN",
					    "SEQUENCE", "SEQUENCE OWNED BY", "DEFAULT"};
	static const char *const kept[] = {"auth", "storage", "cron", "supabase_migrations"};
	bool is_kept = IS_ANY(e->schema, kept);
	if (str_eq(e->kind, STR("POLICY")))
		decide(e, TOC_APP, NULL);
	else if (str_eq(e->kind, STR("PUBLICATION TABLE")))
		decide(e, TOC_LEFT, "tables of the host's own are not sent to anybody");
	else if (str_eq(e->kind, STR("TRIGGER")) && is_kept && !is_host_trigger(e->name))
		decide(e, TOC_APP, NULL);
	else if (is_kept && IS_ANY(e->kind, aside))
		decide(e, TOC_MANAGED, NULL);
	else
		decide(e, TOC_LEFT, "the host's own; Freehold has its like");
}

static void judge_unplaced(struct toc_entry *e)
{
	struct str rest = e->name, first = take_word(&rest);
	if (str_eq(e->kind, STR("EXTENSION")))
		decide(e, TOC_EXTENSION, NULL);
	else if (str_eq(e->kind, STR("SCHEMA")) && toc_is_managed(e->name))
		decide(e, TOC_MANAGED, NULL);
	else if (str_eq(e->kind, STR("SCHEMA")) && str_eq(e->name, STR("public")))
		decide(e, TOC_LEFT, "is here");
	else if ((str_eq(e->kind, STR("ACL")) || str_eq(e->kind, STR("COMMENT"))) &&
		 (str_eq(first, STR("EXTENSION")) || str_eq(first, STR("DATABASE")) || str_eq(first, STR("LANGUAGE")) ||
		  str_eq(first, STR("PUBLICATION")) ||
		  (str_eq(first, STR("SCHEMA")) && (toc_is_managed(rest) || str_eq(rest, STR("public"))))))
		decide(e, TOC_LEFT, "belongs to the host");
	else if (str_eq(e->kind, STR("EVENT TRIGGER")))
		decide(e, TOC_REFUSED, "an event trigger wants a superuser");
	else if (str_eq(e->kind, STR("SUBSCRIPTION")))
		decide(e, TOC_REFUSED, "a subscription would copy from elsewhere");
	else if (str_eq(e->kind, STR("FOREIGN DATA WRAPPER")) || str_eq(e->kind, STR("FOREIGN SERVER")) ||
		 str_eq(e->kind, STR("USER MAPPING")))
		decide(e, TOC_REFUSED, "a foreign server wants a superuser");
	else if (str_eq(e->kind, STR("PUBLICATION")) && str_has_prefix(e->name, STR("freehold_move_")))
		decide(e, TOC_LEFT, "is a move's own");
	else if (str_eq(e->kind, STR("PUBLICATION")) && str_has_prefix(e->name, STR("supabase_realtime")))
		decide(e, TOC_LEFT, "is here");
	else if (str_has_prefix(e->kind, STR("DATABASE")) || str_eq(e->kind, STR("ENCODING")) ||
		 str_eq(e->kind, STR("STDSTRINGS")) || str_eq(e->kind, STR("SEARCHPATH")))
		decide(e, TOC_LEFT, "is here");
	else
		decide(e, TOC_APP, NULL);
}

/* What the host's dashboards put there by itself. */
static bool is_host_event_trigger(struct str name)
{
	static const char *const known[] = {"issue_graphql_placeholder", "issue_pg_cron_access",
					    "issue_pg_graphql_access",   "issue_pg_net_access",
					    "pgrst_ddl_watch",           "pgrst_drop_watch"};
	return IS_ANY(name, known);
}

static void judge(struct toc_entry *e)
{
	if (str_eq(e->kind, STR("EVENT TRIGGER")) && is_host_event_trigger(e->name))
		decide(e, TOC_LEFT, "the host's own; Freehold has its like");
	else if (str_eq(e->schema, STR("-")))
		judge_unplaced(e);
	else if (toc_is_managed(e->schema))
		judge_managed(e);
	else if (str_eq(e->kind, STR("PUBLICATION TABLE")) && str_has_prefix(e->name, STR("freehold_move_")))
		decide(e, TOC_LEFT, "is a move's own");
	else if (str_eq(e->kind, STR("DEFAULT ACL")) && !str_eq(e->owner, STR("postgres")))
		decide(e, TOC_LEFT, "is about what another role makes");
	else if (str_eq(e->kind, STR("DEFAULT ACL")) && str_eq(e->schema, STR("public")))
		decide(e, TOC_LEFT, "is here");
	else if (str_eq(e->kind, STR("PUBLICATION TABLE")) && str_find(e->name, STR("supabase_realtime_messages")) >= 0)
		decide(e, TOC_LEFT, "the host's own");
	else
		decide(e, TOC_APP, NULL);
}

static bool is_number(struct str word)
{
	int64_t n;
	return str_to_int(word, &n) && n >= 0;
}

bool toc_parse(struct str line, struct toc_entry *ret_entry)
{
	struct toc_entry e = {.id = 0};
	struct str number, rest;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
	if (!str_cut(line, ';', &number, &rest) || !str_to_int(number, &e.id) || e.id < 0) return false;
	if (rest.len < 1 || rest.ptr[0] != ' ') return false;
	rest = str_sub(rest, 1, rest.len);
	struct str table_oid = take_word(&rest), oid = take_word(&rest);
	if (!is_number(table_oid) || !is_number(oid)) return false;
	e.kind = take_kind(&rest);
	e.schema = take_word(&rest);
	/* The owner is the last word; roles with spaces in their names are not told apart. */
	size_t end = rest.len;
	while (end > 0 && rest.ptr[end - 1] != ' ') end--;
	e.owner = str_sub(rest, end, rest.len);
	e.name = str_sub(rest, 0, end > 0 ? end - 1 : 0);
	if (e.kind.len == 0 || e.schema.len == 0) return false;
	judge(&e);
	*ret_entry = e;
	return true;
}

/* Custom dumps: "PGDMP", the archive's version in three bytes (pg_backup_archiver.h). 1.14 is PostgreSQL 12 to 15, 1.15
 * is 16, 1.16 is 17 and 18. */
int dump_major(struct str head)
{
	if (dump_kind_of(head) != DUMP_CUSTOM || head.len < 8) return 0;
	int version = head.ptr[5] * 100 + head.ptr[6];
	return version <= 114 ? 15 : version == 115 ? 16 : 17;
}

static bool is_text(struct str head)
{
	for (size_t i = 0; i < head.len; i++) {
		unsigned char c = (unsigned char)head.ptr[i];
		if (c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f') return false;
	}
	return head.len > 0;
}

enum dump_kind dump_kind_of(struct str head)
{
	if (str_has_prefix(head, STR("PGDMP"))) return DUMP_CUSTOM;
	if (str_has_prefix(head, STR("\x28\xb5\x2f\xfd"))) return DUMP_ZSTD;
	if (str_has_prefix(head, STR("\x1f\x8b"))) return DUMP_GZIP;
	if (str_has_prefix(head, STR("PK\x03\x04"))) return DUMP_ZIP;
	if (head.len >= 262 && memcmp(head.ptr + 257, "ustar", 5) == 0) return DUMP_TAR;
	return is_text(str_sub(head, 0, TOC_HEAD_BYTES)) ? DUMP_TEXT : DUMP_UNKNOWN;
}

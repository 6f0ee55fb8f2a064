/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "intake/finding.h"
#include "intake/migrations.h"

#define TEXT_SIZE 1400

static bool is_exposed(const char *table)
{
	return strncmp(table, "public.", 7) == 0;
}

static bool has_role(const json_t *policy, const char *name)
{
	size_t i;
	json_t *role;
	json_array_foreach(json_object_get(policy, "roles"), i,
			   role) if (strcmp(json_string_value(role), name) == 0) return true;
	return false;
}

static uint32_t line_of(const json_t *o)
{
	return (uint32_t)json_int(o, "line", 0);
}

static void judge_table(const struct sql_state *state, const char *name, const json_t *table, json_t *findings)
{
	if (!is_exposed(name) || json_bool(table, "rls", false)) return;
	if (json_bool(table, "anon_revoked", false) && json_bool(table, "signed_in_revoked", false)) return;
	char title[TEXT_SIZE], paste[TEXT_SIZE];
	(void)snprintf(title, sizeof title, "The table %.200s has no row security", name);
	(void)snprintf(
	    paste, sizeof paste,
	    "The table %.200s has no row level security. Add a migration that enables it (ALTER TABLE %.200s "
	    "ENABLE ROW LEVEL SECURITY) and policies, so that each user can read and change only what is "
	    "theirs, and visitors who are not signed in only what is meant to be public.",
	    name, name);
	bool is_uncertain = state->has_dynamic_rls;
	finding_add(findings,
		    &(struct finding){.kind = "no-row-security",
				      .subject = name,
				      .severity = is_uncertain ? FINDING_WARN : FINDING_STOP,
				      .title = title,
				      .detail = is_uncertain ? "A migration enables row security by statements it puts "
							       "together itself; whether for this table too cannot be "
							       "seen here."
							     : "Everybody who has the app's public key, so every "
							       "visitor, can read, change and delete all of its rows.",
				      .file = json_str(table, "file", NULL),
				      .line = line_of(table),
				      .paste = paste});
}

static bool is_state(const json_t *policy, const char *key, const char *what)
{
	return strcmp(json_str(policy, key, "none"), what) == 0;
}

/* "insert", "change", "delete" …: what the policy lets its roles do with every row, or NULL. `what` is "true", or
 * "bucket" for a condition on the bucket alone. */
static const char *open_for(const json_t *policy, const char *what)
{
	const char *cmd = json_str(policy, "cmd", "all");
	bool uses = is_state(policy, "using", what), check = is_state(policy, "check", what);
	bool no_check = is_state(policy, "check", "none");
	if (strcmp(cmd, "insert") == 0) return check ? "add rows" : NULL;
	if (strcmp(cmd, "update") == 0) return uses ? "change every row" : NULL;
	if (strcmp(cmd, "delete") == 0) return uses ? "delete every row" : NULL;
	if (strcmp(cmd, "all") != 0) return NULL;
	if (uses && (check || no_check)) return "read, add, change and delete every row";
	if (uses) return "read and delete every row";
	return check ? "add rows" : NULL;
}

/* "Anyone can vote!" becomes "anyone-can-vote": a name for the command line. */
static void slug(const char *name, char *ret_slug, size_t size)
{
	size_t len = 0;
	for (const char *c = name; *c != '\0' && len + 2 < size; c++) {
		bool is_upper = *c >= 'A' && *c <= 'Z';
		bool is_plain = is_upper || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_' ||
				(unsigned char)*c >= 0x80;
		if (is_plain)
			ret_slug[len++] = is_upper ? (char)(*c - 'A' + 'a') : *c;
		else if (len > 0 && ret_slug[len - 1] != '-')
			ret_slug[len++] = '-';
	}
	while (len > 0 && (ret_slug[len - 1] == '-' || !str_is_utf8((struct str){ret_slug, len}))) len--;
	ret_slug[len] = '\0';
}

struct opening {
	const char *kind;
	enum finding_severity severity;
	const char *who; /* "Anyone" */
};

static void add_opening(const struct opening *o, const char *table, const char *name, const json_t *policy,
			const char *deed, json_t *findings)
{
	char subject[TEXT_SIZE], short_name[100], title[TEXT_SIZE], detail[TEXT_SIZE], paste[TEXT_SIZE];
	slug(name, short_name, sizeof short_name);
	(void)snprintf(subject, sizeof subject, "%.200s:%s", table, short_name);
	(void)snprintf(title, sizeof title, "%s can %s of the table %.200s", o->who, deed, table);
	(void)snprintf(detail, sizeof detail, "The policy \"%.200s\" is simply true%s.", name,
		       has_role(policy, "public") ? ", and it names no role, so it holds for visitors too" : "");
	(void)snprintf(
	    paste, sizeof paste,
	    "The policy \"%.200s\" on %.200s lets %s %s, because its condition is just true. Replace it in a new "
	    "migration by one that checks the owner (for example auth.uid() = user_id); if it is meant for the "
	    "server only, drop it: the service role needs no policy.",
	    name, table, strcmp(o->who, "Anyone") == 0 ? "anyone" : "every signed-in user", deed);
	finding_add(findings, &(struct finding){.kind = o->kind,
						.subject = subject,
						.severity = o->severity,
						.title = title,
						.detail = detail,
						.file = json_str(policy, "file", NULL),
						.line = line_of(policy),
						.paste = paste});
}

static void judge_bucket_policy(const char *name, const json_t *policy, json_t *findings)
{
	const char *deed = open_for(policy, "bucket");
	bool is_anyone = has_role(policy, "public") || has_role(policy, "anon");
	if (deed == NULL || !is_anyone) return;
	char subject[TEXT_SIZE], title[TEXT_SIZE], detail[TEXT_SIZE], paste[TEXT_SIZE];
	slug(name, subject, sizeof subject);
	(void)snprintf(title, sizeof title, "Anyone can write files into a storage bucket");
	(void)snprintf(detail, sizeof detail, "The policy \"%.200s\" on storage.objects asks for the bucket only.",
		       name);
	(void)snprintf(
	    paste, sizeof paste,
	    "The policy \"%.200s\" on storage.objects lets visitors who are not signed in write files. Limit it "
	    "to signed-in users and their own folder, for example (storage.foldername(name))[1] = "
	    "auth.uid()::text.",
	    name);
	finding_add(findings, &(struct finding){.kind = "open-bucket",
						.subject = subject,
						.severity = FINDING_WARN,
						.title = title,
						.detail = detail,
						.file = json_str(policy, "file", NULL),
						.line = line_of(policy),
						.paste = paste});
}

/* Reading by anyone is what a shop's products want and its customers do not. */
static void judge_reading(const char *table, const json_t *of, const char *name, const json_t *policy, json_t *findings)
{
	const char *cmd = json_str(policy, "cmd", "all");
	const json_t *personal = json_object_get(of, "personal");
	bool reads = strcmp(cmd, "select") == 0 || strcmp(cmd, "all") == 0;
	bool is_anyone = has_role(policy, "public") || has_role(policy, "anon");
	if (!reads || !is_anyone || !is_state(policy, "using", "true") || json_array_size(personal) == 0) return;
	char subject[TEXT_SIZE], short_name[100], title[TEXT_SIZE], detail[TEXT_SIZE], paste[TEXT_SIZE], columns[300];
	size_t i, len = 0;
	json_t *column;
	columns[0] = '\0';
	json_array_foreach(personal, i, column)
	{
		if (len + strlen(json_string_value(column)) + 3 > sizeof columns) break;
		len += (size_t)snprintf(columns + len, sizeof columns - len, "%s%s", i > 0 ? ", " : "",
					json_string_value(column));
	}
	slug(name, short_name, sizeof short_name);
	(void)snprintf(subject, sizeof subject, "%.200s:%s", table, short_name);
	(void)snprintf(title, sizeof title, "Anyone can read every row of the table %.200s, with %s", table, columns);
	(void)snprintf(detail, sizeof detail,
		       "The policy \"%.200s\" is simply true, for visitors who are not signed in too.", name);
	(void)snprintf(
	    paste, sizeof paste,
	    "The policy \"%.200s\" on %.200s lets anyone who opens the site read %s of everybody. Replace it in a new "
	    "migration by one that checks the owner (for example auth.uid() = user_id), or move what may be public "
	    "into a view of its own.",
	    name, table, columns);
	finding_add(findings, &(struct finding){.kind = "open-to-read",
						.subject = subject,
						.severity = FINDING_WARN,
						.title = title,
						.detail = detail,
						.file = json_str(policy, "file", NULL),
						.line = line_of(policy),
						.paste = paste});
}

/* A restrictive policy for everybody stands in front of the permissive ones. */
static bool is_narrowed(const json_t *table)
{
	const char *name;
	json_t *policy;
	json_object_foreach(json_object_get(table, "policies"), name, policy)
	{
		bool is_for_all = strcmp(json_str(policy, "cmd", ""), "all") == 0 && has_role(policy, "public");
		if (is_for_all && !json_bool(policy, "permissive", true) && open_for(policy, "true") == NULL)
			return true;
	}
	return false;
}

static void judge_policies(const char *table, const json_t *of, json_t *findings)
{
	static const struct opening anyone = {"open-policy", FINDING_STOP, "Anyone"};
	static const struct opening signed_in = {"open-to-signed-in", FINDING_WARN, "Every signed-in user"};
	bool is_storage = strcmp(table, "storage.objects") == 0;
	if ((!is_exposed(table) && !is_storage) || !json_bool(of, "rls", false) || is_narrowed(of)) return;
	const char *name;
	json_t *policy;
	json_object_foreach(json_object_get(of, "policies"), name, policy)
	{
		const char *deed = open_for(policy, "true");
		if (is_storage) judge_bucket_policy(name, policy, findings);
		if (json_bool(policy, "permissive", true)) judge_reading(table, of, name, policy, findings);
		if (deed == NULL || !json_bool(policy, "permissive", true)) continue;
		if (has_role(policy, "public") || has_role(policy, "anon"))
			add_opening(&anyone, table, name, policy, deed, findings);
		else if (has_role(policy, "authenticated"))
			add_opening(&signed_in, table, name, policy, deed, findings);
	}
}

static void judge_function(const char *key, const json_t *f, json_t *findings)
{
	bool can_call = json_bool(f, "public", true) || json_bool(f, "anon", true);
	if (!json_bool(f, "definer", false) || json_bool(f, "trigger", false) || !can_call ||
	    !is_exposed(json_str(f, "name", "")))
		return;
	char title[TEXT_SIZE], paste[TEXT_SIZE];
	(void)snprintf(title, sizeof title, "Anyone can call %.300s, which runs with its owner's rights", key);
	(void)snprintf(
	    paste, sizeof paste,
	    "The function %.300s is SECURITY DEFINER and visitors who are not signed in may call it. If they "
	    "need not, add a migration with REVOKE EXECUTE ON FUNCTION %.300s FROM PUBLIC, anon; otherwise make "
	    "it check auth.uid() itself.",
	    key, key);
	finding_add(findings,
		    &(struct finding){.kind = "definer-function",
				      .subject = key,
				      .severity = FINDING_WARN,
				      .title = title,
				      .detail =
					  "It is SECURITY DEFINER: inside it no row security holds, so all depends on "
					  "what it checks itself.",
				      .file = json_str(f, "file", NULL),
				      .line = line_of(f),
				      .paste = paste});
}

static void judge_bucket(const char *name, const json_t *bucket, json_t *findings)
{
	if (!json_bool(bucket, "public", false)) return;
	char title[TEXT_SIZE];
	(void)snprintf(title, sizeof title, "Files in the bucket %.200s can be read by anyone who has their address",
		       name);
	finding_add(findings,
		    &(struct finding){.kind = "public-bucket",
				      .subject = name,
				      .severity = FINDING_WARN,
				      .title = title,
				      .detail = "Right for pictures that everybody may see; wrong for documents.",
				      .file = json_str(bucket, "file", NULL),
				      .line = line_of(bucket)});
}

void migrations_judge(const struct sql_state *state, json_t *findings)
{
	const char *name;
	json_t *value;
	json_object_foreach(state->tables, name, value)
	{
		judge_table(state, name, value, findings);
		judge_policies(name, value, findings);
	}
	json_object_foreach(state->functions, name, value) judge_function(name, value, findings);
	json_object_foreach(state->buckets, name, value) judge_bucket(name, value, findings);
}

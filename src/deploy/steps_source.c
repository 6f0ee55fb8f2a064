/* SPDX-License-Identifier: Apache-2.0
 *
 * From what the owner sent to what it is: receive, unpack, inspect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/git_key.h"
#include "app/kept.h"
#include "app/lovable.h"
#include "app/signin.h"
#include "base/clock.h"
#include "codec/json.h"
#include "deploy/step.h"
#include "intake/git.h"
#include "intake/inspect.h"
#include "intake/unpack.h"

struct intake_child step_intake_child(const struct deploy *d)
{
	char *helper = arena_printf(d->arena, "%s/freehold-intake", d->f->helpers);
	return (struct intake_child){.helper = helper,
				     .has_user = d->f->is_root,
				     .uid = d->parts.users.code.uid,
				     .gid = d->parts.users.code.gid};
}

bool step_receive(struct deploy *d, struct err *err)
{
	struct stat st;
	const char *git = json_str(d->options, "git", NULL);
	if (!file_mkdirs(d->work_dir, 0755, err)) return false;
	if (git != NULL) {
		step_detail(d, "a git repository");
		return true;
	}
	if (stat(d->upload, &st) != 0) return err_set_errno(err, "the archive that was sent");
	step_detail(d, st.st_size < 1000000 ? "%.1f kB" : "%.1f MB",
		    (double)st.st_size / (st.st_size < 1000000 ? 1e3 : 1e6));
	/* The sandboxed reader runs as the app's user. */
	if (d->f->is_root && chown(d->upload, d->parts.users.code.uid, d->parts.users.code.gid) != 0)
		return err_set_errno(err, "%s", d->upload);
	return true;
}

static bool make_source_dir(struct deploy *d, struct err *err)
{
	if (!file_remove_tree(d->source_dir, err) || !file_mkdirs(d->source_dir, 0755, err)) return false;
	if (d->f->is_root && chown(d->source_dir, d->parts.users.code.uid, d->parts.users.code.gid) != 0)
		return err_set_errno(err, "%s", d->source_dir);
	return true;
}

static bool commit_source(struct deploy *d, const struct intake_child *child, struct err *err)
{
	char repo[FILE_PATH_SIZE], commit[GIT_ID_SIZE];
	char *message = arena_printf(d->arena, "Deployment %lld: %s", (long long)d->number, d->info.source);
	struct intake_commit what = {.author_name = "Freehold",
				     .author_email = "freehold@localhost",
				     .time_s = clock_wall_ms() / 1000,
				     .message = message};
	if (!file_path(repo, err, "%s/repo.git", d->parts.dir) ||
	    !intake_commit(child, repo, d->source_dir, &what, commit, err) ||
	    !deployment_set_commit(d->f->db, d->parts.app.name, d->number, commit, err))
		return false;
	json_object_set_new(d->release, "commit", json_string(commit));
	return true;
}

/* By ssh with the app's own key, and with the keys of servers that were met before. */
static bool fetch_git(struct deploy *d, const struct intake_child *child, const char *sealed_url,
		      const struct intake_limits *limits, struct intake_unpacked *ret_unpacked, struct err *err)
{
	const char *app = d->parts.app.name;
	char commit[GIT_ID_SIZE];
	struct buf url BUF_CLEANUP;
	struct buf key BUF_CLEANUP;
	struct buf known BUF_CLEANUP;
	struct buf met BUF_CLEANUP;
	buf_init(&url, GIT_URL_SIZE), buf_init(&key, SEAL_VALUE_MAX_BYTES), buf_init(&known, SEAL_VALUE_MAX_BYTES);
	buf_init(&met, GIT_HOSTS_MAX_BYTES);
	if (!git_address_open(d->f->seal, app, sealed_url, &url, err) ||
	    !git_key_get(d->f->db, d->f->seal, app, &key, &known, err))
		return false;
	struct intake_git_source from = {
	    .url = buf_cstr(&url), .ssh_key = buf_cstr(&key), .known_hosts = buf_cstr(&known)};
	return intake_git_fetch(child, &from, d->source_dir, limits, ret_unpacked, commit, &met, err) &&
	       git_key_keep_hosts(d->f->db, d->f->seal, app, buf_view(&met), err);
}

bool step_unpack(struct deploy *d, struct err *err)
{
	struct intake_child child = step_intake_child(d);
	struct intake_limits limits = INTAKE_LIMITS_DEFAULT;
	struct intake_unpacked unpacked = {0};
	const char *git = json_str(d->options, "git", NULL);
	if (!make_source_dir(d, err)) return false;
	bool ok = git != NULL ? fetch_git(d, &child, git, &limits, &unpacked, err)
			      : intake_unpack(&child, d->upload, d->source_dir, &limits, &unpacked, err);
	if (!ok || !commit_source(d, &child, err)) return false;
	step_detail(d, "%llu file%s, %.1f kB", (unsigned long long)unpacked.files, unpacked.files == 1 ? "" : "s",
		    (double)unpacked.bytes / 1e3);
	return unlink(d->upload) == 0 || file_remove_tree(d->upload, err);
}

/* Everything of the deployment that is not the release lies in its work folder. */
bool step_receive_undo(struct deploy *d, struct err *err)
{
	return file_remove_tree(d->work_dir, err);
}

/* Names that the owner gave with --accept are remembered: a later deployment does not ask again. */
static bool remember_accepted(struct deploy *d, struct err *err)
{
	size_t i;
	json_t *name;
	json_array_foreach(json_object_get(d->options, "accept"), i, name)
	{
		if (json_is_string(name) && !app_accept(d->f->db, d->parts.app.name, json_string_value(name), err))
			return false;
	}
	return true;
}

static bool list_accepted(struct deploy *d, json_t *ret_accepted, struct err *err)
{
	size_t i;
	json_t *finding;
	json_array_foreach(json_object_get(d->inspection, "findings"), i, finding)
	{
		bool is_accepted = false;
		const char *name = json_str(finding, "name", "");
		if (!app_has_accepted(d->f->db, d->parts.app.name, name, &is_accepted, err)) return false;
		if (is_accepted) json_array_append_new(ret_accepted, json_string(name));
	}
	return true;
}

static bool refuse_for(struct deploy *d, const json_t *stops, struct err *err)
{
	struct buf names BUF_CLEANUP;
	size_t i;
	json_t *name;
	buf_init(&names, 700);
	json_array_foreach(stops, i, name) buf_printf(&names, "%s%s", i > 0 ? ", " : "", json_string_value(name));
	return err_set(err, ERR_REFUSED,
		       "%zu finding%s must be dealt with before %s goes live: %s. Mend it in the builder (freehold "
		       "check shows what to paste there), or deploy again with --accept NAME "
		       "for each that is meant to be so",
		       json_array_size(stops), json_array_size(stops) == 1 ? "" : "s", d->parts.app.name,
		       buf_cstr(&names));
}

/* A function that the export brings is served; one that it only calls is not there. */
static bool is_own_function(const struct deploy *d, const char *name)
{
	size_t i;
	json_t *one;
	if (strcmp(name, "(computed)") == 0 && json_array_size(json_object_get(d->inspection, "functions")) > 0)
		return true;
	json_array_foreach(json_object_get(d->inspection, "functions"), i, one)
	{
		if (strcmp(json_str(one, "name", ""), name) == 0) return true;
	}
	return false;
}

/* docs/api.md: not_served is one list of {what, file, line}. */
static void report_not_served(struct deploy *d)
{
	const char *kind;
	json_t *calls, *call, *list = json_array();
	size_t i;
	json_object_foreach(json_object_get(d->inspection, "calls"), kind, calls)
	{
		if (strcmp(kind, "storage") == 0 || strcmp(kind, "realtime") == 0) continue; /* are served */
		json_array_foreach(calls, i, call)
		{
			if (strcmp(kind, "functions") == 0 && is_own_function(d, json_str(call, "name", ""))) continue;
			json_array_append_new(list, json_pack("{s:o, s:O?, s:O?}", "what",
							      json_sprintf("%s: %s", kind, json_str(call, "name", "")),
							      "file", json_object_get(call, "file"), "line",
							      json_object_get(call, "line")));
		}
	}
	json_object_set_new(d->report, "not_served", list);
}

static void report_inspection(struct deploy *d)
{
	char url[EDGE_HOST_SIZE];
	edge_app_url(&d->f->edge, d->parts.app.name, url);
	json_object_set_new(d->report, "url", json_string(url));
	json_object_set(d->report, "shape", json_object_get(d->inspection, "shape"));
	json_object_set(d->report, "evidence", json_object_get(d->inspection, "evidence"));
	json_object_set(d->report, "findings", json_object_get(d->inspection, "findings"));
	json_object_set(d->release, "shape", json_object_get(d->inspection, "shape"));
	report_not_served(d);
}

/* What the live server failed to write is kept from now on. */
static bool note_kept(struct deploy *d, struct err *err)
{
	json_t *found JSON_CLEANUP = json_array(), *fresh JSON_CLEANUP = json_array(), *one;
	const char *app = d->parts.app.name;
	size_t i;
	if (d->live_before > 0 &&
	    (!kept_find_in_log(d->f, app, d->live_before, found, err) || !kept_remember(d->f, app, found, fresh, err)))
		return false;
	json_array_foreach(fresh, i, one)
	    step_note(d,
		      "The server of release %lld could not write to %s, since a release never changes; from this "
		      "deployment on it is kept in the app's data folder.",
		      (long long)d->live_before, json_str(one, "path", ""));
	return kept_merge(d->f, app, d->inspection, err);
}

/* What supabase/config.toml says of sign-in holds once the deployment is live. */
static bool plan_signin(struct deploy *d, struct err *err)
{
	const char *app = d->parts.app.name;
	json_t *missing JSON_CLEANUP = json_array(), *section = json_object_get(d->inspection, "auth_config");
	d->signin = json_array();
	bool ok = signin_plan_export(d->f, app, json_is_object(section) ? section : NULL, d->signin, missing, err);
	(void)json_object_del(d->inspection, "auth_config");
	for (size_t i = 0; ok && i < json_array_size(missing); i++) {
		const json_t *one = json_array_get(missing, i);
		const char *variable = json_str(one, "variable", "");
		step_note(d,
			  "supabase/config.toml wants %s from the variable %s, which is not set; what needs it is off "
			  "until then: "
			  "freehold env %s set %s=-",
			  json_str(one, "name", ""), variable, app, variable);
	}
	json_object_set(d->report, "adaptations", d->signin);
	return ok;
}

static bool is_wished(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_str(json_array_get(list, i), "name", ""), name) == 0) return true;
	return false;
}

static void say_providers(struct deploy *d, const struct auth_settings *s, const json_t *wishes)
{
	const char *app = d->parts.app.name;
	for (size_t i = 0; i < json_array_size(wishes); i++) {
		const char *name = json_str(json_array_get(wishes, i), "name", "");
		if (strncmp(name, "provider ", 9) != 0) continue;
		const struct auth_provider *p = auth_settings_provider(s, str_from(name + 9));
		if (p != NULL && p->is_enabled) continue;
		if (auth_provider_is_served(str_from(name + 9)))
			step_note(
			    d, "The app signs in with %s, which is off until it is set: freehold auth %s provider %s",
			    name + 9, app, name + 9);
		else
			step_note(
			    d,
			    "The app signs in with %s, which is not served; whoever tries gets a sentence that says so",
			    name + 9);
	}
}

/* Nobody should find out from a user who waits for a mail, or who gets an error for Google. */
static bool say_signin(struct deploy *d, struct err *err)
{
	const char *app = d->parts.app.name;
	json_t *document JSON_CLEANUP = NULL, *wishes = json_object_get(d->inspection, "sign_in");
	struct auth_settings *s = NULL;
	if (!json_bool(json_object_get(d->inspection, "supabase"), "uses", false)) return true;
	if (!signin_document(d->f, app, &document, NULL, err) || !auth_settings_read(document, &s, err)) return false;
	say_providers(d, s, wishes);
	if (!auth_settings_sends_mail(s))
		step_note(d,
			  "No mail server is set for %s: who signs up is confirmed at once, and other mails (a new "
			  "password, an "
			  "invitation) are kept; freehold mail %s shows them with their links. Set one: freehold auth "
			  "%s smtp",
			  app, app, app);
	if (is_wished(wishes, "anonymous") && !s->enable_anonymous_sign_ins)
		step_note(d,
			  "The app signs people in without an account, which is off: freehold auth %s set "
			  "enable_anonymous_sign_ins=true",
			  app);
	if (is_wished(wishes, "linking") && !s->enable_manual_linking)
		step_note(d,
			  "The app lets people add a provider to their account, which is off: freehold auth %s set "
			  "enable_manual_linking=true",
			  app);
	auth_settings_free(s);
	return true;
}

/* What Lovable gives its apps, and what stands in for it. */
static bool say_services(struct deploy *d, struct err *err)
{
	static const char *const led[][2] = {
	    {"ai",
	     "asks Lovable's AI gateway; what the server and the functions ask is led to the provider that you set"},
	    {"mail", "sends by Lovable's mail service; such mails leave through your own mail server"}};
	const char *app = d->parts.app.name;
	json_t *ai JSON_CLEANUP = NULL, *one;
	size_t i;
	const json_t *services = json_object_get(d->inspection, "services");
	json_array_foreach(services, i, one) for (size_t k = 0; k < sizeof led / sizeof *led; k++)
	{
		if (strcmp(json_str(one, "name", ""), led[k][0]) != 0) continue;
		json_array_append_new(d->signin, json_pack("{s:s, s:I, s:s}", "file", json_str(one, "file", ""), "line",
							   (json_int_t)json_int(one, "line", 0), "what", led[k][1]));
	}
	if (is_wished(services, "ai") && !lovable_list(d->f, app, &ai, err)) return false;
	if (ai != NULL && json_str(ai, "url", NULL) == NULL)
		step_note(
		    d,
		    "The app asks an AI and no provider is set: such calls are answered with 503 and how to. Any with "
		    "OpenAI's API will do: freehold ai %s set --url https://api.openai.com/v1 --key -",
		    app);
	if (is_wished(services, "connectors"))
		step_note(d, "The app calls Lovable's connectors, which nothing stands in for: such calls fail");
	return true;
}

bool step_inspect(struct deploy *d, struct err *err)
{
	struct intake_child child = step_intake_child(d);
	if (!intake_inspect(&child, d->source_dir, &d->inspection, err)) return false;
	if (!note_kept(d, err) || !plan_signin(d, err) || !say_signin(d, err) || !say_services(d, err)) return false;
	const char *shape = json_str(d->inspection, "shape", "unknown");
	const json_t *evidence = json_array_get(json_object_get(d->inspection, "evidence"), 0);
	report_inspection(d);
	if (!app_set_shape(d->f->db, d->parts.app.name, shape, err)) return false;
	if (!json_bool(d->inspection, "runs", false))
		return err_set(err, ERR_REFUSED, "%s",
			       json_str(d->inspection, "refusal", "this kind of app does not run here yet"));
	json_t *accepted JSON_CLEANUP = json_array(), *stops JSON_CLEANUP = NULL;
	if (!remember_accepted(d, err) || !list_accepted(d, accepted, err)) return false;
	stops = inspect_stops(d->inspection, accepted);
	if (json_array_size(stops) > 0) {
		/* What can be accepted stops only an app that was never live. */
		size_t i;
		json_t *name;
		json_t *hard JSON_CLEANUP = json_array();
		json_array_foreach(stops, i, name)
		{
			size_t k;
			json_t *finding;
			json_array_foreach(json_object_get(d->inspection, "findings"), k, finding)
			{
				if (json_equal(json_object_get(finding, "name"), name) &&
				    (d->is_first || !json_bool(finding, "can_accept", false)))
					json_array_append(hard, name);
			}
		}
		if (json_array_size(hard) > 0) return refuse_for(d, hard, err);
		step_note(d, "%zu finding%s stand%s that would stop a first deployment; freehold check shows them",
			  json_array_size(stops), json_array_size(stops) == 1 ? "" : "s",
			  json_array_size(stops) == 1 ? "s" : "");
	}
	return migration_plan_from_json(json_object_get(d->inspection, "migrations"), d->arena, &d->plan, err) &&
	       (step_detail(d, "%s; %s %s", shape, json_str(evidence, "file", ""), json_str(evidence, "what", "")),
		true);
}

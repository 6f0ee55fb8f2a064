/* SPDX-License-Identifier: Apache-2.0
 *
 * From the source to a release on disk: install, check, build, package. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/asked.h"
#include "app/bind.h"
#include "app/kept.h"
#include "app/pause.h"
#include "app/serve_env.h"
#include "app/web.h"
#include "base/clock.h"
#include "build/adapt.h"
#include "build/database_use.h"
#include "build/install.h"
#include "build/package.h"
#include "build/run.h"
#include "build/wish.h"
#include "codec/given.h"
#include "codec/json.h"
#include "deploy/functions_build.h"
#include "deploy/step.h"
#include "release/release.h"
#include "store/env.h"

#define BUILD_ENV_MAX (ENV_MAX + 80)

static void on_line(void *arg, int stream, struct str line)
{
	events_line(arg, stream, line);
}

static bool is_static(const struct deploy *d)
{
	return strcmp(json_str(d->inspection, "shape", ""), "static") == 0;
}

struct env_list {
	struct deploy *d;
	const char **env;
	int count;
};

/* The owner's variables as the build gets them. What would carry a service key to browsers is refused here. */
static bool add_env(void *arg, const struct env_entry *entry, struct err *err)
{
	struct env_list *l = arg;
	if (l->count == BUILD_ENV_MAX) return err_set(err, ERR_LIMIT, "more than %d variables", BUILD_ENV_MAX);
	char *pair = arena_printf(l->d->arena, "%s=%.*s", entry->name, STR_FMT(entry->value));
	if (pair == NULL) return err_set(err, ERR_LIMIT, "the variables are too large");
	l->env[l->count++] = pair;
	return build_env_check(pair, err);
}

/* Builds that render pages, or load the server's modules to look at them. */
static bool runs_code(const struct deploy *d)
{
	static const char *const shapes[] = {"nextjs", "nuxt",         "sveltekit",      "astro",
					     "remix",  "react-router", "tanstack-start", NULL};
	const char *shape = json_str(d->inspection, "shape", "");
	for (const char *const *s = shapes; *s != NULL; s++)
		if (strcmp(shape, *s) == 0) return true;
	return false;
}

/* Before the owner's, so that those win. */
static bool add_made(struct env_list *l, struct err *err)
{
	json_t *pairs JSON_CLEANUP = json_array(), *pair;
	size_t i;
	if (!serve_env_for_build(l->d->f, l->d->parts.app.name, runs_code(l->d), pairs, err)) return false;
	json_array_foreach(pairs, i, pair)
	{
		char *text = arena_strdup(l->d->arena, json_string_value(pair));
		if (text == NULL || l->count == BUILD_ENV_MAX)
			return err_set(err, ERR_LIMIT, "the variables are too large");
		l->env[l->count++] = text;
	}
	return true;
}

static bool open_job(struct deploy *d, struct err *err)
{
	char *cache = arena_printf(d->arena, "%s/cache", d->f->layout.home);
	struct env_list l = {d, arena_array(d->arena, BUILD_ENV_MAX + 1, sizeof *l.env), 0};
	if (!file_mkdirs(d->build_dir, 0755, err) || !add_made(&l, err) ||
	    !env_each(d->f->db, d->f->seal, d->parts.app.name, ENV_BUILD, add_env, &l, err))
		return false;
	d->job = (struct build_job){.app = d->parts.app.name,
				    .source_dir = d->source_dir,
				    .root = json_str(d->inspection, "root", ""),
				    .work_dir = d->build_dir,
				    .cache_dir = cache,
				    .inspection = d->inspection,
				    .has_user = d->f->is_root,
				    .uid = d->parts.users.code.uid,
				    .gid = d->parts.users.code.gid,
				    .has_network = json_bool(d->options, "network", false),
				    .env = l.env,
				    .on_line = on_line,
				    .arg = &d->events};
	return build_prepare(&d->job, err);
}

static void note_all(struct deploy *d, const json_t *notes)
{
	size_t i;
	json_t *note;
	json_array_foreach(notes, i, note) step_note(d, "%s", json_string_value(note));
}

bool step_install(struct deploy *d, struct err *err)
{
	json_t *outcome JSON_CLEANUP = NULL;
	if (!open_job(d, err)) return false;
	if (is_static(d)) return step_skip(d, "a static site depends on nothing");
	if (!build_install(&d->job, &outcome, err)) return false;
	const char *rung = json_str(outcome, "rung", "");
	note_all(d, json_object_get(outcome, "notes"));
	step_detail(d, json_bool(outcome, "cached", false) ? "%s, from the cache: the lockfile has not changed" : "%s",
		    rung);
	json_object_set_new(d->report, "rung", json_string(rung));
	json_object_set(d->release, "install", outcome);
	return true;
}

/* The names of values that the code reads and nobody has set, added to a list. */
static bool missing_values(struct deploy *d, json_t *names, struct err *err)
{
	size_t i;
	json_t *need;
	json_array_foreach(json_object_get(d->inspection, "needs"), i, need)
	{
		struct buf value BUF_CLEANUP;
		buf_init(&value, SEAL_VALUE_MAX_BYTES);
		const char *name = json_string_value(need);
		if (name == NULL || given_is(str_from(name)) ||
		    app_secret_get(d->f->db, d->f->seal, d->parts.app.name, "env", name, &value, err))
			continue;
		if (err->code != ERR_NOT_FOUND) return false;
		json_array_append(names, need);
	}
	return true;
}

/* The page would be blank or wrong without them, and mostly no build would say so. */
static bool check_values(struct deploy *d, struct err *err)
{
	json_t *names JSON_CLEANUP = json_array(), *name;
	struct buf missing BUF_CLEANUP;
	size_t count, i;
	buf_init(&missing, 700);
	if (!missing_values(d, names, err)) return false;
	count = json_array_size(names);
	if (count == 0) return true;
	json_array_foreach(names, i, name) buf_printf(&missing, "%s%s", i > 0 ? ", " : "", json_string_value(name));
	const char *it = count == 1 ? "it" : "them";
	const char *place = given_builders_place(json_str(d->inspection, "builder", ""));
	step_note(d,
		  "The code reads %s and nobody has set %s; set %s with: freehold env %s set %.*s=VALUE, and deploy "
		  "again.%s%s%s Until then what needs %s does not work.",
		  buf_cstr(&missing), it, it, d->parts.app.name, (int)strcspn(buf_cstr(&missing), ","),
		  buf_cstr(&missing), place != NULL ? " The values are in " : "", place != NULL ? place : "",
		  place != NULL ? "." : "", it);
	return true;
}

/* What the code reads from its environment and Freehold gives it is an adaptation like those in the text. */
static void list_given_values(const struct deploy *d, json_t *adaptations)
{
	size_t i;
	json_t *env;
	json_array_foreach(json_object_get(d->inspection, "env"), i, env)
	{
		char what[160];
		if (!json_bool(env, "supplied", false) || strcmp(json_str(env, "where", ""), "browser") != 0) continue;
		(void)snprintf(what, sizeof what, "reads %.100s; the build is given this app's own",
			       json_str(env, "name", ""));
		json_array_append_new(adaptations,
				      json_pack("{s:s, s:I, s:s}", "file", json_str(env, "file", ""), "line",
						(json_int_t)json_int(env, "line", 0), "what", what));
	}
}

bool step_check(struct deploy *d, struct err *err)
{
	json_t *outcome JSON_CLEANUP = NULL;
	if (!check_values(d, err) || !functions_step_check(d, err)) return false;
	if (is_static(d)) return step_skip(d, "nothing to adapt");
	if (!build_adapt(&d->job, &outcome, err) ||
	    !asked_keep_project(d->f, d->parts.app.name, json_str(outcome, "project", ""), err))
		return false;
	json_t *adaptations = json_object_get(outcome, "adaptations");
	list_given_values(d, adaptations);
	(void)json_array_extend(adaptations, d->signin);
	json_object_set(d->report, "adaptations", adaptations);
	json_object_set(d->release, "adapt", outcome);
	size_t i;
	json_t *left;
	json_array_foreach(json_object_get(outcome, "left"), i, left)
	    step_note(d, "%s line %lld: %s", json_str(left, "file", ""), (long long)json_int(left, "line", 0),
		      json_str(left, "what", "an address"));
	step_detail(d, "%zu place%s adapted", json_array_size(adaptations),
		    json_array_size(adaptations) == 1 ? "" : "s");
	return true;
}

/* Of what nobody has set, what the failed build spoke of; or all of it, where the build runs the app's code: a client
 * of Stripe's says "Neither apiKey nor config.authenticator provided". */
static void note_missing_values(struct deploy *d, const char *said)
{
	json_t *names JSON_CLEANUP = json_array(), *name;
	struct buf all BUF_CLEANUP, named BUF_CLEANUP;
	struct err ignored;
	size_t i;
	buf_init(&all, 700);
	buf_init(&named, 700);
	if (!missing_values(d, names, &ignored)) return;
	json_array_foreach(names, i, name)
	{
		const char *it = json_string_value(name);
		buf_printf(&all, "%s%s", i > 0 ? ", " : "", it);
		if (strstr(said, it) != NULL) buf_printf(&named, "%s%s", named.len > 0 ? ", " : "", it);
	}
	if (named.len > 0)
		step_note(
		    d,
		    "It stopped for want of what nobody has set: %s. Set it (freehold env %s set NAME=VALUE), and "
		    "deploy again.",
		    buf_cstr(&named), d->parts.app.name);
	else if (all.len > 0 && runs_code(d))
		step_note(
		    d,
		    "The build runs the app's code, which may have stopped for want of a value: nobody has set %s. Set "
		    "them (freehold env %s set NAME=VALUE), and deploy again.",
		    buf_cstr(&all), d->parts.app.name);
}

/* What the first look found missing in the export, where it may be why. */
static void note_left_out(struct deploy *d)
{
	size_t i;
	json_t *finding;
	json_array_foreach(json_object_get(d->inspection, "findings"), i, finding)
	{
		if (strncmp(json_str(finding, "name", ""), "left-out-files:", 15) == 0)
			step_note(d, "%s. %s", json_str(finding, "title", ""), json_str(finding, "detail", ""));
	}
}

bool step_build(struct deploy *d, struct err *err)
{
	json_t *outcome JSON_CLEANUP = NULL;
	if (!functions_step_build(d, err)) return false;
	if (is_static(d)) return step_skip(d, "a static site is its own build");
	if (build_wish_read(d->inspection).command == NULL) return step_skip(d, "it has no build script");
	if (!build_run(&d->job, &outcome, err)) {
		note_missing_values(d, err->msg);
		note_left_out(d);
		return false;
	}
	const char *pictures = json_str(outcome, "pictures", NULL);
	if (pictures != NULL) step_note(d, "%s", pictures);
	(void)json_array_extend(json_object_get(d->report, "adaptations"), json_object_get(outcome, "adaptations"));
	json_object_set(d->release, "build", outcome);
	step_detail(d, "%s with Node %s", json_str(outcome, "script", "build"), json_str(outcome, "node", ""));
	return true;
}

static bool bind_own(struct deploy *d, const char *release_dir, struct err *err)
{
	json_t *outcome JSON_CLEANUP = NULL;
	if (!bind_release(d->f, d->parts.app.name, release_dir, &outcome, err)) return false;
	json_object_set(d->release, "bind", outcome);
	json_object_set(d->release, "hash_bound", json_object_get(outcome, "hash_bound"));
	return true;
}

static bool seal_release(struct deploy *d, struct err *err)
{
	char created[CLOCK_ISO8601_SIZE];
	json_t *migrations = json_array();
	for (size_t i = 0; i < d->plan.migration_count; i++)
		json_array_append_new(migrations, json_string(d->plan.migrations[i].version));
	clock_iso8601(clock_wall_ms(), created);
	json_object_set_new(d->release, "number", json_integer(d->number));
	json_object_set_new(d->release, "from", json_string(d->info.source));
	json_object_set_new(d->release, "created_at", json_string(created));
	json_object_set_new(d->release, "migrations", migrations);
	return release_seal(d->parts.dir, d->number, d->release, err);
}

/* Whether a pool is started for it (app/pool.h). */
static void note_database_use(struct deploy *d, const char *release_dir)
{
	char server_dir[FILE_PATH_SIZE], modules[FILE_PATH_SIZE];
	struct err ignored;
	json_t *server = json_object_get(d->release, "server");
	const char *key = json_str(server, "modules", NULL);
	if (!file_path(server_dir, &ignored, "%s/server", release_dir) ||
	    !file_path(modules, &ignored, "%s/modules/%s/node_modules", d->parts.dir, key != NULL ? key : ""))
		return;
	json_object_set_new(server, "uses_database",
			    json_boolean(build_uses_database(server_dir, key != NULL ? modules : NULL)));
}

bool step_package(struct deploy *d, struct err *err)
{
	char dir[FILE_PATH_SIZE], modules[FILE_PATH_SIZE];
	json_t *outcome JSON_CLEANUP = NULL;
	if (!release_path(d->parts.dir, d->number, "", dir, err) || !file_mkdirs(dir, 0755, err) ||
	    !file_path(modules, err, "%s/modules", d->parts.dir) ||
	    !build_package(&d->job, dir, modules, &outcome, err) || !functions_step_package(d, dir, err))
		return false;
	json_object_set(d->release, "assets", json_object_get(outcome, "assets"));
	json_object_set(d->release, "bytes", json_object_get(outcome, "bytes"));
	json_object_set(d->release, "files", json_object_get(outcome, "files"));
	json_object_set(d->release, "hash_unbound", json_object_get(outcome, "hash_unbound"));
	if (json_object_get(outcome, "server") != NULL)
		json_object_set(d->release, "server", json_object_get(outcome, "server"));
	bool has_server = web_is_there(d->parts.dir, d->number);
	if (has_server) note_database_use(d, dir);
	char run_dir[FILE_PATH_SIZE];
	if (!bind_own(d, dir, err) || !file_path(run_dir, err, "%s/web/%lld", d->parts.run_dir, (long long)d->number) ||
	    !release_dress(d->parts.dir, d->number, !is_static(d) && !has_server, has_server ? run_dir : NULL, err))
		return false;
	const json_t *keeps = json_object_get(json_object_get(d->release, "server"), "keeps");
	if (!kept_seed(&d->job, keeps, d->parts.files_dir, err)) return false;
	pause_here("package", "dressed");
	int64_t files = json_int(outcome, "files", 0), bytes = json_int(outcome, "bytes", 0);
	step_detail(d, bytes < 100000 ? "%lld file%s, %.1f kB" : "%lld file%s, %.1f MB", (long long)files,
		    files == 1 ? "" : "s", (double)bytes / (bytes < 100000 ? 1e3 : 1e6));
	return seal_release(d, err);
}

bool step_package_undo(struct deploy *d, struct err *err)
{
	int64_t live = 0;
	/* The switch is undone before; whatever happened there, what is live is never removed. */
	return release_live(d->parts.dir, &live, err) &&
	       (live == d->number || release_remove(d->parts.dir, d->number, err));
}

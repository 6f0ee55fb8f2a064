/* SPDX-License-Identifier: Apache-2.0 */
#include "app/elsewhere.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "app/daemon.h"
#include "app/database.h"
#include "codec/json.h"

#define KIND "database" /* of the kept values, store/app.h */
#define FACTS_MAX_BYTES 8192
#define LOGIN_RANDOM 6
#define PASSWORD_RANDOM 40

/* Empty where it is not kept. */
static bool get(const struct flow *f, const char *app, const char *name, char *ret_text, size_t size, struct err *err)
{
	struct buf value BUF_CLEANUP;
	buf_init(&value, size - 1);
	ret_text[0] = '\0';
	if (!app_secret_get(f->db, f->seal, app, KIND, name, &value, err)) return err->code == ERR_NOT_FOUND;
	(void)snprintf(ret_text, size, "%s", buf_cstr(&value));
	return true;
}

/* The address, "" where the app's database is its own: there is a cluster, whatever was kept before it came. */
static bool get_url(const struct flow *f, const char *app, char ret_url[ELSEWHERE_URL_MAX + 1], struct err *err)
{
	char version[FILE_PATH_SIZE];
	if (!get(f, app, "url", ret_url, ELSEWHERE_URL_MAX + 1, err) ||
	    !layout_app(&f->layout, app, "postgres/data/PG_VERSION", version, err))
		return false;
	if (ret_url[0] != '\0' && file_exists(version)) ret_url[0] = '\0';
	return true;
}

static bool set(const struct flow *f, const char *app, const char *name, const char *text, struct err *err)
{
	return app_secret_set(f->db, f->seal, app, KIND, name, str_from(text), err);
}

static bool get_facts(const struct flow *f, const char *app, json_t **ret_facts, struct err *err)
{
	char text[FACTS_MAX_BYTES];
	if (!get(f, app, "facts", text, sizeof text, err)) return false;
	if (text[0] != '\0') return json_parse(str_from(text), ret_facts, err);
	*ret_facts = json_object();
	return true;
}

static bool set_facts(const struct flow *f, const char *app, const json_t *facts, struct err *err)
{
	char *text = json_text(facts);
	bool ok = set(f, app, "facts", text, err);
	free(text);
	return ok;
}

bool elsewhere_get(const struct flow *f, const char *app, struct elsewhere *ret_elsewhere, struct err *err)
{
	struct elsewhere e = {.is = false};
	json_t *facts JSON_CLEANUP = NULL;
	if (!get_url(f, app, e.url, err)) return false;
	e.is = e.url[0] != '\0';
	if (e.is && (!get(f, app, "login", e.login, sizeof e.login, err) ||
		     !get(f, app, "password", e.password, sizeof e.password, err) || !get_facts(f, app, &facts, err)))
		return false;
	e.major = (int)json_int(facts, "major", 0);
	e.has_changes = facts != NULL && json_str(facts, "changes", NULL) == NULL;
	*ret_elsewhere = e;
	return true;
}

bool elsewhere_is(const struct flow *f, const char *app, bool *ret_is, struct err *err)
{
	char url[ELSEWHERE_URL_MAX + 1];
	if (!get_url(f, app, url, err)) return false;
	*ret_is = url[0] != '\0';
	return true;
}

bool elsewhere_is_known(const struct flow *f, const char *app, bool *ret_is, struct err *err)
{
	char url[ELSEWHERE_URL_MAX + 1];
	if (!get(f, app, "url", url, sizeof url, err)) return false;
	*ret_is = url[0] != '\0';
	return true;
}

bool elsewhere_forget(const struct flow *f, const char *app, struct err *err)
{
	static const char *const names[] = {"url", "login", "password", "facts"};
	struct parts now;
	struct err ignored;
	bool is_known = false;
	if (!elsewhere_is_known(f, app, &is_known, err)) return false;
	if (!is_known) return true;
	if (!parts_open(f, app, &now, err) || !parts_write_backend_config(f, &now, err)) return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)app_secret_unset(f->db, app, KIND, names[i], &ignored);
	return true;
}

/* What holds of a cluster of its own, and not of one that others keep. */
static json_t *missing_json(const json_t *facts)
{
	json_t *list = json_array();
	json_array_append_new(
	    list, json_string("no backups, no restore to a moment, no drills: use those of where it is kept"));
	json_array_append_new(list, json_string("no branches, no pool, no settings"));
	json_array_append_new(list, json_string("migrations are tried on a copy of its tables, without their rows"));
	json_array_append_new(list, json_string("no vault"));
	if (json_str(facts, "changes", NULL) != NULL)
		json_array_append_new(list, json_sprintf("no live changes (realtime postgres_changes): %s",
							 json_str(facts, "changes", "")));
	return list;
}

bool elsewhere_json(const struct flow *f, const char *app, json_t **ret_json, struct err *err)
{
	char url[ELSEWHERE_URL_MAX + 1], shown[400];
	json_t *facts JSON_CLEANUP = NULL;
	*ret_json = NULL;
	if (!get_url(f, app, url, err)) return false;
	if (url[0] == '\0') return true;
	if (!owndb_elsewhere_shown(url, shown, sizeof shown, err) || !get_facts(f, app, &facts, err)) return false;
	const char *changes = json_str(facts, "changes", NULL);
	*ret_json = json_pack("{s:s, s:s, s:b, s:o, s:o}", "at", shown, "version", json_str(facts, "version", "?"),
			      "tls", json_bool(facts, "tls", false), "changes",
			      changes != NULL ? json_string(changes) : json_null(), "missing", missing_json(facts));
	return true;
}

bool elsewhere_offer(const struct flow *f, const char *app, const char *url, struct err *err)
{
	return owndb_elsewhere_url_check(url, err) && set(f, app, "wanted", url, err);
}

/* Made once; on one server there may be several apps' databases, whose roles are the server's. */
static bool keep_login(const struct flow *f, const char *app, struct err *err)
{
	char random[PASSWORD_RANDOM + 1], login[64];
	struct buf kept BUF_CLEANUP;
	buf_init(&kept, 256);
	seal_random_text(random, LOGIN_RANDOM);
	for (char *c = random; *c != '\0'; c++) *c = (char)tolower((unsigned char)*c);
	(void)snprintf(login, sizeof login, "fh_%.40s_%s", app, random);
	if (!app_secret_keep(f->db, f->seal, app, KIND, "login", str_from(login), &kept, err)) return false;
	buf_clear(&kept);
	seal_random_text(random, PASSWORD_RANDOM);
	return app_secret_keep(f->db, f->seal, app, KIND, "password", str_from(random), &kept, err);
}

static bool may_take(const struct flow *f, const struct app *app, const struct owndb_elsewhere_facts *facts,
		     struct err *err)
{
	char version[FILE_PATH_SIZE];
	if (!layout_app(&f->layout, app->name, "postgres/data/PG_VERSION", version, err)) return false;
	if (file_exists(version))
		return err_set(err, ERR_CONFLICT,
			       "%s has a database of its own here, with its rows; give the address to an app that was "
			       "never deployed: freehold deploy PATH --app NAME --database ADDRESS",
			       app->name);
	if (facts == NULL || strcmp(app->state, "new") == 0 || facts->is_prepared) return true;
	return err_set(
	    err, ERR_CONFLICT,
	    "%s is live, and that is another database than the one it has: nothing of Freehold's is in it. Move "
	    "the rows there first (pg_dump, pg_restore), or deploy under another name",
	    app->name);
}

/* The backend goes on with the new address. */
static bool go_on(const struct flow *f, const char *app, struct err *err)
{
	struct parts p;
	return parts_open(f, app, &p, err) && database_settle(f, &p, &p.owndb, err) &&
	       daemon_stop_part(f, app, "backend", err) && daemon_start_part(f, app, "backend", err);
}

static bool take(const struct flow *f, const char *app, const char *url, struct err *err)
{
	struct owndb_elsewhere_facts facts;
	struct app is;
	if (!app_get(f->db, app, &is, err) || !may_take(f, &is, NULL, err) ||
	    !owndb_elsewhere_check(url, &facts, err) || !may_take(f, &is, &facts, err))
		return false;
	json_t *kept JSON_CLEANUP =
	    json_pack("{s:s, s:i, s:b, s:b, s:I}", "version", facts.version, "major", facts.major, "tls", facts.has_tls,
		      "superuser", facts.is_superuser, "tables", (json_int_t)facts.tables);
	return keep_login(f, app, err) && set_facts(f, app, kept, err) && set(f, app, "url", url, err) &&
	       (strcmp(is.state, "running") != 0 || go_on(f, app, err));
}

bool elsewhere_take(const struct flow *f, const char *app, json_t **ret_json, struct err *err)
{
	char url[ELSEWHERE_URL_MAX + 1];
	struct err ignored;
	if (!get(f, app, "wanted", url, sizeof url, err)) return false;
	bool ok = take(f, app, url, err);
	(void)app_secret_unset(f->db, app, KIND, "wanted", &ignored);
	return ok && elsewhere_json(f, app, ret_json, err);
}

bool elsewhere_refuse(const struct flow *f, const char *app, const char *what, const char *instead, struct err *err)
{
	bool is = false;
	struct buf next BUF_CLEANUP;
	buf_init(&next, sizeof err->msg);
	if (!elsewhere_is(f, app, &is, err)) return false;
	if (!is) return true;
	for (const char *at = instead; *at != '\0';) {
		bool is_app = strncmp(at, "APP", 3) == 0;
		if (is_app)
			buf_puts(&next, app);
		else
			buf_putc(&next, *at);
		at += is_app ? 3 : 1;
	}
	return err_set(err, ERR_REFUSED, "%s: the database of %s is elsewhere and not Freehold's to keep; %s", what,
		       app, buf_cstr(&next));
}

bool elsewhere_note_changes(const struct flow *f, const char *app, const char *why, struct err *err)
{
	json_t *facts JSON_CLEANUP = NULL;
	if (!get_facts(f, app, &facts, err)) return false;
	if (why[0] != '\0')
		json_object_set_new(facts, "changes", json_string(why));
	else
		json_object_del(facts, "changes");
	return set_facts(f, app, facts, err);
}

bool elsewhere_put_backend(const struct elsewhere *e, json_t *config, struct err *err)
{
	static const struct {
		const char *member, *role, *settings;
		enum elsewhere_door door;
	} doors[] = {
	    {"rest_database", "authenticator",
	     "-c search_path=public,extensions -c statement_timeout=8s -c lock_timeout=8s", ELSEWHERE_AS_BACKEND},
	    {"auth_database", "supabase_auth_admin", "-c search_path=auth -c idle_in_transaction_session_timeout=60s",
	     ELSEWHERE_AS_BACKEND},
	    {"jobs_database", "freehold_jobs", "-c search_path=public,extensions", ELSEWHERE_AS_BACKEND},
	    {"realtime_database", NULL, "", ELSEWHERE_AS_READER},
	};
	const struct owndb_elsewhere db = {.url = e->url, .login = e->login, .password = e->password};
	char conninfo[ELSEWHERE_CONNINFO_SIZE];
	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
		if (doors[i].door == ELSEWHERE_AS_READER && !e->has_changes) continue;
		if (!owndb_elsewhere_conninfo(&db, doors[i].door, doors[i].role, doors[i].settings, conninfo, err))
			return false;
		json_object_set_new(config, doors[i].member, json_string(conninfo));
	}
	return true;
}

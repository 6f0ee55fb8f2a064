/* SPDX-License-Identifier: Apache-2.0 */
#include "app/elsewhere.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/database.h"
#include "app/elsewhere_authority.h"
#include "codec/json.h"
#include "owndb/authority.h"

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
	if (e.is && json_bool(facts, "authority", false) && !elsewhere_authority_path(f, app, e.authority, err))
		return false;
	(void)snprintf(e.sslmode, sizeof e.sslmode, "%s", json_str(facts, "sslmode", ""));
	e.connections = (int)json_int(facts, "connections", 0);
	e.major = (int)json_int(facts, "major", 0);
	e.has_changes = facts != NULL && json_str(facts, "changes", NULL) == NULL;
	*ret_elsewhere = e;
	return true;
}

struct owndb_elsewhere elsewhere_address(const struct elsewhere *e)
{
	return (struct owndb_elsewhere){.url = e->url,
					.login = e->login,
					.password = e->password,
					.sslmode = e->sslmode,
					.authority = e->authority};
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
	if (json_bool(facts, "tls", false) && json_str(facts, "proof", NULL) == NULL)
		json_array_append_new(
		    list,
		    json_string("no proof that the server is the one you mean (sslmode=require): give its authority, "
				"freehold db APP external --database-ca FILE"));
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
	const char *proof = json_str(facts, "proof", NULL);
	*ret_json = json_pack("{s:s, s:s, s:b, s:s, s:o, s:b, s:o, s:o}", "at", shown, "version",
			      json_str(facts, "version", "?"), "tls", json_bool(facts, "tls", false), "sslmode",
			      json_str(facts, "sslmode", ""), "proof", proof != NULL ? json_string(proof) : json_null(),
			      "authority", json_bool(facts, "authority", false), "changes",
			      changes != NULL ? json_string(changes) : json_null(), "missing", missing_json(facts));
	return true;
}

static bool offer_authority(const struct flow *f, const char *app, const char *given, bool *ret_has, struct err *err)
{
	struct buf pem BUF_CLEANUP;
	buf_init(&pem, OWNDB_AUTHORITY_MAX_BYTES);
	if (given == NULL && !elsewhere_authority_get(f, app, AUTHORITY_KEPT, &pem, err)) return false;
	if (given != NULL && given[0] != '\0' && !owndb_authority_read(str_from(given), &pem, err))
		return err_wrap(err, "the authority of the database");
	*ret_has = pem.len > 0;
	return elsewhere_authority_keep(f, app, AUTHORITY_OFFERED, buf_view(&pem), err);
}

bool elsewhere_offer(const struct flow *f, const char *app, const char *url, const char *authority, struct err *err)
{
	char kept[ELSEWHERE_URL_MAX + 1], mode[ELSEWHERE_SSLMODE_SIZE];
	bool has_authority = false;
	if (url == NULL && !get_url(f, app, kept, err)) return false;
	if (url == NULL && kept[0] == '\0')
		return err_set(err, ERR_INVALID,
			       "%s has no database elsewhere yet; give its address: freehold db %s external ADDRESS",
			       app, app);
	if (url == NULL) url = kept;
	return owndb_elsewhere_url_check(url, err) && offer_authority(f, app, authority, &has_authority, err) &&
	       owndb_elsewhere_sslmode(url, has_authority, mode, err) && set(f, app, "wanted", url, err);
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

static json_t *facts_json(const struct owndb_elsewhere *e, const struct owndb_elsewhere_facts *facts)
{
	static const char *const proofs[] = {NULL, "certificate", "channel_binding"};
	const char *proof = facts->has_tls ? proofs[owndb_elsewhere_proof(e)] : NULL;
	json_t *kept =
	    json_pack("{s:s, s:i, s:b, s:b, s:I, s:s, s:b, s:i}", "version", facts->version, "major", facts->major,
		      "tls", facts->has_tls, "superuser", facts->is_superuser, "tables", (json_int_t)facts->tables,
		      "sslmode", e->sslmode, "authority", e->authority != NULL, "connections", facts->connections);
	if (proof != NULL) json_object_set_new(kept, "proof", json_string(proof));
	return kept;
}

static bool take(const struct flow *f, const char *app, const struct owndb_elsewhere *e, struct str authority,
		 struct err *err)
{
	struct owndb_elsewhere_facts facts;
	struct app is;
	if (!app_get(f->db, app, &is, err) || !may_take(f, &is, NULL, err) || !owndb_elsewhere_check(e, &facts, err) ||
	    !may_take(f, &is, &facts, err))
		return false;
	json_t *kept JSON_CLEANUP = facts_json(e, &facts);
	return keep_login(f, app, err) && elsewhere_authority_keep(f, app, AUTHORITY_KEPT, authority, err) &&
	       set_facts(f, app, kept, err) && set(f, app, "url", e->url, err) &&
	       elsewhere_authority_write(f, app, err) && (strcmp(is.state, "running") != 0 || go_on(f, app, err));
}

/* libpq reads an authority from a file only, and the app may have no folder yet. */
static bool take_with_authority(const struct flow *f, const char *app, struct owndb_elsewhere *e, struct str authority,
				struct err *err)
{
	char path[] = "/tmp/freehold-authority-XXXXXX";
	int fd = mkstemp(path);
	if (fd < 0) return err_set_errno(err, "%s", path);
	bool ok = write(fd, authority.ptr, authority.len) == (ssize_t)authority.len || err_set_errno(err, "%s", path);
	(void)close(fd);
	e->authority = path;
	ok = ok && take(f, app, e, authority, err);
	(void)unlink(path);
	return ok;
}

static bool take_offered(const struct flow *f, const char *app, struct err *err)
{
	char url[ELSEWHERE_URL_MAX + 1], mode[ELSEWHERE_SSLMODE_SIZE];
	struct buf pem BUF_CLEANUP;
	struct owndb_elsewhere e = {.url = url, .sslmode = mode};
	buf_init(&pem, OWNDB_AUTHORITY_MAX_BYTES);
	if (!get(f, app, "wanted", url, sizeof url, err) ||
	    !elsewhere_authority_get(f, app, AUTHORITY_OFFERED, &pem, err) ||
	    !owndb_elsewhere_sslmode(url, pem.len > 0, mode, err))
		return false;
	return pem.len > 0 ? take_with_authority(f, app, &e, buf_view(&pem), err)
			   : take(f, app, &e, buf_view(&pem), err);
}

bool elsewhere_take(const struct flow *f, const char *app, json_t **ret_json, struct err *err)
{
	struct err ignored;
	bool ok = take_offered(f, app, err);
	(void)app_secret_unset(f->db, app, KIND, "wanted", &ignored);
	(void)elsewhere_authority_keep(f, app, AUTHORITY_OFFERED, STR(""), &ignored);
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

#define POOL_MIN 2
#define POOL_MAX 8
#define SERVER_MIN 2
#define SERVER_MAX 25
#define LIVE_MAX 4 /* the backend's own for live changes */
#define LASTING 6 /* its listeners, jobs and two that run at once */
#define SPARE 3 /* deployments, psql, an administrator's tool */

void elsewhere_share(int connections, int *ret_pool_size, int *ret_server)
{
	int pool = connections <= 0 ? POOL_MAX : (connections - LASTING - SPARE) / 3;
	pool = pool < POOL_MIN ? POOL_MIN : pool > POOL_MAX ? POOL_MAX : pool;
	int backend = pool + pool / 2 + (pool < LIVE_MAX ? pool : LIVE_MAX) + LASTING;
	int server = connections <= 0 ? SERVER_MAX : connections - backend - SPARE;
	*ret_pool_size = pool;
	*ret_server = server < SERVER_MIN ? SERVER_MIN : server > SERVER_MAX ? SERVER_MAX : server;
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
	const struct owndb_elsewhere db = elsewhere_address(e);
	int pool_size = 0, server = 0;
	elsewhere_share(e->connections, &pool_size, &server);
	json_object_set_new(config, "pool_size", json_integer(pool_size));
	char conninfo[ELSEWHERE_CONNINFO_SIZE];
	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
		if (doors[i].door == ELSEWHERE_AS_READER && !e->has_changes) continue;
		if (!owndb_elsewhere_conninfo(&db, doors[i].door, doors[i].role, doors[i].settings, conninfo, err))
			return false;
		json_object_set_new(config, doors[i].member, json_string(conninfo));
	}
	return true;
}

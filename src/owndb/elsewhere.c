/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/elsewhere.h"

#include <stdio.h>
#include <string.h>

#include "os/authority.h"

#define OPTIONS_SIZE 1024
#define ENV_MAX 40

/* The keywords of an address that say something about the other end, or about what is sent there. */
static const char *const allowed[] = {"host",
				      "hostaddr",
				      "port",
				      "dbname",
				      "user",
				      "password",
				      "sslmode",
				      "ssl_min_protocol_version",
				      "channel_binding",
				      "gssencmode",
				      "connect_timeout",
				      "options",
				      "application_name",
				      "target_session_attrs",
				      "keepalives",
				      "keepalives_idle",
				      "keepalives_interval",
				      "keepalives_count",
				      NULL};

static bool is_in(const char *const *list, const char *word)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, word) == 0) return true;
	return false;
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		if (strcmp(o->keyword, keyword) == 0) return o->val != NULL ? o->val : "";
	return "";
}

static bool is_here(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

/* An address may name where it really goes beside the name that the certificate has. */
static bool is_local(const PQconninfoOption *options)
{
	const char *address = value_of(options, "hostaddr");
	return is_here(address[0] != '\0' ? address : value_of(options, "host"));
}

/* Libraries for Node and for Python have words of their own. Only a keyword is quoted: the rest may hold a password. */
static bool refuse_keyword(const char *why, struct err *err)
{
	static const char begin[] = "invalid URI query parameter: \"";
	if (why == NULL || strncmp(why, begin, sizeof begin - 1) != 0) return false;
	const char *word = why + sizeof begin - 1;
	(void)err_set(
	    err, ERR_INVALID,
	    "the address has \"%.*s\" behind its question mark, which only some libraries know; leave that out",
	    (int)strcspn(word, "\""), word);
	return true;
}

static bool parse(const char *url, PQconninfoOption **ret_options, struct err *err)
{
	char *why = NULL;
	if (strncmp(url, "postgres://", 11) != 0 && strncmp(url, "postgresql://", 13) != 0)
		return err_set(err, ERR_INVALID, "a database's address begins with postgresql://");
	if (strlen(url) > ELSEWHERE_URL_MAX)
		return err_set(err, ERR_LIMIT, "an address of more than %d bytes", ELSEWHERE_URL_MAX);
	PQconninfoOption *options = PQconninfoParse(url, &why);
	bool is_said = options == NULL && refuse_keyword(why, err);
	PQfreemem(why); /* it quotes from the address, and so from the password */
	if (is_said) return false;
	if (options == NULL)
		return err_set(
		    err, ERR_INVALID,
		    "the address is not understood; it is postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and "
		    "in a password each of @ : / ? # %% is written as %%40 %%3A %%2F %%3F %%23 %%25");
	*ret_options = options;
	return true;
}

static bool check(const PQconninfoOption *options, struct err *err)
{
	const char *host = value_of(options, "host");
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		if (o->val != NULL && !is_in(allowed, o->keyword))
			return err_set(err, ERR_INVALID, "the address may not set %.60s; leave it out", o->keyword);
	if (host[0] == '\0' || host[0] == '/' || host[0] == '@')
		return err_set(err, ERR_INVALID, "the address must name a host, such as db.example.com");
	if (value_of(options, "user")[0] == '\0' || value_of(options, "password")[0] == '\0' ||
	    value_of(options, "dbname")[0] == '\0')
		return err_set(err, ERR_INVALID,
			       "the address must name a user, its password and a database: "
			       "postgresql://USER:PASSWORD@HOST:PORT/DATABASE");
	if (strlen(value_of(options, "user")) > 63 || strlen(value_of(options, "dbname")) > 63)
		return err_set(err, ERR_INVALID, "names of users and databases have 63 bytes at most");
	return true;
}

bool owndb_elsewhere_url_check(const char *url, struct err *err)
{
	PQconninfoOption *options = NULL;
	if (!parse(url, &options, err)) return false;
	bool ok = check(options, err);
	PQconninfoFree(options);
	return ok;
}

bool owndb_elsewhere_shown(const char *url, char *ret_text, size_t size, struct err *err)
{
	PQconninfoOption *options = NULL;
	if (!parse(url, &options, err)) return false;
	const char *port = value_of(options, "port");
	(void)snprintf(ret_text, size, "%.200s:%.20s/%.63s as %.63s", value_of(options, "host"),
		       port[0] != '\0' ? port : "5432", value_of(options, "dbname"), value_of(options, "user"));
	PQconninfoFree(options);
	return true;
}

void owndb_elsewhere_host(const char *url, char ret_host[256], char ret_address[64], char ret_port[16])
{
	PQconninfoOption *options = NULL;
	struct err ignored;
	ret_host[0] = ret_address[0] = ret_port[0] = '\0';
	if (!parse(url, &options, &ignored)) return;
	(void)snprintf(ret_host, 256, "%s", value_of(options, "host"));
	(void)snprintf(ret_address, 64, "%s", value_of(options, "hostaddr"));
	(void)snprintf(ret_port, 16, "%s", value_of(options, "port"));
	PQconninfoFree(options);
}

/* Hosts end what is idle. A pool is that between requests, and one that comes just then would fail; a listener is
 * always. */
#define STAYS "-c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0"

/* The role and the settings go along as options, behind what the address has there (Neon names its endpoint so). */
static void put_options(const PQconninfoOption *options, const char *role, const char *settings,
			char ret_text[OPTIONS_SIZE])
{
	const char *given = value_of(options, "options");
	if (role != NULL && strcmp(role, OWNDB_SUPERUSER) == 0) role = NULL;
	if (role != NULL && strcmp(role, OWNDB_MIGRATOR) == 0) role = ELSEWHERE_OWNER;
	(void)snprintf(ret_text, OPTIONS_SIZE, "%.400s%s" STAYS "%s%s%s%.300s", given, given[0] != '\0' ? " " : "",
		       role != NULL ? " -c role=" : "", role != NULL ? role : "", settings[0] != '\0' ? " " : "",
		       settings);
}

struct words {
	char options[OPTIONS_SIZE], login[80];
	const char *user, *password, *sslmode, *sslrootcert;
};

static void fill_words(const struct owndb_elsewhere *e, const PQconninfoOption *options, enum elsewhere_door door,
		       const char *role, const char *settings, struct words *w)
{
	put_options(options, role, settings, w->options);
	(void)snprintf(w->login, sizeof w->login, "%.63s%s", e->login != NULL ? e->login : "",
		       door == ELSEWHERE_AS_READER ? "_changes" : "");
	bool is_owner = door == ELSEWHERE_AS_OWNER;
	w->user = is_owner ? value_of(options, "user") : w->login;
	w->password = is_owner ? value_of(options, "password") : e->password;
	bool has_authority = e->authority != NULL && e->authority[0] != '\0';
	w->sslmode = e->sslmode != NULL && e->sslmode[0] != '\0' ? e->sslmode : value_of(options, "sslmode");
	if (w->sslmode[0] == '\0') w->sslmode = is_local(options) ? "prefer" : "require";
	bool is_proved = strncmp(w->sslmode, "verify-", 7) == 0;
	w->sslrootcert = !is_proved ? "" : has_authority ? e->authority : AUTHORITY_BUNDLE;
}

bool owndb_elsewhere_sslmode(const char *url, bool has_authority, char ret_mode[ELSEWHERE_SSLMODE_SIZE],
			     struct err *err)
{
	static const char *const modes[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL};
	PQconninfoOption *options = NULL;
	if (!parse(url, &options, err)) return false;
	char given[ELSEWHERE_SSLMODE_SIZE];
	bool is_near = is_local(options);
	(void)snprintf(given, sizeof given, "%s", value_of(options, "sslmode"));
	PQconninfoFree(options);
	if (given[0] != '\0' && !is_in(modes, given))
		return err_set(err, ERR_INVALID,
			       "sslmode=%s is none of PostgreSQL's; it is verify-full, verify-ca, require or disable",
			       given);
	if (!is_near && (strcmp(given, "allow") == 0 || strcmp(given, "prefer") == 0))
		return err_set(
		    err, ERR_INVALID,
		    "sslmode=%s protects nothing: it goes without TLS as soon as somebody on the way says that "
		    "there is none. Leave it out, or say disable in a network of yours",
		    given);
	if (strcmp(given, "verify-ca") == 0 && !has_authority)
		return err_set(
		    err, ERR_INVALID,
		    "sslmode=verify-ca proves nothing with the authorities that this server trusts, since they "
		    "sign for everybody; say verify-full, or give the authority's file: --database-ca FILE");
	/* Who hands over an authority wants to know who answers. */
	bool is_weak = given[0] == '\0' || strcmp(given, "require") == 0;
	if (has_authority && is_weak) (void)snprintf(given, sizeof given, "verify-full");
	if (given[0] == '\0') (void)snprintf(given, sizeof given, is_near ? "prefer" : "verify-full");
	(void)snprintf(ret_mode, ELSEWHERE_SSLMODE_SIZE, "%s", given);
	return true;
}

enum elsewhere_proof owndb_elsewhere_proof(const struct owndb_elsewhere *e)
{
	PQconninfoOption *options = NULL;
	struct err ignored;
	struct words w;
	enum elsewhere_proof proof = ELSEWHERE_UNPROVED;
	if (!parse(e->url, &options, &ignored)) return proof;
	fill_words(e, options, ELSEWHERE_AS_OWNER, NULL, "", &w);
	if (strcmp(w.sslmode, "disable") != 0 && strcmp(value_of(options, "channel_binding"), "require") == 0)
		proof = ELSEWHERE_BY_CHANNEL_BINDING;
	if (strcmp(w.sslmode, "verify-full") == 0 || strcmp(w.sslmode, "verify-ca") == 0)
		proof = ELSEWHERE_BY_CERTIFICATE;
	PQconninfoFree(options);
	return proof;
}

/* What the words say instead of the address. */
static const char *said(const struct words *w, const char *keyword)
{
	const struct {
		const char *keyword, *value;
	} pairs[] = {{"user", w->user},       {"password", w->password}, {"sslmode", w->sslmode},
		     {"options", w->options}, {"application_name", ""},  {"sslrootcert", w->sslrootcert}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (strcmp(pairs[i].keyword, keyword) == 0) return pairs[i].value;
	return NULL;
}

bool owndb_elsewhere_conninfo(const struct owndb_elsewhere *e, enum elsewhere_door door, const char *role,
			      const char *settings, char ret_conninfo[ELSEWHERE_CONNINFO_SIZE], struct err *err)
{
	PQconninfoOption *options = NULL;
	struct words w;
	if (!parse(e->url, &options, err)) return false;
	fill_words(e, options, door, role, settings, &w);
	bool ok = true;
	ret_conninfo[0] = '\0';
	for (const PQconninfoOption *o = options; ok && o->keyword != NULL; o++) {
		const char *value = said(&w, o->keyword);
		if (value == NULL) value = o->val != NULL ? o->val : "";
		ok = value[0] == '\0' || pg_conninfo_add(ret_conninfo, ELSEWHERE_CONNINFO_SIZE, o->keyword, value, err);
	}
	ok = ok && pg_conninfo_add(ret_conninfo, ELSEWHERE_CONNINFO_SIZE, "client_encoding", "UTF8", err);
	PQconninfoFree(options);
	return ok;
}

bool owndb_elsewhere_env(const struct owndb_elsewhere *e, const char *role, struct arena *arena,
			 const char *const **ret_env, struct err *err)
{
	PQconninfoOption *options = NULL;
	struct words w;
	const char **env = arena_array(arena, ENV_MAX, sizeof *env);
	size_t n = 0;
	if (env == NULL || !parse(e->url, &options, err)) return false;
	fill_words(e, options, ELSEWHERE_AS_OWNER, role, "", &w);
	env[n++] = "PATH=/usr/bin:/bin", env[n++] = "LC_ALL=C.UTF-8", env[n++] = "TZ=UTC";
	for (const PQconninfoOption *o = options; o->keyword != NULL && n + 1 < ENV_MAX; o++) {
		const char *value = said(&w, o->keyword);
		if (value == NULL) value = o->val != NULL ? o->val : "";
		if (value[0] == '\0' || o->envvar == NULL) continue;
		env[n] = arena_printf(arena, "%s=%s", o->envvar, value);
		if (env[n] != NULL) n++;
	}
	env[n] = NULL;
	PQconninfoFree(options);
	*ret_env = env;
	return true;
}

/* Drivers of Node take prefer for no TLS at all, or refuse it; only a server on this machine has it. */
bool owndb_elsewhere_server_pieces(const struct owndb_elsewhere *e, struct arena *arena,
				   struct owndb_elsewhere_pieces *ret_pieces, struct err *err)
{
	PQconninfoOption *options = NULL;
	struct words w;
	if (!parse(e->url, &options, err)) return false;
	fill_words(e, options, ELSEWHERE_AS_OWNER, NULL, "", &w);
	const char *port = value_of(options, "port");
	*ret_pieces = (struct owndb_elsewhere_pieces){
	    .host = arena_strdup(arena, value_of(options, "host")),
	    .port = arena_strdup(arena, port[0] != '\0' ? port : "5432"),
	    .user = arena_printf(arena, "%.55s_server", e->login),
	    .database = arena_strdup(arena, value_of(options, "dbname")),
	    .sslmode = arena_strdup(arena, strcmp(w.sslmode, "prefer") == 0 ? "disable" : w.sslmode),
	    .is_local = is_local(options)};
	PQconninfoFree(options);
	bool ok = ret_pieces->host != NULL && ret_pieces->port != NULL && ret_pieces->user != NULL &&
		  ret_pieces->database != NULL && ret_pieces->sslmode != NULL;
	return ok || err_set(err, ERR_LIMIT, "no room for the database's address");
}

static void put_escaped(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		bool is_plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
				(*text >= '0' && *text <= '9') || strchr("-._~", *text) != NULL;
		if (is_plain)
			buf_putc(out, *text);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
	}
}

bool owndb_elsewhere_server_url(const struct owndb_elsewhere *e, char *ret_url, size_t size, struct err *err)
{
	struct arena *arena = arena_new(16u * 1024);
	struct owndb_elsewhere_pieces p;
	struct buf url BUF_CLEANUP;
	buf_init(&url, size - 1);
	bool ok = owndb_elsewhere_server_pieces(e, arena, &p, err);
	if (ok) {
		bool is_six = strchr(p.host, ':') != NULL;
		buf_puts(&url, "postgresql://");
		put_escaped(&url, p.user);
		buf_putc(&url, ':');
		put_escaped(&url, e->server_password);
		buf_printf(&url, "@%s%s%s:%s/", is_six ? "[" : "", p.host, is_six ? "]" : "", p.port);
		put_escaped(&url, p.database);
		buf_printf(&url, "?sslmode=%s", p.sslmode);
	}
	arena_free(arena);
	if (!ok) return false;
	if (!buf_is_ok(&url)) return err_set(err, ERR_LIMIT, "an address of more than %zu bytes", size);
	(void)snprintf(ret_url, size, "%s", buf_cstr(&url));
	return true;
}

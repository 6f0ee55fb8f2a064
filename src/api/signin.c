/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's sign-in: settings, keys, texts of mails, users. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/app_parts.h"
#include "api/app_query.h"
#include "api/routes.h"
#include "api/worker.h"
#include "app/keys.h"
#include "app/parts.h"
#include "app/signin.h"
#include "app/signing.h"
#include "auth/settings.h"
#include "codec/json.h"
#include "mail/compose.h"
#include "mail/defaults.h"

#define PREVIEW_ARENA_BYTES (4u << 20)
#define USERS_MAX 1000

static bool put_providers(const struct auth_settings *s, json_t *answer)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->provider_count; i++)
		if (s->providers[i].is_enabled) json_array_append_new(list, json_string(s->providers[i].name));
	return json_object_set_new(answer, "providers", list) == 0;
}

/* What the settings come to, in a few words for whoever looks. */
static bool put_summary(struct route_call *c, json_t *answer, struct err *err)
{
	json_t *document JSON_CLEANUP = NULL, *missing = NULL;
	struct auth_settings *s = NULL;
	if (!signin_document(&c->d->flow, c->app, &document, &missing, err) || !auth_settings_read(document, &s, err)) {
		json_decref(missing);
		return false;
	}
	json_object_set_new(answer, "missing", missing);
	json_object_set_new(answer, "site_url", json_string(s->site_url));
	json_object_set_new(answer, "callback", json_sprintf("%s/callback", s->external_url));
	json_object_set_new(answer, "sends_mail", json_boolean(auth_settings_sends_mail(s)));
	json_object_set_new(answer, "confirmations", json_boolean(s->email.enable_confirmations));
	json_object_set_new(answer, "signup", json_boolean(s->enable_signup));
	(void)put_providers(s, answer);
	auth_settings_free(s);
	return true;
}

/* answer is taken. */
static void reply_settings(struct route_call *c, bool all, json_t *answer)
{
	struct err err;
	struct app app;
	json_t *list = NULL, *keys = NULL;
	if (app_get(c->d->flow.db, c->app, &app, &err) && put_summary(c, answer, &err) &&
	    (all ? signin_list_all : signin_list)(&c->d->flow, c->app, &list, &err) &&
	    signing_list(&c->d->flow, c->app, &keys, &err)) {
		json_object_set_new(answer, "settings", list);
		json_object_set_new(answer, "keys", keys);
		reply_json(c->req, 200, answer);
		return;
	}
	json_decref(list);
	json_decref(answer);
	reply_error(c->req, &err);
}

void route_auth(struct route_call *c)
{
	const char *all = query_param(c->req, "all");
	reply_settings(c, all != NULL && strcmp(all, "1") == 0, json_object());
}

/* Sign-in can be set before the first deployment: that makes the app. */
static bool ensure_app(struct route_call *c, const json_t *set, bool *ret_is_created, struct err *err)
{
	struct app app;
	*ret_is_created = false;
	if (!worker_check_not_ending(c->d, c->app, err)) return false;
	if (app_get(c->d->flow.db, c->app, &app, err)) return true;
	if (err->code != ERR_NOT_FOUND || json_object_size(set) == 0) return false;
	*ret_is_created = true;
	return layout_app_sockets_check(&c->d->flow.layout, c->app, err) &&
	       app_create(c->d->flow.db, c->app, &app, err);
}

void route_auth_put(struct route_call *c)
{
	struct err err;
	bool is_created = false;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	json_t *set = json_object_get(body, "set"), *unset = json_object_get(body, "unset");
	bool ok = ensure_app(c, set, &is_created, &err) && signin_change(&c->d->flow, c->app, set, unset, &err);
	if (!ok && is_created) {
		struct err ignored;
		(void)app_delete(c->d->flow.db, c->app, &ignored);
	}
	ok = ok && signin_apply(&c->d->flow, c->app, &err);
	json_decref(body);
	if (ok)
		reply_settings(c, false, json_pack("{s:b}", "created", is_created));
	else
		reply_error(c->req, &err);
}

/* Keys. */

static void reply_keys(struct route_call *c)
{
	struct err err;
	struct app app;
	json_t *keys = NULL;
	if (app_get(c->d->flow.db, c->app, &app, &err) && signing_list(&c->d->flow, c->app, &keys, &err))
		reply_json(c->req, 200, json_pack("{s:o}", "keys", keys));
	else
		reply_error(c->req, &err);
}

void route_auth_keys(struct route_call *c)
{
	reply_keys(c);
}

static bool find_algorithm(const char *name, enum jwt_algorithm *ret_algorithm, struct err *err)
{
	int found = jwt_algorithm_find(name);
	if (found != JWT_ES256 && found != JWT_RS256 && found != JWT_HS256)
		return err_set(err, ERR_INVALID, "keys are ES256, RS256 or HS256, not \"%.20s\"", name);
	*ret_algorithm = (enum jwt_algorithm)found;
	return true;
}

/* The app's own keys, as against those that sign. */
static bool renew(struct route_call *c, const char *which, struct err *err)
{
	if (strcmp(which, "service") == 0) return keys_renew_service(&c->d->flow, c->app, err);
	if (strcmp(which, "public") == 0) return keys_renew_public(&c->d->flow, c->app, err);
	return err_set(err, ERR_INVALID, "say which are to be made anew: service or public, not \"%.20s\"", which);
}

static bool is_of_own_keys(const json_t *body)
{
	bool is_revoking = strcmp(json_str(body, "action", ""), "revoke") == 0;
	return is_revoking ? strcmp(json_str(body, "id", ""), "public") == 0
			   : strcmp(json_str(body, "action", ""), "renew") == 0;
}

static bool act(struct route_call *c, const json_t *body, struct err *err)
{
	const struct flow *f = &c->d->flow;
	const char *action = json_str(body, "action", "");
	enum jwt_algorithm algorithm = JWT_ES256;
	if (strcmp(action, "standby") == 0)
		return find_algorithm(json_str(body, "algorithm", "ES256"), &algorithm, err) &&
		       signing_standby(f, c->app, algorithm, err);
	if (strcmp(action, "rotate") == 0) return signing_rotate(f, c->app, err);
	if (is_of_own_keys(body) && strcmp(action, "revoke") == 0) return keys_revoke_public(f, c->app, err);
	if (strcmp(action, "revoke") == 0) return signing_revoke(f, c->app, json_str(body, "id", ""), err);
	if (strcmp(action, "import") == 0)
		return signing_import(f, c->app, json_object_get(body, "keys"), json_bool(body, "takes_over", false),
				      err);
	if (strcmp(action, "renew") == 0) return renew(c, json_str(body, "which", ""), err);
	return err_set(err, ERR_INVALID, "keys know standby, rotate, revoke, import and renew, not \"%.40s\"", action);
}

/* The app's own secret is made with the app's parts. */
static bool has_keys(struct route_call *c, struct err *err)
{
	struct app app;
	char ignored[PARTS_KEY_SIZE];
	if (!app_get(c->d->flow.db, c->app, &app, err)) return false;
	if (parts_key(&c->d->flow, c->app, "jwt_secret", ignored, err)) return true;
	return err->code == ERR_NOT_FOUND
		   ? err_set(err, ERR_CONFLICT, "%s has no keys yet; its first deployment makes them", c->app)
		   : false;
}

/* Backend and server have their keys from their start. */
static void on_restarted(void *arg, const struct err *err)
{
	struct route_call *c = arg;
	if (err != NULL)
		reply_error(c->req, err);
	else
		reply_keys(c);
	free(c);
}

static struct route_call *keys_later(const struct route_call *c)
{
	struct route_call *copy = malloc(sizeof *copy);
	if (copy == NULL) abort();
	*copy = *c;
	return copy;
}

static bool is_of_public_keys(const json_t *body)
{
	bool is_revoking = strcmp(json_str(body, "action", ""), "revoke") == 0;
	return is_of_own_keys(body) && strcmp(json_str(body, is_revoking ? "id" : "which", ""), "public") == 0;
}

static bool is_running(struct route_call *c)
{
	struct app app;
	struct err ignored;
	return app_get(c->d->flow.db, c->app, &app, &ignored) && strcmp(app.state, "running") == 0;
}

static void restart_or_reply(struct route_call *later)
{
	if (is_running(later))
		daemon_restart_app(later->d, later->app, on_restarted, later);
	else
		on_restarted(later, NULL);
}

/* The keys are new whatever came of it, and the former ones are good still, or were asked to be refused. */
static void on_bound(void *arg, bool is_ok, struct str output)
{
	struct route_call *c = arg;
	json_t *answer JSON_CLEANUP = NULL;
	struct err err, ignored;
	if (is_ok) {
		restart_or_reply(c);
		return;
	}
	bool is_read = json_parse(output, &answer, &ignored);
	(void)err_set(&err, is_read ? (enum err_code)json_int(answer, "error", ERR_FAILED) : ERR_FAILED,
		      "%s has other keys, but its pages have the former ones still (%.300s); deploy it again", c->app,
		      is_read ? json_str(answer, "message", "") : "the process that writes them died");
	on_restarted(c, &err);
}

void route_auth_keys_post(struct route_call *c)
{
	struct err err;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	bool ok = worker_check_not_ending(c->d, c->app, &err) && has_keys(c, &err) && act(c, body, &err) &&
		  signin_apply(&c->d->flow, c->app, &err);
	bool is_own = ok && is_of_own_keys(body), is_public = ok && is_of_public_keys(body);
	json_decref(body);
	struct route_call *later = is_own ? keys_later(c) : NULL;
	if (is_public && !worker_bind(c->d, c->app, on_bound, later, &err))
		on_restarted(later, &err);
	else if (is_own && !is_public)
		restart_or_reply(later);
	else if (!ok)
		reply_error(c->req, &err);
	else if (!is_own)
		reply_keys(c);
}

/* Texts of mails. */

struct texts {
	enum mail_kind kind;
	const char *subject, *content; /* the owner's; NULL: ours */
	struct auth_settings *settings;
};

static bool open_texts(struct route_call *c, struct texts *t, struct err *err)
{
	json_t *document JSON_CLEANUP = NULL;
	struct app app;
	*t = (struct texts){0};
	if (!mail_kind_find_word(str_from(c->arg[0]), &t->kind))
		return err_set(err, ERR_NOT_FOUND,
			       "there is no mail \"%.40s\": confirmation, recovery, magic_link, invite, email_change, "
			       "reauthentication, or the notifications password_changed, email_changed, phone_changed, "
			       "identity_linked, identity_unlinked, mfa_factor_enrolled, mfa_factor_unenrolled",
			       c->arg[0]);
	if (!app_get(c->d->flow.db, c->app, &app, err) || !signin_document(&c->d->flow, c->app, &document, NULL, err) ||
	    !auth_settings_read(document, &t->settings, err))
		return false;
	t->subject = t->settings->email.templates[t->kind].subject;
	t->content = t->settings->email.templates[t->kind].content;
	return true;
}

void route_auth_template(struct route_call *c)
{
	struct err err;
	struct texts t;
	struct buf html BUF_CLEANUP;
	buf_init(&html, MAIL_DEFAULT_MAX_BYTES);
	if (!open_texts(c, &t, &err)) {
		reply_error(c->req, &err);
		return;
	}
	bool is_own = t.subject != NULL || t.content != NULL;
	mail_default_html(t.kind, &html);
	json_t *answer = json_pack("{s:s, s:s, s:s, s:b, s:s}", "kind", mail_kind_word(t.kind), "subject",
				   t.subject != NULL ? t.subject : mail_default_subject(t.kind), "content",
				   t.content != NULL ? t.content : buf_cstr(&html), "own", is_own, "group",
				   t.kind >= MAIL_FIRST_NOTIFICATION ? "notification" : "template");
	json_object_set_new(answer, "enabled", json_boolean(t.settings->email.templates[t.kind].is_enabled));
	auth_settings_free(t.settings);
	reply_json(c->req, 200, answer);
}

/* As somebody would get it; subject and content of the body stand in for those that are set. */
static bool preview(const struct texts *t, const json_t *body, json_t **ret_answer, struct err *err)
{
	struct mail_texts texts = {0};
	struct mail_message m;
	const char *fault = NULL, *site = t->settings->site_url;
	char link[600];
	json_t *data JSON_CLEANUP = json_pack("{s:s}", "name", "Ada");
	(void)snprintf(link, sizeof link, "%s/verify?token=0123456789abcdef&type=%s", t->settings->external_url,
		       mail_kind_word(t->kind));
	struct mail_values values = {.confirmation_url = link,
				     .token = "123456",
				     .token_hash = "0123456789abcdef",
				     .site_url = site,
				     .email = "ada@example.com",
				     .new_email = "ada@example.org",
				     .old_email = "ada@example.net",
				     .redirect_to = site,
				     .phone = "1234567890",
				     .old_phone = "2345678901",
				     .provider = "google",
				     .factor_type = "totp",
				     .data = data};
	texts.of[t->kind] =
	    (struct mail_text){json_str(body, "subject", t->subject), json_str(body, "content", t->content)};
	if (!mail_text_check(t->kind, &texts.of[t->kind], err)) return false;
	struct arena *a = arena_new(PREVIEW_ARENA_BYTES);
	bool ok = mail_compose(&texts, t->kind, "ada@example.com", &values, a, &m, &fault, err);
	if (ok) *ret_answer = json_pack("{s:s, s:s, s:s}", "subject", m.subject, "html", m.html, "text", m.text);
	arena_free(a);
	return ok;
}

void route_auth_preview(struct route_call *c)
{
	struct err err;
	struct texts t;
	json_t *answer = NULL, *body = body_json(c->req);
	if (body == NULL) return;
	bool ok = open_texts(c, &t, &err);
	if (ok) {
		ok = preview(&t, body, &answer, &err);
		auth_settings_free(t.settings);
	}
	json_decref(body);
	if (ok)
		reply_json(c->req, 200, answer);
	else
		reply_error(c->req, &err);
}

/* Users. */

static const char users_sql[] =
    "select json_build_object('total', (select count(*) from auth.users), 'users', coalesce(json_agg(u), "
    "'[]'::json))::text "
    "from (select id, email, phone, created_at, last_sign_in_at, email_confirmed_at is not null as confirmed, "
    "banned_until > now() as banned, is_anonymous as anonymous, (select coalesce(json_agg(i.provider order by "
    "i.provider), "
    "'[]') from auth.identities i where i.user_id = users.id) as providers, (select count(*) from auth.mfa_factors m "
    "where "
    "m.user_id = users.id and m.status = 'verified') as factors from auth.users where $2::text is null or email ilike "
    "$2 "
    "order by created_at desc nulls last, id limit $1::bigint) u";

void route_auth_users(struct route_call *c)
{
	const char *limit = query_param(c->req, "limit"), *search = query_param(c->req, "search");
	int64_t n = 100;
	struct err err;
	if (limit != NULL && (!str_to_int(str_from(limit), &n) || n < 1 || n > USERS_MAX)) {
		(void)err_set(&err, ERR_INVALID, "limit is 1 to %d", USERS_MAX);
		reply_error(c->req, &err);
		return;
	}
	const char *params[] = {arena_printf(http_arena(c->req), "%lld", (long long)n),
				search != NULL ? arena_printf(http_arena(c->req), "%%%s%%", search) : NULL};
	app_query(c, users_sql, params, 2, "user", NULL);
}

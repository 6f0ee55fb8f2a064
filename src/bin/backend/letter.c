/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/letter.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "mail/compose.h"
#include "pg/batch.h"

#define SEND_PATH "/v1/messaging/email/send"

/* Refused beyond ten thousand that wait, as freehold_auth.queue_mail does. */
static const char queue_sql[] =
    "with made as (insert into freehold_auth.mails (kind, recipient, subject, html, plain, message_id) select 'app', "
    "$1, $2, "
    "$3, $4, coalesce(md5($5)::uuid, gen_random_uuid()) where ($5::text is null or not exists (select from "
    "freehold_auth.mails m where m.message_id = md5($5)::uuid and m.recipient = $1)) and (select count(*) < 10000 from "
    "(select from freehold_auth.mails w where w.state in ('waiting', 'sending') limit 10000) w) returning message_id) "
    "select coalesce((select message_id from made), md5($5)::uuid)::text, pg_notify('freehold_mail', '')";

struct letter {
	struct exchange *x;
	struct pg_batch batch;
	struct pg_call pg;
};

/* As email-js reads errors: "type" is its code. */
static void refuse(struct exchange *x, unsigned status, const char *type, const char *message)
{
	json_t *o JSON_CLEANUP = json_pack("{s:s, s:s}", "type", type, "message", message);
	char *text = json_text(o);
	const char *copy = arena_strdup(x->arena, text);
	free(text);
	exchange_field(x, "Content-Type", "application/json");
	if (status == 503) exchange_field(x, "Retry-After", "300");
	exchange_end(x, status, str_from(copy != NULL ? copy : ""), message);
}

static bool has_key(const struct exchange *x)
{
	struct str header = http_header(x->req, STR("Authorization")), word, token;
	const char *key = x->gateway->lovable_key;
	if (key == NULL || key[0] == '\0' || header.ptr == NULL || !str_cut(header, ' ', &word, &token)) return false;
	token = str_trim(token);
	return token.len == strlen(key) && sodium_memcmp(token.ptr, key, token.len) == 0;
}

static void on_queued(void *arg, struct pg_call *pg)
{
	struct letter *l = arg;
	struct exchange *x = l->x;
	struct gateway *gateway = x->gateway;
	if (pg->err.code != ERR_NONE || pg->failed >= 0) {
		refuse(x, 503, "unavailable", "the mail could not be queued; try again");
	} else if (PQgetisnull(pg->results[0], 0, 0)) {
		refuse(x, 503, "queue_full", "ten thousand mails wait to be sent");
	} else {
		exchange_field(x, "Content-Type", "application/json");
		const char *body =
		    arena_printf(x->arena, "{\"success\":true,\"status\":\"queued\",\"message_id\":\"%s\"}",
				 PQgetvalue(pg->results[0], 0, 0));
		exchange_end(x, 200, str_from(body != NULL ? body : "{\"success\":true}"), NULL);
	}
	pg_call_clear(pg);
	exchange_release(gateway);
}

static const char *text_of(struct exchange *x, const json_t *o, const char *name)
{
	const char *text = json_str(o, name, NULL);
	return text != NULL ? arena_strdup(x->arena, text) : NULL;
}

static bool add(struct letter *l, const json_t *o, const char *to, const char *key)
{
	struct exchange *x = l->x;
	const char *subject = text_of(x, o, "subject"), *html = text_of(x, o, "html"), *plain = text_of(x, o, "text"),
		   *recipient = to != NULL ? arena_strdup(x->arena, to) : NULL;
	if (recipient == NULL || !mail_address_is_sound(recipient)) return false;
	(void)PG_ADD(&l->batch, queue_sql, recipient, subject != NULL ? subject : "", html != NULL ? html : "",
		     plain != NULL ? plain : "", key);
	return true;
}

/* One recipient or a list; a name before the address is left out, as in "Ada <ada@example.com>". */
static bool add_all(struct letter *l, const json_t *o, const char *key)
{
	const json_t *to = json_object_get(o, "to");
	size_t count = json_is_array(to) ? json_array_size(to) : 1;
	if (count == 0 || count > LETTER_RECIPIENTS_MAX) return false;
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_is_array(to) ? json_array_get(to, i) : to);
		const char *open = text != NULL ? strrchr(text, '<') : NULL;
		const char *address = text;
		if (open != NULL) address = arena_strndup(l->x->arena, open + 1, strcspn(open + 1, ">"));
		if (!add(l, o, address, key)) return false;
	}
	return true;
}

static void queue(struct exchange *x, const json_t *o)
{
	struct letter *l = arena_alloc(x->arena, sizeof *l);
	struct str header = http_header(x->req, STR("Idempotency-Key"));
	const char *key = header.len > 0 ? arena_cstr(x->arena, header) : NULL;
	struct err err;
	if (l == NULL) {
		refuse(x, 413, "too_large", "the mail is too large");
		return;
	}
	l->x = x;
	if (!add_all(l, o, key)) {
		refuse(x, 400, "invalid_recipient", "\"to\" must be an address that mail can be sent to");
		return;
	}
	l->pg =
	    (struct pg_call){.statements = l->batch.statements, .count = l->batch.count, .done = on_queued, .arg = l};
	exchange_hold(x);
	if (pg_pool_run(x->gateway->auth_pool, &l->pg, &err)) return;
	refuse(x, 503, "unavailable", err.msg);
	exchange_release(x->gateway);
}

void letter_answer(struct exchange *x, struct str path)
{
	json_t *o JSON_CLEANUP = NULL;
	struct err err;
	if (!has_key(x))
		refuse(x, 401, "invalid_api_key",
		       "this is not the app's own LOVABLE_API_KEY, which Freehold gives to its code");
	else if (!str_eq(path, STR(SEND_PATH)) || !str_eq(http_method(x->req), STR("POST")))
		refuse(x, 404, "not_found", "of Lovable's mail service only sending is answered here");
	else if (!x->gateway->sends_mail)
		refuse(x, 503, "mail_not_configured",
		       "this app has no mail server yet; its owner sets one: freehold auth APP smtp");
	else if (!json_parse(http_body(x->req), &o, &err) || !json_is_object(o))
		refuse(x, 400, "invalid_json", "the body must be a JSON object");
	else
		queue(x, o);
}

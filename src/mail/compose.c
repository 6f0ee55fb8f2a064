/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/compose.h"

#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "mail/defaults.h"
#include "mail/plain.h"
#include "mail/template.h"

#define CHECK_ARENA_BYTES (2u << 20)

bool mail_address_is_sound(const char *address)
{
	size_t len = strlen(address);
	const char *at = strrchr(address, '@');
	if (len > MAIL_ADDRESS_MAX_BYTES || at == NULL || at == address || at[1] == '\0') return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)address[i];
		if (c <= ' ' || c == 0x7F || strchr("()<>,;:\\\"[]", c) != NULL) return false;
	}
	return strchr(address, '@') == at && at[1] != '.' && at[1] != '-' && str_is_utf8(str_from(address));
}

static void set(json_t *o, const char *name, const char *text)
{
	if (text != NULL) (void)json_object_set_new(o, name, json_string(text));
}

static json_t *values_json(const struct mail_values *v)
{
	json_t *o = json_object();
	set(o, "ConfirmationURL", v->confirmation_url);
	set(o, "Token", v->token);
	set(o, "TokenHash", v->token_hash);
	set(o, "SiteURL", v->site_url);
	set(o, "Email", v->email);
	set(o, "NewEmail", v->new_email);
	set(o, "OldEmail", v->old_email);
	set(o, "RedirectTo", v->redirect_to);
	set(o, "Phone", v->phone);
	set(o, "OldPhone", v->old_phone);
	set(o, "Provider", v->provider);
	set(o, "FactorType", v->factor_type);
	if (v->data != NULL) (void)json_object_set(o, "Data", (json_t *)(uintptr_t)v->data);
	return o;
}

static char *render(struct arena *a, const char *text, const json_t *values, enum mail_form form, size_t max_bytes,
		    struct err *err)
{
	const struct mail_template *t;
	BUF_CLEANUP struct buf out;
	buf_init(&out, max_bytes);
	if (!mail_template_parse(str_from(text), a, &t, err)) return NULL;
	if (!mail_template_render(t, values, form, &out, err)) return NULL;
	char *copy = arena_cstr(a, buf_view(&out));
	if (copy == NULL) (void)err_set(err, ERR_LIMIT, "the mail needs more memory than is set aside for it");
	return copy;
}

/* One line, whatever the template and the values hold. */
static void flatten(char *subject)
{
	for (char *c = subject; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7F) *c = ' ';
}

static bool fill(struct arena *a, const struct mail_text *text, const json_t *values, struct mail_message *m,
		 struct err *err)
{
	BUF_CLEANUP struct buf plain;
	buf_init(&plain, MAIL_HTML_MAX_BYTES * 2);
	char *subject = render(a, text->subject, values, MAIL_PLAIN, MAIL_SUBJECT_MAX_BYTES, err);
	if (subject == NULL) return err_wrap(err, "subject");
	flatten(subject);
	m->subject = subject;
	m->html = render(a, text->html, values, MAIL_HTML, MAIL_HTML_MAX_BYTES, err);
	if (m->html == NULL) return err_wrap(err, "body");
	mail_plain_from_html(str_from(m->html), &plain);
	m->text = arena_cstr(a, buf_view(&plain));
	return m->text != NULL || err_set(err, ERR_LIMIT, "the mail needs more memory than is set aside for it");
}

static bool fill_default(struct arena *a, enum mail_kind kind, const json_t *values, struct mail_message *m,
			 struct err *err)
{
	BUF_CLEANUP struct buf html;
	buf_init(&html, MAIL_DEFAULT_MAX_BYTES);
	mail_default_html(kind, &html);
	char *copy = arena_cstr(a, buf_view(&html));
	if (copy == NULL) return err_set(err, ERR_LIMIT, "the mail needs more memory than is set aside for it");
	return fill(a, &(struct mail_text){mail_default_subject(kind), copy}, values, m, err);
}

static bool fill_own(struct arena *a, enum mail_kind kind, const struct mail_text *own, const json_t *values,
		     struct mail_message *m, struct err *err)
{
	struct mail_text text = *own;
	BUF_CLEANUP struct buf html;
	buf_init(&html, MAIL_DEFAULT_MAX_BYTES);
	if (text.subject == NULL) text.subject = mail_default_subject(kind);
	if (text.html == NULL) mail_default_html(kind, &html), text.html = arena_cstr(a, buf_view(&html));
	if (text.html == NULL) return err_set(err, ERR_LIMIT, "the mail needs more memory than is set aside for it");
	return fill(a, &text, values, m, err);
}

bool mail_compose(const struct mail_texts *texts, enum mail_kind kind, const char *to, const struct mail_values *values,
		  struct arena *a, struct mail_message *ret_message, const char **ret_fault, struct err *err)
{
	struct mail_message m = {.kind = kind};
	const struct mail_text *own = texts != NULL ? &texts->of[kind] : NULL;
	const char *fault = NULL;
	if (to == NULL || !mail_address_is_sound(to))
		return err_set(err, ERR_INVALID, "no mail can be sent to this address");
	m.to = arena_strdup(a, to);
	m.link = values->confirmation_url != NULL ? arena_strdup(a, values->confirmation_url) : NULL;
	m.token = values->token != NULL ? arena_strdup(a, values->token) : NULL;
	json_t *o JSON_CLEANUP = values_json(values);
	bool is_filled = false;
	if (own != NULL && (own->subject != NULL || own->html != NULL)) {
		is_filled = fill_own(a, kind, own, o, &m, err);
		if (!is_filled)
			fault = arena_printf(a, "template %s: %s; the default was sent instead", mail_kind_name(kind),
					     err->msg);
	}
	if (!is_filled && !fill_default(a, kind, o, &m, err)) return false;
	if (m.to == NULL) return err_set(err, ERR_LIMIT, "the mail needs more memory than is set aside for it");
	*ret_message = m;
	*ret_fault = fault;
	return true;
}

bool mail_text_check(enum mail_kind kind, const struct mail_text *text, struct err *err)
{
	struct arena *a = arena_new(CHECK_ARENA_BYTES);
	struct mail_message m = {0};
	json_t *data JSON_CLEANUP = json_pack("{s:s}", "name", "Ada");
	struct mail_values values = {.confirmation_url = "https://app.example/auth/v1/verify?token=t&type=signup",
				     .token = "123456",
				     .token_hash = "0123456789abcdef",
				     .site_url = "https://app.example",
				     .email = "ada@app.example",
				     .new_email = "ada@new.example",
				     .old_email = "ada@old.example",
				     .redirect_to = "https://app.example/welcome",
				     .provider = "google",
				     .factor_type = "totp",
				     .data = data};
	json_t *o JSON_CLEANUP = values_json(&values);
	bool ok = fill_own(a, kind, text, o, &m, err);
	arena_free(a);
	return ok;
}

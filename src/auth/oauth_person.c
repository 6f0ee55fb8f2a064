/* SPDX-License-Identifier: Apache-2.0
 *
 * What a provider says of a person becomes identity_data with upstream's names, and addresses of which one knows
 * whether they were verified. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/body.h"
#include "auth/oauth.h"
#include "codec/json.h"

/* All of it becomes part of every token of the person's, and a token that is too long is read by nobody: what goes
 * beyond is left out. A picture may be a data: address of its own size, a list of groups have hundreds. */
#define CUSTOM_CLAIMS_MAX_BYTES 4096
#define TEXT_MAX_BYTES 1024 /* of one */
#define TEXTS_MAX_BYTES 8192
#define SUBJECT_MAX_BYTES 255 /* OpenID Connect Core, 2 */

static void free_json(void *arg)
{
	json_decref(arg);
}

static void begin(struct oauth_person *p, struct arena *a)
{
	*p = (struct oauth_person){.email = "", .verified = json_array(), .data = json_object()};
	arena_defer(a, free_json, p->verified);
	arena_defer(a, free_json, p->data);
}

static void set(struct oauth_person *p, const char *name, const char *text)
{
	size_t bytes = text != NULL ? strlen(text) : 0;
	if (bytes == 0 || bytes > TEXT_MAX_BYTES || p->taken_bytes + bytes > TEXTS_MAX_BYTES) return;
	p->taken_bytes += bytes;
	(void)json_object_set_new(p->data, name, json_string(text));
}

static const char *lower(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text);
	for (char *c = copy; c != NULL && *c != '\0'; c++) *c = (char)tolower((unsigned char)*c);
	return copy != NULL ? copy : "";
}

static void add_email(struct oauth_person *p, struct arena *a, const char *email, bool is_verified, bool is_primary)
{
	if (email == NULL || email[0] == '\0' || strlen(email) > AUTH_EMAIL_MAX_BYTES ||
	    json_array_size(p->verified) >= OAUTH_EMAILS_MAX)
		return;
	email = lower(a, email);
	if (is_verified) (void)json_array_append_new(p->verified, json_string(email));
	if (!is_primary && p->email[0] != '\0') return;
	p->email = email;
	p->is_email_verified = is_verified;
}

static bool end(struct oauth_person *p, struct oauth_person *ret_person, struct err *err)
{
	if (p->subject == NULL || p->subject[0] == '\0')
		return err_set(err, ERR_INVALID, "the provider names no subject (sub)");
	if (strlen(p->subject) > SUBJECT_MAX_BYTES)
		return err_set(err, ERR_INVALID, "the provider names a subject (sub) of more than %d bytes",
			       SUBJECT_MAX_BYTES);
	(void)json_object_set_new(p->data, "sub", json_string(p->subject));
	(void)json_object_set_new(p->data, "provider_id", json_string(p->subject));
	if (p->email[0] != '\0') (void)json_object_set_new(p->data, "email", json_string(p->email));
	(void)json_object_set_new(p->data, "email_verified", json_boolean(p->is_email_verified));
	(void)json_object_set_new(p->data, "phone_verified", json_false());
	*ret_person = *p;
	return true;
}

/* Booleans that some write as texts. */
static bool is_true(const json_t *value)
{
	const char *text = json_string_value(value);
	return json_is_true(value) || (text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0));
}

static bool is_verified(enum oauth_kind kind, const json_t *claims)
{
	const json_t *edov = json_object_get(claims, "xms_edov");
	switch (kind) {
	case OAUTH_APPLE: return true;
	case OAUTH_FACEBOOK: return true;
	case OAUTH_AZURE: return edov == NULL || is_true(edov);
	case OAUTH_GOOGLE:
		return is_true(json_object_get(claims, "email_verified")) ||
		       is_true(json_object_get(claims, "verified_email"));
	default: return is_true(json_object_get(claims, "email_verified"));
	}
}

static void copy_profile(struct oauth_person *p, const json_t *claims)
{
	static const char *const names[] = {
	    "iss",     "name",    "family_name", "given_name",         "middle_name", "nickname", "profile",
	    "picture", "website", "gender",      "preferred_username", "birthdate",   "zoneinfo", "locale"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) set(p, names[i], json_str(claims, names[i], NULL));
}

/* Names that templates of builders' apps read. */
static void set_old_names(struct oauth_person *p)
{
	set(p, "full_name", json_str(p->data, "name", NULL));
	set(p, "avatar_url", json_str(p->data, "picture", NULL));
}

/* What upstream keeps beside the profile. Of Azure's claims these are the ones that are not kept. */
static bool is_custom(enum oauth_kind kind, const char *name)
{
	static const char *const google[] = {"hd", NULL},
				 *const apple[] = {"is_private_email", "auth_time", "transfer_sub", NULL},
				 *const azure[] = {"aud",   "iss",    "iat",     "nbf",
						   "exp",   "c_hash", "at_hash", "aio",
						   "nonce", "rh",     "uti",     "jti",
						   "ver",   "sub",    "name",    "preferred_username",
						   NULL},
				 *const none[] = {NULL};
	const char *const *names = kind == OAUTH_GOOGLE  ? google
				   : kind == OAUTH_APPLE ? apple
				   : kind == OAUTH_AZURE ? azure
							 : none;
	while (*names != NULL && strcmp(*names, name) != 0) names++;
	return (*names != NULL) != (kind == OAUTH_AZURE);
}

static bool has_room(const json_t *value, size_t *taken_bytes)
{
	size_t bytes = json_dumpb(value, NULL, 0, JSON_ENCODE_ANY);
	if (*taken_bytes + bytes > CUSTOM_CLAIMS_MAX_BYTES) return false;
	*taken_bytes += bytes;
	return true;
}

static void set_custom(struct oauth_person *p, enum oauth_kind kind, const json_t *claims)
{
	json_t *custom JSON_CLEANUP = json_object(), *value;
	const char *name;
	size_t taken_bytes = 0;
	json_object_foreach((json_t *)(uintptr_t)claims, name, value)
	{
		if (!is_custom(kind, name) || !has_room(value, &taken_bytes)) continue;
		bool is_flag = strcmp(name, "is_private_email") == 0; /* Apple's, as a text or not */
		(void)json_object_set_new(custom, name, is_flag ? json_boolean(is_true(value)) : json_incref(value));
	}
	if (json_object_size(custom) > 0) (void)json_object_set(p->data, "custom_claims", custom);
}

/* A tenant of Microsoft's own, by its issuer: https://login.microsoftonline.com/TENANT/v2.0. Others that an owner may
 * have (CIAM, version 1) are an issuer like any, whose word on an address counts when it gives it. */
static enum oauth_kind kind_of(enum oauth_kind kind, const json_t *claims)
{
	static const char start[] = "https://login.microsoftonline.com/";
	struct str issuer = str_from(json_str(claims, "iss", "")), tenant, rest;
	if (kind != OAUTH_AZURE) return kind;
	if (!str_has_prefix(issuer, str_from(start)) ||
	    !str_cut(str_sub(issuer, sizeof start - 1, issuer.len), '/', &tenant, &rest) || tenant.len == 0)
		return OAUTH_OIDC;
	return str_eq(rest, STR("v2.0")) || str_eq(rest, STR("v2.0/")) ? OAUTH_AZURE : OAUTH_OIDC;
}

bool oauth_person_from_claims(enum oauth_kind kind, const json_t *claims, struct arena *a,
			      struct oauth_person *ret_person, struct err *err)
{
	struct oauth_person p;
	kind = kind_of(kind, claims);
	begin(&p, a);
	copy_profile(&p, claims);
	set_old_names(&p);
	set_custom(&p, kind, claims);
	p.subject = arena_strdup(a, json_str(claims, "sub", ""));
	add_email(&p, a, json_str(claims, "email", NULL), is_verified(kind, claims), true);
	return end(&p, ret_person, err);
}

static const char *number_or_text(struct arena *a, const json_t *value)
{
	if (json_is_integer(value)) return arena_printf(a, "%lld", (long long)json_integer_value(value));
	return json_is_string(value) ? arena_strdup(a, json_string_value(value)) : NULL;
}

static void read_github(struct oauth_person *p, const json_t *user, const json_t *emails, struct arena *a)
{
	size_t i;
	json_t *e;
	set(p, "name", json_str(user, "name", NULL));
	set(p, "preferred_username", json_str(user, "login", NULL));
	set(p, "user_name", json_str(user, "login", NULL));
	set(p, "avatar_url", json_str(user, "avatar_url", NULL));
	set(p, "full_name", json_str(user, "name", NULL));
	json_array_foreach(emails, i, e) add_email(p, a, json_str(e, "email", NULL), json_bool(e, "verified", false),
						   json_bool(e, "primary", false));
}

static const char *discord_avatar(struct arena *a, const json_t *user, const char *id)
{
	const char *avatar = json_str(user, "avatar", NULL);
	int discriminator = atoi(json_str(user, "discriminator", "0"));
	if (avatar == NULL || avatar[0] == '\0')
		return arena_printf(a, "https://cdn.discordapp.com/embed/avatars/%d.png", discriminator % 5);
	return arena_printf(a, "https://cdn.discordapp.com/avatars/%s/%s.%s", id, avatar,
			    strncmp(avatar, "a_", 2) == 0 ? "gif" : "png");
}

static void read_discord(struct oauth_person *p, const json_t *user, struct arena *a)
{
	const char *name = json_str(user, "username", "");
	const char *avatar = discord_avatar(a, user, p->subject != NULL ? p->subject : "");
	set(p, "name", arena_printf(a, "%s#%s", name, json_str(user, "discriminator", "0")));
	set(p, "full_name", name);
	set(p, "picture", avatar);
	set(p, "avatar_url", avatar);
	const char *global = json_str(user, "global_name", "");
	if (strlen(global) > TEXT_MAX_BYTES) global = "";
	(void)json_object_set_new(p->data, "custom_claims", json_pack("{s:s}", "global_name", global));
	add_email(p, a, json_str(user, "email", NULL), json_bool(user, "verified", false), true);
}

/* Facebook gives addresses that it has verified, and no others. */
static void read_facebook(struct oauth_person *p, const json_t *user, struct arena *a)
{
	const json_t *picture = json_object_get(json_object_get(user, "picture"), "data");
	const char *first = json_str(user, "first_name", ""), *last = json_str(user, "last_name", "");
	const char *name = arena_printf(a, "%s%s%s", first, first[0] != '\0' && last[0] != '\0' ? " " : "", last);
	set(p, "name", name);
	set(p, "full_name", name);
	set(p, "nickname", json_str(user, "name", NULL));
	set(p, "slug", json_str(user, "name", NULL));
	set(p, "picture", json_str(picture, "url", NULL));
	set(p, "avatar_url", json_str(picture, "url", NULL));
	add_email(p, a, json_str(user, "email", NULL), true, true);
}

bool oauth_person_from_api(const struct oauth_provider *provider, const json_t *user, const json_t *emails,
			   struct arena *a, struct oauth_person *ret_person, struct err *err)
{
	struct oauth_person p;
	begin(&p, a);
	set(&p, "iss", provider->api_url);
	p.subject = number_or_text(a, json_object_get(user, "id"));
	if (provider->kind == OAUTH_GITHUB)
		read_github(&p, user, emails, a);
	else if (provider->kind == OAUTH_DISCORD)
		read_discord(&p, user, a);
	else
		read_facebook(&p, user, a);
	return end(&p, ret_person, err);
}

void oauth_person_name(struct oauth_person *person, struct str apple_user)
{
	json_t *user JSON_CLEANUP = NULL;
	struct err ignored;
	char name[300];
	if (!json_parse(apple_user, &user, &ignored)) return;
	const json_t *parts = json_object_get(user, "name");
	const char *first = json_str(parts, "firstName", ""), *last = json_str(parts, "lastName", "");
	(void)snprintf(name, sizeof name, "%.140s%s%.140s", first, first[0] != '\0' && last[0] != '\0' ? " " : "",
		       last);
	if (!str_is_utf8(str_from(name))) return;
	set(person, "name", name);
	set(person, "full_name", name);
}

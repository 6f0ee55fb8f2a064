/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/user.h"

#include <stdio.h>
#include <time.h>

#include "auth/user_columns.h"
#include "codec/json.h"

#define USER_MAX_BYTES (4u << 20)

struct reader {
	const PGresult *rows;
	int row, column;
};

static const char *next_text(struct reader *r)
{
	return PQgetvalue(r->rows, r->row, r->column++);
}

static bool next_bool(struct reader *r)
{
	return next_text(r)[0] == 't';
}

/* "1764551577.222123", as PostgreSQL writes a numeric. */
static int64_t next_time(struct reader *r)
{
	const char *text = next_text(r);
	int64_t us = 0, unit = 100000;
	bool is_negative = *text == '-';
	if (*text == '\0') return AUTH_NEVER;
	if (is_negative) text++;
	if (*text == 'I') return AUTH_INFINITE;
	for (; *text >= '0' && *text <= '9'; text++) us = us * 10 + (*text - '0');
	us *= 1000000;
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10) us += unit * (*text - '0');
	return is_negative ? -us : us;
}

static const char *next_object(struct reader *r)
{
	const char *text = next_text(r);
	return text[0] != '\0' ? text : "{}";
}

static void read_texts(struct reader *r, struct auth_user *u)
{
	const char **texts[] = {&u->email,
				&u->phone,
				&u->role,
				&u->aud,
				&u->password,
				&u->email_change,
				&u->phone_change,
				&u->email_change_current,
				&u->confirmation.token,
				&u->recovery.token,
				&u->reauthentication.token,
				&u->email_change_new.token,
				&u->phone_change_pending.token};
	u->id = next_text(r);
	u->app_metadata = next_object(r);
	u->user_metadata = next_object(r);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = next_text(r);
}

/* A clock that was set back makes nobody wait. */
static int64_t age_ms(int64_t now_us, int64_t then_us)
{
	if (then_us == AUTH_NEVER) return -1;
	return then_us < now_us ? (now_us - then_us) / 1000 : 0;
}

static void read_times(struct reader *r, struct auth_user *u)
{
	for (size_t i = 0; i < AUTH_USER_TIMES; i++) u->times[i] = next_time(r);
	int64_t now_us = next_time(r);
	u->is_email_confirmed = u->times[USER_EMAIL_CONFIRMED] != AUTH_NEVER;
	u->is_phone_confirmed = u->times[USER_PHONE_CONFIRMED] != AUTH_NEVER;
	u->is_invited = u->times[USER_INVITED] != AUTH_NEVER;
	u->confirmation.age_ms = age_ms(now_us, u->times[USER_CONFIRMATION_SENT]);
	u->recovery.age_ms = age_ms(now_us, u->times[USER_RECOVERY_SENT]);
	u->reauthentication.age_ms = age_ms(now_us, u->times[USER_REAUTHENTICATION_SENT]);
	u->email_change_new.age_ms = age_ms(now_us, u->times[USER_EMAIL_CHANGE_SENT]);
	u->phone_change_pending.age_ms = age_ms(now_us, u->times[USER_PHONE_CHANGE_SENT]);
}

void auth_user_read(const PGresult *rows, int row, struct auth_user *ret_user)
{
	struct reader r = {rows, row, 0};
	struct auth_user *u = ret_user;
	*u = (struct auth_user){.has_row = true};
	read_texts(&r, u);
	u->is_anonymous = next_bool(&r);
	u->is_banned = next_bool(&r);
	const char *half = next_text(&r);
	u->is_change_half_confirmed = half[0] != '\0' && half[0] != '0';
	read_times(&r, u);
	const char *factors = next_text(&r);
	u->has_factor = factors[0] == 't';
	u->factors = factors[0] != '\0' ? factors + 1 : factors;
	u->identities = next_text(&r);
}

bool auth_user_is_shown(const struct auth_user *user)
{
	return user->has_row || user->fields != NULL;
}

static void put_text(struct buf *b, const char *before, const char *text)
{
	buf_puts(b, before);
	json_put_string(b, str_from(text));
}

/* Always with microseconds. What is null or infinite is left out. */
static void put_time(struct buf *b, const char *before, int64_t us)
{
	struct tm t;
	char text[64];
	time_t seconds = (time_t)(us / 1000000 - (us % 1000000 < 0));
	if (us == AUTH_NEVER || us == AUTH_INFINITE || gmtime_r(&seconds, &t) == NULL) return;
	size_t len = strftime(text, sizeof text - 16, "\"%Y-%m-%dT%H:%M:%S", &t);
	(void)snprintf(text + len, sizeof text - len, ".%06dZ\"", (int)(us - (int64_t)seconds * 1000000));
	buf_puts(b, before);
	buf_puts(b, text);
}

static void put_if(struct buf *b, const char *before, const char *text)
{
	if (text[0] != '\0') put_text(b, before, text);
}

/* In the order of upstream's struct. */
static void put_row(struct buf *b, const struct auth_user *u)
{
	const int64_t *times = u->times;
	put_text(b, "{\"id\":", u->id);
	put_text(b, ",\"aud\":", u->aud);
	put_text(b, ",\"role\":", u->role);
	put_text(b, ",\"email\":", u->email);
	put_time(b, ",\"email_confirmed_at\":", times[USER_EMAIL_CONFIRMED]);
	put_time(b, ",\"invited_at\":", times[USER_INVITED]);
	put_text(b, ",\"phone\":", u->phone);
	put_time(b, ",\"phone_confirmed_at\":", times[USER_PHONE_CONFIRMED]);
	put_time(b, ",\"confirmation_sent_at\":", times[USER_CONFIRMATION_SENT]);
	put_time(b, ",\"confirmed_at\":", times[USER_CONFIRMED]);
	put_time(b, ",\"recovery_sent_at\":", times[USER_RECOVERY_SENT]);
	put_if(b, ",\"new_email\":", u->email_change);
	put_time(b, ",\"email_change_sent_at\":", times[USER_EMAIL_CHANGE_SENT]);
	put_if(b, ",\"new_phone\":", u->phone_change);
	put_time(b, ",\"phone_change_sent_at\":", times[USER_PHONE_CHANGE_SENT]);
	put_time(b, ",\"reauthentication_sent_at\":", times[USER_REAUTHENTICATION_SENT]);
	put_time(b, ",\"last_sign_in_at\":", times[USER_LAST_SIGN_IN]);
	put_time(b, ",\"created_at\":", times[USER_CREATED]);
	put_time(b, ",\"updated_at\":", times[USER_UPDATED]);
	put_time(b, ",\"banned_until\":", times[USER_BANNED_UNTIL]);
	put_time(b, ",\"deleted_at\":", times[USER_DELETED]);
	buf_puts(b, u->is_anonymous ? ",\"is_anonymous\":true" : ",\"is_anonymous\":false");
}

static void put_member(struct buf *b, const char *before, const char *json)
{
	buf_puts(b, before);
	buf_puts(b, json);
}

/* Metadata, factors and identities are JSON that PostgreSQL wrote, so that they are put together and not taken apart.
 */
void auth_user_put(struct buf *b, const struct auth_user *user)
{
	if (user->has_row) {
		put_row(b, user);
	} else {
		struct str fields = str_from(user->fields);
		buf_str(b, str_sub(fields, 0, fields.len - 1));
	}
	put_member(b, ",\"app_metadata\":", user->app_metadata);
	put_member(b, ",\"user_metadata\":", user->user_metadata);
	if (user->factors[0] != '\0') put_member(b, ",\"factors\":", user->factors);
	put_member(b, ",\"identities\":", user->identities);
	buf_putc(b, '}');
}

char *auth_user_json(struct arena *a, const struct auth_user *user)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, USER_MAX_BYTES);
	auth_user_put(&b, user);
	return buf_is_ok(&b) ? arena_cstr(a, buf_view(&b)) : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/user.h"

#include "auth/user_columns.h"

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

static int64_t next_age(struct reader *r)
{
	int64_t age = -1;
	struct str text = str_from(next_text(r));
	if (text.len > 0) (void)str_to_int(text, &age);
	return age;
}

static struct auth_pending next_pending(struct reader *r)
{
	const char *token = next_text(r);
	return (struct auth_pending){token, next_age(r)};
}

void auth_user_read(const PGresult *rows, int row, struct auth_user *ret_user)
{
	struct reader r = {rows, row, 0};
	struct auth_user *u = ret_user;
	const char **texts[] = {&u->id,    &u->fields, &u->app_metadata, &u->user_metadata, &u->factors, &u->identities,
				&u->email, &u->phone,  &u->role,         &u->aud,           &u->password};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = next_text(&r);
	bool *flags[] = {&u->is_anonymous,       &u->is_banned,  &u->is_email_confirmed,
			 &u->is_phone_confirmed, &u->is_invited, &u->has_factor};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) *flags[i] = next_bool(&r);
	u->email_change = next_text(&r);
	u->phone_change = next_text(&r);
	u->is_change_half_confirmed = next_text(&r)[0] != '0';
	u->confirmation = next_pending(&r);
	u->recovery = next_pending(&r);
	u->reauthentication = next_pending(&r);
	u->email_change_new = next_pending(&r);
	u->email_change_current = next_text(&r);
	u->phone_change_pending = next_pending(&r);
}

/* The columns are JSON texts that PostgreSQL wrote, so that they are put together and not taken apart. */
void auth_user_put(struct buf *b, const struct auth_user *user)
{
	struct str fields = str_from(user->fields);
	buf_str(b, str_sub(fields, 0, fields.len - 1));
	buf_printf(b, ",\"app_metadata\":%s", user->app_metadata);
	buf_printf(b, ",\"user_metadata\":%s", user->user_metadata);
	if (user->factors[0] != '\0') buf_printf(b, ",\"factors\":%s", user->factors);
	buf_printf(b, ",\"identities\":%s}", user->identities);
}

char *auth_user_json(struct arena *a, const struct auth_user *user)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, USER_MAX_BYTES);
	auth_user_put(&b, user);
	return buf_is_ok(&b) ? arena_cstr(a, buf_view(&b)) : NULL;
}

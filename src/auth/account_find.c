/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/account.h"
#include "auth/user_columns.h"

/* Those of single sign-on stand apart: they link to nobody. */
#define BY_EMAIL                                                                                                       \
	"select i.user_id from auth.identities i where i.email in (select jsonb_array_elements_text($1::jsonb)) and "  \
	"i.provider not like 'sso:%'"

void account_find(struct auth_call *call, const struct account *account,
		  void (*found)(struct auth_call *call, const PGresult *rows))
{
	struct pg_batch *sql = call_sql(call);
	PG_ADD(sql,
	       "select " AUTH_USER_COLUMNS ", i.id from auth.identities i join auth.users u on u.id = i.user_id "
	       "where i.provider = $1 and i.provider_id = $2",
	       account->provider, account->person.subject);
	PG_ADD(sql,
	       "select " AUTH_USER_COLUMNS " from auth.users u where u.id in (" BY_EMAIL ") or (not exists (" BY_EMAIL
	       ") and not u.is_sso_user and u.email in (select jsonb_array_elements_text($1::jsonb)))",
	       account->verified);
	user_sql_duplicate(sql, account->person.email, NULL);
	PG_ADD(sql,
	       "select " AUTH_USER_COLUMNS ", $2::uuid is null or exists (select from auth.sessions s where s.id = "
	       "$2::uuid and s.user_id = u.id) from auth.users u where u.id = $1::uuid or ($1 is null and $3 <> '' "
	       "and u.confirmation_token = $3)",
	       account->target_id, account->target_session, account->invite_token);
	call_run(call, "Database error finding user", found);
}

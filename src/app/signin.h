/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's settings of sign-in (auth/settings.h), as the owner and the export want them:
 *
 *     what Freehold knows (site_url, external_url, redirects) ◀─ the export's supabase/config.toml ◀─ the owner
 *                                                                 each goes over what stands before it
 *
 * Both are kept sealed, by name. A value env(NAME) of the export is looked up among the app's variables whenever the
 * settings are put together; where the variable is missing its setting is left out, and what needs it is off. Addresses
 * of the export are another server's: site_url is not taken, and redirects keep their paths under the app's address. */
#ifndef FREEHOLD_APP_SIGNIN_H
#define FREEHOLD_APP_SIGNIN_H

#include <jansson.h>

#include "app/flow.h"
#include "auth/settings.h"

/* The object for auth_settings_read, which takes it: when the export's settings do not fit together it is the owner's
 * alone. ret_missing (may be NULL): [{"name", "variable"}] of what was left out. */
bool signin_document(const struct flow *f, const char *app, json_t **ret_document, json_t **ret_missing,
		     struct err *err);

/* What was set: [{"name", "value", "from": "owner" or "export", "secret", "set_at"}] by name. Secrets have no value. */
bool signin_list(const struct flow *f, const char *app, json_t **ret_list, struct err *err);

/* Every setting with its value as it holds: [{"name", "value", "from", "secret"}]; from may also be "freehold". */
bool signin_list_all(const struct flow *f, const char *app, json_t **ret_list, struct err *err);

/* set: an object of names, each a text as typed or a JSON value; unset: a list of names. All of it or nothing, and only
 * when the whole can be taken. Templates are tried. The app must exist. */
bool signin_change(const struct flow *f, const char *app, json_t *set, const json_t *unset, struct err *err);

/* An export's [auth], an object as config.toml's (NULL: it has none), is read and laid aside for its deployment to
 * settle. Appends to ret_adaptations {"file", "what"}: what is taken, and each thing that is not, and why; to
 * ret_missing as signin_document does. */
bool signin_plan_export(const struct flow *f, const char *app, json_t *section, json_t *ret_adaptations,
			json_t *ret_missing, struct err *err);

/* The deployment is live: what was laid aside holds, in place of what the last export brought. Can be run again. */
bool signin_settle_export(const struct flow *f, const char *app, struct err *err);

/* What the backend is to know, when there is one: its configuration written anew, which it takes at once. */
bool signin_apply(const struct flow *f, const char *app, struct err *err);

/* Whether mails leave, for those who must say that they do not. */
bool signin_sends_mail(const struct flow *f, const char *app, bool *ret_yes, struct err *err);

#endif

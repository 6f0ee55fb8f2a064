/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an app's database is: a cluster of its own, or elsewhere, at an address that its owner gave before its first
 * deployment (owndb/elsewhere.h). parts_open finds out, and p->owndb is the one or the other; what then works
 * differently asks p->owndb.elsewhere.
 *
 * A cluster in apps/<app>/postgres/data wins: so an import into an app whose database is elsewhere ends in the one
 * rename that puts a cluster there (app/cluster_switch.h), and taking it away again leads back. The address is kept
 * for that until another import takes the place of the cluster.
 *
 * Kept sealed, as secrets of kind "database": url, login and password (the backend's), facts (what was seen there
 * last, and how TLS is done), the authority of its certificate (app/elsewhere_authority.h), and for the time of a
 * look, wanted. What Freehold does for a cluster of its own and cannot do elsewhere is
 * refused by elsewhere_refuse, which says what to do instead. */
#ifndef FREEHOLD_APP_ELSEWHERE_H
#define FREEHOLD_APP_ELSEWHERE_H

#include <jansson.h>

#include "app/flow.h"
#include "owndb/elsewhere.h"

struct elsewhere {
	bool is; /* else the rest is empty */
	char url[ELSEWHERE_URL_MAX + 1], login[64], password[64];
	char sslmode[ELSEWHERE_SSLMODE_SIZE]; /* "": what the address says */
	char authority[FILE_PATH_SIZE]; /* the file, or "" */
	int connections; /* that the address's user may have at once; 0: not known */
	int major; /* of the other server, as it was seen last */
	bool has_changes; /* the log of changes can be read */
};

bool elsewhere_get(const struct flow *f, const char *app, struct elsewhere *ret_elsewhere, struct err *err);

/* The same in owndb's words; borrows. */
struct owndb_elsewhere elsewhere_address(const struct elsewhere *e);
bool elsewhere_is(const struct flow *f, const char *app, bool *ret_is, struct err *err);

/* It has an address, used or not: how the backend finds its database is then to be written anew before each start. */
bool elsewhere_is_known(const struct flow *f, const char *app, bool *ret_is, struct err *err);

/* The app has a cluster of its own now: the backend is told where, then the address is kept no more. */
bool elsewhere_forget(const struct flow *f, const char *app, struct err *err);

/* For people and the API, nothing secret: {"at", "version", "tls", "sslmode", "proof": "certificate",
 * "channel_binding" or null, "authority": whether it is one of the owner's, "changes": null or why there are none,
 * "missing": [what Freehold does not promise of it]}; NULL where the app has a cluster of its own. */
bool elsewhere_json(const struct flow *f, const char *app, json_t **ret_json, struct err *err);

/* Keeps an address to be looked at; NULL: the one that is in use. authority: PEM of whom its certificate is signed by,
 * NULL: as before, "": those that this machine trusts. ERR_INVALID as owndb/elsewhere.h and owndb/authority.h say. */
bool elsewhere_offer(const struct flow *f, const char *app, const char *url, const char *authority, struct err *err);

/* In a process that may wait: looks at the address that was offered, and from then on the app's database is there.
 * Nothing has changed when it fails. An app that is live may be given another address of the same database.
 * ERR_CONFLICT when it has a cluster of its own. ret_json as elsewhere_json. */
bool elsewhere_take(const struct flow *f, const char *app, json_t **ret_json, struct err *err);

/* ERR_REFUSED when the app's database is elsewhere: "WHAT: the database of shop is elsewhere …; INSTEAD", in which APP
 * becomes its name. */
bool elsewhere_refuse(const struct flow *f, const char *app, const char *what, const char *instead, struct err *err);

/* Notes why changes cannot be read; "" when they can. */
bool elsewhere_note_changes(const struct flow *f, const char *app, const char *why, struct err *err);

/* How they are shared out: the backend's pool (bin/backend/config.h pool_size) and the app's own server. */
void elsewhere_share(int connections, int *ret_pool_size, int *ret_server);

/* What the backend connects with: as elsewhere_conninfo, role as in a cluster of ours. */
bool elsewhere_put_backend(const struct elsewhere *e, json_t *config, struct err *err);

#endif

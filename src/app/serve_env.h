/* SPDX-License-Identifier: Apache-2.0
 *
 * What an app's server finds in its environment when it runs. Later ones win:
 *
 *   1. what any server wants         NODE_ENV=production, NODE_EXTRA_CA_CERTS (it trusts the edge), PORT, HOST,
 * HOSTNAME, HOME, TMPDIR, LANG, DATA_DIR …
 *   2. the backend                   SUPABASE_URL, its keys (the service key too: nothing of this reaches a browser),
 * and the names with a public prefix that builds have placeholders for (build/adapt.h), here with this app's values
 *   3. its own address               APP_URL, SITE_URL, ORIGIN, NEXTAUTH_URL …; as an issuer of OpenID Connect, in
 * Replit's names: ISSUER_URL, REPL_ID, REPLIT_DOMAINS (auth/issuer.h)
 *   4. its database                  DATABASE_URL, POSTGRES_URL and kin, PGHOST … for owndb/server_role.h's role
 *   5. secrets made once and kept    SESSION_SECRET, AUTH_SECRET …
 *   6. what its kind needs           release.json server.env
 *   7. the owner's variables of scope run or both
 *
 * The database is reached at 127.0.0.1:SERVE_ENV_DATABASE_PORT: inside the server's sandbox that is forwarded to the
 * app's pool of connections (app/pool.h) or its PostgreSQL, SERVE_ENV_DIRECT_PORT always to PostgreSQL (parts.h
 * pg_app_socket). SUPABASE_URL is the address that visitors use; inside, its host name and
 * port lead to the edge. An owner who sets DATABASE_URL has a database elsewhere: then none of 4 is given, since
 * drivers mix the two. Where the app's whole database is elsewhere (app/elsewhere.h), 4 leads there, for a login of
 * the server's own (owndb/elsewhere.h).
 *
 * PATH is not among them: only who starts the server knows which tools it mounts. */
#ifndef FREEHOLD_APP_SERVE_ENV_H
#define FREEHOLD_APP_SERVE_ENV_H

#include <jansson.h>

#include "app/flow.h"

#define SERVE_ENV_PORT 3000 /* what PORT says, unless the owner or the kind say another; inside its own network */
#define SERVE_ENV_DATABASE_PORT 5432 /* through the pool, where there is one */
#define SERVE_ENV_DIRECT_PORT 5433
#define SERVE_ENV_DATA_DIR "/data" /* where the app's data/ is mounted */
#define SERVE_ENV_AUTHORITY "/tools/authority.pem" /* whom it trusts: the edge, and whom the machine's owner added */

/* {NAME: "text"} for the server of an app whose keys exist (parts_ensure). server is "server" of release.json, or NULL;
 * of it "env" is read, and "wants_database": false leaves out 4. Makes the kept secrets that are missing. ret_env is
 * the caller's; it holds secrets. */
bool serve_env(const struct flow *f, const char *app, const json_t *server, json_t **ret_env, struct err *err);

/* PORT of such an object, as a number. */
int serve_env_port(const json_t *env);

/* "NAME=value" for a build, appended to the array: the made secret that ends up in what it writes
 * (NEXT_SERVER_ACTIONS_ENCRYPTION_KEY) and, where the build runs the app's own code, every other name that its server
 * will have, without one secret value. */
bool serve_env_for_build(const struct flow *f, const char *app, bool runs_code, json_t *ret_pairs, struct err *err);

/* The password of the app's own database role, made when there is none. */
#define SERVE_ENV_PASSWORD_SIZE 64
bool serve_env_database_password(const struct flow *f, const char *app, char ret_text[SERVE_ENV_PASSWORD_SIZE],
				 struct err *err);

/* DATABASE_URL and kin for that role with this password, set in the object; DIRECT_URL and kin with direct_port. */
void serve_env_put_database(json_t *env, const char *password, int direct_port);

/* ret_is: the server's database is not ours: the owner set DATABASE_URL, or the app's whole database is elsewhere. */
bool serve_env_has_own_database(const struct flow *f, const char *app, bool *ret_is, struct err *err);

/* Where that one is: its host, with the port where it is said, nothing of user, password or name. "" when the owner set
 * none. */
#define SERVE_ENV_HOST_SIZE 256
bool serve_env_elsewhere(const struct flow *f, const char *app, char ret_host[SERVE_ENV_HOST_SIZE], struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's own PostgreSQL: a cluster in one folder, reached through one unix socket, by two system users and nobody
 * else. Everything here blocks; it is called by a deployment, never by the event loop.
 *
 * Who may be whom. There is no TCP and no `trust`: PostgreSQL asks the kernel who is at the other end (peer) and a map
 * says which roles that system user may take. One role alone has a password instead: that of the app's own server
 * (owndb/server_role.h), which comes through a socket folder of its own.
 *   - the cluster's own user, and the user this process runs as (root, or the owner): supabase_admin, the superuser,
 * and postgres, who owns what the app makes
 *   - the backend's user: authenticator and supabase_auth_admin
 * Where all run as one system user, that one may be all four.
 *
 * The socket's folder belongs to the cluster's user and the backend's group with mode 0710, so that no other app can
 * even take up connections; without root it is 0700. PostgreSQL's own socket in it is 0777 as always.
 *
 * The data folder exists only complete: it is made beside, as DATA.new, and renamed. */
#ifndef FREEHOLD_OWNDB_OWNDB_H
#define FREEHOLD_OWNDB_OWNDB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "owndb/tune.h"
#include "pg/conn.h"

#define OWNDB_MAJOR_MIN 15
#define OWNDB_MAJOR_MAX 18
#define OWNDB_SOCKET_DIR_MAX 93 /* bytes: "/.s.PGSQL.5432" follows, and 107 is what the path of a socket may have */
#define OWNDB_DATABASE "postgres" /* as in a Supabase project */
#define OWNDB_SUPERUSER "supabase_admin"
#define OWNDB_MIGRATOR "postgres" /* runs the app's migrations; no superuser */

struct owndb_elsewhere;

/* Where a cluster is and whose it is. Borrowed text; paths are absolute. */
struct owndb {
	/* Not NULL: it is not ours (owndb/elsewhere.h). There is no cluster then, nor what belongs to one: data_dir,
	 * sockets and log are not there, major is the other server's, and bin_dir has programs that can speak to it. */
	const struct owndb_elsewhere *elsewhere;
	/* Of a throw-away cluster that stands for one elsewhere: whom OWNDB_MIGRATOR acts as. NULL: itself. */
	const char *migrator;
	const char *data_dir;
	const char *socket_dir;
	const char *log_path; /* where whoever starts it sends its standard error; quoted when it does not start */
	const char *bin_dir; /* from owndb_find_postgres, as is major; a cluster's major never changes by itself */
	int major;
	/* As root: the cluster's user, which must be in /etc/passwd and able to reach data_dir, socket_dir and
	 * log_path, and the backend's group. Without root has_user is false and all of it is the caller. */
	bool has_user;
	uid_t uid;
	gid_t gid;
	gid_t api_gid;
	/* A second folder for the socket, for the app's own server; NULL: none. As root its group is app_gid. */
	const char *app_socket_dir;
	gid_t app_gid;
	/* Its log of changes is handed to ../archive/pgbackrest-archive (beside data_dir), which must be there. */
	bool archives;
	const struct tune *tune; /* NULL: what any machine can carry */
	const char *overrides; /* the owner's own settings, lines of owndb/conf.h; or NULL */
	const char *os_user; /* name of uid; NULL: the caller's */
	const char *api_os_user; /* the backend's; NULL: the caller's */
};

/* The newest PostgreSQL of OWNDB_MAJOR_MIN to OWNDB_MAJOR_MAX that the machine has installed, Debian's layout.
 * ERR_NOT_FOUND names the package to install. */
bool owndb_find_postgres(char *ret_bin_dir, size_t size, int *ret_major, struct err *err);
/* The same for one major: an existing cluster wants its own. It is also looked for in majors (owndb/major.h; NULL:
 * nowhere else). */
bool owndb_find_postgres_major(const char *majors, int major, char *ret_bin_dir, size_t size, struct err *err);
/* What a data folder was made with (its PG_VERSION). */
bool owndb_read_major(const char *data_dir, int *ret_major, struct err *err);

/* Makes a new cluster. cache_dir keeps a prepared one for each PostgreSQL build, so that initdb runs once a machine
 * and later clusters are copies with an identity of their own. The folder that data_dir lies in must exist and be
 * reachable for the cluster's user. ERR_CONFLICT when data_dir exists. */
bool owndb_create(const struct owndb *db, const char *cache_dir, struct err *err);

/* How PostgreSQL is run in the foreground. Both lists are NULL-terminated and live in the arena. Its settings, access
 * rules and socket folder are written anew by this call, so do it before each start. Stop it with SIGINT (fast); if it
 * is still there after a deadline of your choice, SIGQUIT (it recovers at its next start). */
bool owndb_command(const struct owndb *db, struct arena *arena, const char *const **ret_argv,
		   const char *const **ret_env, struct err *err);

/* Waits until it answers; one elsewhere is asked once. pid (0: not known) is the process that was started: when it
 * ends, waiting ends, with the last lines of its log. deadline_ms is a duration. */
bool owndb_wait_ready(const struct owndb *db, pid_t pid, int64_t deadline_ms, struct err *err);

/* It lets people in: its own file says so (its socket accepts earlier). Reads a small file, asks nobody. */
bool owndb_is_ready(const struct owndb *db);

/* A connection as one of the roles above, to OWNDB_DATABASE. */
bool owndb_connect(const struct owndb *db, const char *role, struct pg_conn **ret_conn, struct err *err);

/* Bytes of all databases of the cluster, as PostgreSQL counts them. */
bool owndb_size(const struct owndb *db, uint64_t *ret_bytes, struct err *err);

/* Sets a setting of the database that every new connection has ("app.settings.jwt_secret"), for policies and functions
 * that read current_setting('…'). Whoever may connect may read it. */
bool owndb_setting_set(const struct owndb *db, const char *name, const char *value, struct err *err);

#endif

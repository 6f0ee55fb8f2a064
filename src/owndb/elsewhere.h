/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that is not ours: a PostgreSQL of somebody else's (RDS, Neon, one's own machine), reached by its owner's
 * address. It is the other answer to "where is the app's database": a struct owndb with `elsewhere` set has no cluster,
 * and owndb_connect, and what is built on it, goes there.
 *
 *     owndb_connect(…, OWNDB_SUPERUSER)   the owner of the address, who need be no superuser
 *     owndb_connect(…, OWNDB_MIGRATOR)    the same, acting as freehold_owner, who owns what the app makes
 *     the app's own server                one login, NAME_server, that acts as freehold_owner from its first statement
 * on
 *     the backend                         two logins that Freehold makes there, NAME and NAME_changes, with a password
 * of their own; they act as the role that the connection says, as in a cluster of ours
 *
 * What the address may say: host, port, database, user, password, how TLS is done (sslmode), and what libpq sends
 * along. Nothing that names a file of this machine.
 *
 * How TLS is done is decided once, when an address is taken (owndb_elsewhere_sslmode), and kept beside it. An address
 * that says nothing means verify-full, unless its host is this machine: "prefer", libpq's own, goes without TLS as soon
 * as somebody on the way answers that there is none, and "require" takes everybody's certificate, so that who sits on
 * the way reads the password and all rows. Whose server has a certificate that no machine knows hands over its
 * authority, or says sslmode=require and knows it. */
#ifndef FREEHOLD_OWNDB_ELSEWHERE_H
#define FREEHOLD_OWNDB_ELSEWHERE_H

#include "owndb/owndb.h"

#define ELSEWHERE_MAJOR_MIN 14
#define ELSEWHERE_MAJOR_MAX 18
#define ELSEWHERE_URL_MAX 2048
#define ELSEWHERE_CONNINFO_SIZE 4096
#define ELSEWHERE_OWNER "freehold_owner" /* what OWNDB_MIGRATOR is there */

struct owndb_elsewhere {
	const char *url; /* as its owner gave it: it holds a password */
	const char *login, *password; /* the backend's; "" before owndb_elsewhere_settle */
	/* Of the app's own server, NAME_server, and how many connections it may have; NULL: it gets none. */
	const char *server_password;
	int server_connections;
	const char *sslmode; /* what was decided; NULL or "": what the address says, else require */
	const char *authority; /* a file of certificates (owndb/authority.h); NULL or "": those the machine trusts */
	int tools_major; /* of the PostgreSQL whose programs are in bin_dir; 0: none here */
};

/* Who comes in, and as whom. */
enum elsewhere_door {
	ELSEWHERE_AS_OWNER,
	ELSEWHERE_AS_BACKEND,
	ELSEWHERE_AS_READER, /* of the log of changes */
};

/* ERR_INVALID when it is no address, or says what it may not. Asks nobody. */
bool owndb_elsewhere_url_check(const char *url, struct err *err);

/* How TLS is done with this address. ERR_INVALID: a word that is none, or one that protects nothing there. */
#define ELSEWHERE_SSLMODE_SIZE 16
bool owndb_elsewhere_sslmode(const char *url, bool has_authority, char ret_mode[ELSEWHERE_SSLMODE_SIZE],
			     struct err *err);

/* What proves that the server is the one that is meant. */
enum elsewhere_proof {
	ELSEWHERE_UNPROVED,
	ELSEWHERE_BY_CERTIFICATE,
	ELSEWHERE_BY_CHANNEL_BINDING, /* it knows what was kept of the password, and nobody is between */
};
enum elsewhere_proof owndb_elsewhere_proof(const struct owndb_elsewhere *e);

/* Where it leads, for people: "db.example.com:5432/shop as owner", nothing secret. */
bool owndb_elsewhere_shown(const char *url, char *ret_text, size_t size, struct err *err);

/* Host, address beside it (""), port ("") of one that was checked. */
void owndb_elsewhere_host(const char *url, char ret_host[256], char ret_address[64], char ret_port[16]);

/* libpq's words for a door. role: whom it acts as, in the names of a cluster of ours (OWNDB_MIGRATOR is
 * ELSEWHERE_OWNER, OWNDB_SUPERUSER and NULL nobody else). settings: more "-c name=value", or "". */
bool owndb_elsewhere_conninfo(const struct owndb_elsewhere *e, enum elsewhere_door door, const char *role,
			      const char *settings, char ret_conninfo[ELSEWHERE_CONNINFO_SIZE], struct err *err);

/* The owner's door as environment for PostgreSQL's programs, NULL-terminated, in the arena: what is on a command line
 * everybody can read. role as above. */
bool owndb_elsewhere_env(const struct owndb_elsewhere *e, const char *role, struct arena *arena,
			 const char *const **ret_env, struct err *err);

struct owndb_elsewhere_facts {
	int major;
	char version[32]; /* "16.4" */
	char database[64], user[64];
	bool has_tls, is_superuser;
	int connections; /* that this user may have at once, as the server, the database and the role limit them */
	bool is_prepared; /* Freehold's schemas are there already */
	int64_t tables; /* of somebody's, outside Freehold's schemas */
	uint64_t bytes;
};

/* Goes there and looks whether an app could live in it; changes nothing. Each refusal names what is missing and who can
 * give it: ERR_UNAVAILABLE (not reached), ERR_DENIED (password, rights), ERR_REFUSED (too old or too new, a pooler, a
 * Supabase project's own schemas). A pooler that gives a session away between two statements is noticed by two
 * connections that are one session, whatever its name and port are. */
bool owndb_elsewhere_check(const struct owndb_elsewhere *e, struct owndb_elsewhere_facts *ret_facts, struct err *err);

/* After the prelude: the backend's two logins exist, with e's names and password, and may act as whom they must.
 * ret_why: why changes cannot be read from there, or "" where they can. */
#define ELSEWHERE_WHY_SIZE 300
bool owndb_elsewhere_settle(const struct owndb *db, char ret_why[ELSEWHERE_WHY_SIZE], struct err *err);

/* DATABASE_URL of the app's own server, in the words that drivers of Node know. */
bool owndb_elsewhere_server_url(const struct owndb_elsewhere *e, char *ret_url, size_t size, struct err *err);

/* The same in pieces; each text lasts as long as the arena. */
struct owndb_elsewhere_pieces {
	const char *host, *port, *user, *database, *sslmode;
	bool is_local; /* a host that is this machine, to which no sandbox leads */
};
bool owndb_elsewhere_server_pieces(const struct owndb_elsewhere *e, struct arena *arena,
				   struct owndb_elsewhere_pieces *ret_pieces, struct err *err);

/* The logins can log in no more. Nothing is dropped. */
bool owndb_elsewhere_lock(const struct owndb *db, struct err *err);

/* Tells the backend that the schema has changed, where no event trigger does. */
bool owndb_elsewhere_notify(const struct owndb *db, struct err *err);

#endif

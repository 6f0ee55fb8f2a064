/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources from git, and history in git. git(1) runs in the sandbox like everything that reads what came from outside;
 * no configuration but ours is read, no hook runs, no filter, no submodule is followed. */
#ifndef FREEHOLD_INTAKE_GIT_H
#define FREEHOLD_INTAKE_GIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "intake/child.h"
#include "intake/limits.h"

#define GIT_ID_SIZE 65 /* SHA-1 or SHA-256 in hex, and NUL */
#define GIT_URL_SIZE 2048
#define GIT_FETCH_DEADLINE_MS 600000
#define GIT_PACK_DEADLINE_MS 600000
#define GIT_HOSTS_MAX_BYTES 16384 /* of known hosts */
#define GIT_SOURCE_MAX_BYTES 32768 /* what is handed to the child: address, key, known hosts, as JSON */

/* Judges an address: https://…, ssh://… or user@host:path; ERR_REFUSED for every other way (file, git, ext::, http) and
 * for what git could take for an option. ret_shown gets it without user and password, fit for messages and logs. Pure.
 */
bool git_url_check(const char *url, bool allow_file, char ret_shown[GIT_URL_SIZE], struct err *err);

struct intake_git_source {
	const char *url;
	const char *ref; /* branch or tag, or NULL for the default branch */
	bool allow_file; /* file:// too: for tests only */
	const char *ssh_key; /* the private half as ssh-keygen writes it, or NULL */
	const char *known_hosts; /* as ssh keeps them, or NULL */
};

/* Fetches the newest commit and unpacks its tree into target as intake_unpack does, with the same refusals. ret_commit
 * is the commit's id; ret_known_hosts (may be NULL) gets the known hosts, with the server that was met. Passwords in
 * the address and keys are never in an argument list, a message or a log. */
bool intake_git_fetch(const struct intake_child *child, const struct intake_git_source *from, const char *target,
		      const struct intake_limits *limits, struct intake_unpacked *ret_unpacked,
		      char ret_commit[GIT_ID_SIZE], struct buf *ret_known_hosts, struct err *err);

struct intake_commit {
	const char *author_name;
	const char *author_email;
	int64_t time_s; /* since 1970 */
	const char *message; /* what it was received from */
};

/* Makes the exact tree below source (no .gitignore, no attribute counts) the next commit of branch main in the bare
 * repository repo, which is made if it is not there (its folder must then exist or be creatable by the child's user).
 * The same tree again is a new commit. Either main is the new commit or all is as before. */
bool intake_commit(const struct intake_child *child, const char *repo, const char *source,
		   const struct intake_commit *what, char ret_id[GIT_ID_SIZE], struct err *err);

struct intake_packed {
	uint64_t loose_before, loose; /* objects that are a file each */
	uint64_t packs;
};

/* Puts the loose objects of a repository that intake_commit fills (what main leads to) into one more pack, and where
 * there are more than packs_max of them, the smaller ones together, until each is at least twice as large as all that
 * are smaller: what lies in a pack is written anew seldom, so that whoever keeps copies of the files does not keep it
 * many times. Nothing goes, whether something leads to it or not. Whoever reads or commits meanwhile is not disturbed;
 * whoever copies its files one by one is. At the lowest priority. */
bool intake_pack(const struct intake_child *child, const char *repo, unsigned packs_max,
		 struct intake_packed *ret_packed, struct err *err);

#endif

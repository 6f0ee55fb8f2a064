/* SPDX-License-Identifier: Apache-2.0 */
#include "app/alone.h"

#include <signal.h>

#include "owndb/clone.h"

/* Who drops to another user does it in the namespace of the network alone; who is the owner already needs one of users,
 * which keeps his number. Both become PostgreSQL, which is then signalled itself. */
void alone_unit(const struct flow *f, const struct parts *p, const struct alone *a, struct arena *arena,
		struct unit_spec *ret_spec)
{
	const char *data = arena_strdup(arena, a->data_dir);
	const char *const as_root[] = {"/usr/bin/unshare",
				       "--net",
				       "--",
				       "/usr/bin/setpriv",
				       "--reuid",
				       arena_printf(arena, "%u", (unsigned)p->owndb.uid),
				       "--regid",
				       arena_printf(arena, "%u", (unsigned)p->owndb.gid),
				       "--clear-groups",
				       "--inh-caps=-all",
				       "--no-new-privs",
				       NULL};
	const char *const as_self[] = {"/usr/bin/unshare", "--map-current-user", "--net", "--", NULL};
	const char *const run[] = {arena_printf(arena, "%s/postgres", a->bin_dir),
				   "-D",
				   data,
				   "-c",
				   arena_printf(arena, "unix_socket_directories=%s", a->socket_dir),
				   CLONE_ALONE,
				   "-c",
				   arena_strdup(arena, a->setting),
				   NULL};
	struct unit_spec spec = {.env = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"},
				 .cwd = "/",
				 .log_path = arena_strdup(arena, a->log_path),
				 .work_dir = data,
				 .ready_socket = arena_printf(arena, "%s/.s.PGSQL.5432", a->socket_dir),
				 .notes = {arena_printf(arena, "%s/postmaster.pid", data),
					   arena_printf(arena, "%s/.s.PGSQL.5432.lock", a->socket_dir)},
				 .stop_signal = SIGINT,
				 .stop_deadline_ms = a->stop_ms};
	size_t count = 0;
	for (const char *const *w = f->is_root ? as_root : as_self; *w != NULL; w++) spec.argv[count++] = *w;
	for (const char *const *w = run; *w != NULL; w++) spec.argv[count++] = *w;
	*ret_spec = spec;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.json: everything freehold-serve needs to know about the server of one release. Written by the daemon, 0600 of
 * the app's code user; read by the outer process from its path and by pid 1 from a descriptor.
 *
 *     {"argv": ["node", "server/index.mjs"], "cwd": "/app", "env": {"NODE_ENV": "production"},
 *      "mounts": [{"from": "…/releases/7/server", "to": "/app", "mode": "read"}, {"from": "…/data", "to": "/data",
 *      "mode": "write"}], "hosts": {"127.0.0.1": ["shop.localhost"]},
 *      "socket": "<run>/shop/web/7/web.sock", "state": "<run>/shop/web/7/state.json", "port": 3000, "instances": 1,
 *      "forwards": [{"port": 5432, "socket": "<run>/shop/postgres/.s.PGSQL.5432"}],
 *      "limits": {"memory_bytes": n, "processes": n, "files": n, "file_bytes": n, "disk_reserve_bytes": n,
 *      "cpu_percent": n}, "boot_ms": 30000, "linger_ms": 500, "drain_ms": 30000, "kill_ms": 5000}
 *
 * With functions it is no server but the functions of a release (serve/workers.h): argv is what each process begins
 * with, and they share
 *
 *      "functions": [{"name": "hello", "entry": "supabase/functions/hello/index.ts"}, {"name": "b", "refusal": TEXT}],
 *      "worker": {"memory_bytes": n, "most": 16, "busy_ms": 5000, "idle_ms": 300000, "boot_ms": 15000}
 *
 * is_outward: true shuts the private networks that the machine is in, too (serve/network.h).
 *
 * argv, socket and state must be there, the rest has defaults; a limit of 0 is none. cpu_percent is enforced by the
 * group that the supervisor makes, memory and processes too where there is one. */
#ifndef FREEHOLD_SERVE_CONFIG_H
#define FREEHOLD_SERVE_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "os/sandbox.h"

#define CONFIG_MAX_BYTES (1u << 20)
#define CONFIG_SOCKET_PATH_MAX 107 /* sockaddr_un in unix(7), less the NUL */
#define CONFIG_ARGV_MAX 64
#define CONFIG_ENV_MAX 512
#define CONFIG_FORWARDS_MAX 8
#define CONFIG_OPEN_PORTS 1024 /* from here on anybody may listen (ip_unprivileged_port_start in ip(7)) */
#define CONFIG_INSTANCES_MAX 16
#define CONFIG_FUNCTIONS_MAX 200

struct config_forward {
	uint16_t port; /* of 127.0.0.1 inside */
	const char *socket; /* outside */
};

struct config_function {
	const char *name;
	const char *entry; /* below /app/src */
	const char *refusal; /* why it cannot run, or NULL */
};

/* Texts live in the arena. */
struct config {
	const char *argv[CONFIG_ARGV_MAX + 1];
	const char *cwd;
	const char *env[CONFIG_ENV_MAX + 1]; /* "NAME=value", without PORT, which each instance has of its own */
	struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX];
	int mount_count;
	const char *hosts; /* text of /etc/hosts */
	const char *socket;
	const char *state;
	uint16_t port;
	int instances;
	struct config_forward forwards[CONFIG_FORWARDS_MAX];
	int forward_count;
	uint64_t memory_bytes;
	uint32_t processes;
	uint32_t files;
	uint64_t file_bytes;
	uint64_t disk_reserve_bytes;
	int64_t boot_ms; /* from its start until it must listen */
	int64_t linger_ms; /* a drain accepts for this long: requests that were on their way */
	int64_t drain_ms; /* then open connections have this long */
	int64_t kill_ms; /* from SIGTERM to SIGKILL */
	bool is_outward;
	struct config_function functions[CONFIG_FUNCTIONS_MAX];
	int function_count;
	uint64_t worker_memory_bytes; /* of one */
	int workers_max; /* at one time */
	int64_t busy_ms; /* computing without answering anybody, until it is ended */
	int64_t idle_ms; /* without a request, until it is ended */
	int64_t worker_boot_ms;
};

/* ERR_INVALID names the member that is wrong. */
bool config_parse(struct str text, struct arena *arena, struct config *ret_config, struct err *err);

#endif

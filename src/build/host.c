/* SPDX-License-Identifier: Apache-2.0 */
#include "build/host.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "os/authority.h"
#include "os/proc.h"

#define ASK_MAX_BYTES 4096
#define ASK_DEADLINE_MS 30000

/* Standard output only: npm warns on the other one. */
static void on_output(void *arg, int stream, struct str bytes)
{
	if (stream == 1) buf_str(arg, bytes);
}

static bool ask(const char *const *argv, char *ret_line, size_t size, struct err *err)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, ASK_MAX_BYTES);
	struct proc_spec spec = {
	    .argv = argv, .cwd = "/", .deadline_ms = ASK_DEADLINE_MS, .on_output = on_output, .arg = &b};
	struct proc_result result;
	if (!proc_run(&spec, NULL, &result, err)) return false;
	struct str line = str_trim(buf_view(&b));
	if (result.exit_status != 0 || line.len == 0 || line.len >= size || memchr(line.ptr, '\n', line.len) != NULL)
		return err_set(err, ERR_UNAVAILABLE,
			       "%s %s gives no answer (exit status %d); install Node.js 20 or newer", argv[0], argv[1],
			       result.exit_status);
	(void)snprintf(ret_line, size, "%.*s", STR_FMT(line));
	return true;
}

static bool find_node(struct build_host *h, struct err *err)
{
	const char *path = getenv("PATH");
	struct str rest = str_from(path != NULL && *path != '\0' ? path : "/usr/local/bin:/usr/bin:/bin"), part;
	char file[FILE_PATH_SIZE], real[PATH_MAX];
	while (str_next(&rest, ':', &part)) {
		if (part.len == 0 || !file_path(file, err, "%.*s/node", STR_FMT(part)) || access(file, X_OK) != 0)
			continue;
		if (realpath(file, real) == NULL) continue;
		bool is_in_usr = strncmp(real, "/usr/", 5) == 0;
		char *slash = strrchr(real, '/');
		*slash = '\0';
		(void)snprintf(h->node_bin, sizeof h->node_bin, "%s", real);
		if (is_in_usr) return true;
		/* PREFIX/bin/node, with npm in PREFIX/lib. */
		slash = strrchr(real, '/');
		if (slash != NULL && slash != real) *slash = '\0';
		(void)snprintf(h->node_prefix, sizeof h->node_prefix, "%s", real);
		return true;
	}
	return err_set(err, ERR_UNAVAILABLE,
		       "Node.js is not installed on this machine; install nodejs 20 or newer with npm");
}

static bool has_added_authorities(void)
{
	struct buf pem BUF_CLEANUP;
	buf_init(&pem, AUTHORITY_MAX_BYTES);
	authority_added(AUTHORITY_FOLDER, &pem);
	return pem.len > 0;
}

bool build_host_ask(struct build_host *ret_host, struct err *err)
{
	struct build_host h = {0};
	char version[32];
	if (!find_node(&h, err) ||
	    !ask((const char *const[]){"node", "--version", NULL}, version, sizeof version, err) ||
	    !ask((const char *const[]){"npm", "config", "get", "registry", NULL}, h.registry, sizeof h.registry, err))
		return false;
	(void)snprintf(h.node_version, sizeof h.node_version, "%s", version[0] == 'v' ? version + 1 : version);
	if (sscanf(h.node_version, "%d.%d", &h.node_major, &h.node_minor) != 2)
		return err_set(err, ERR_UNAVAILABLE, "node --version says %s, which is no version", version);
	if (strncmp(h.registry, "https://", 8) != 0 && strncmp(h.registry, "http://", 7) != 0)
		return err_set(err, ERR_UNAVAILABLE, "npm's registry is %s, which is no address", h.registry);
	size_t len = strlen(h.registry);
	if (h.registry[len - 1] != '/' && len + 1 < sizeof h.registry) (void)memcpy(h.registry + len, "/", 2);
	const char *ca = getenv("NODE_EXTRA_CA_CERTS");
	if (ca != NULL && ca[0] == '/' && strlen(ca) < sizeof h.ca_file)
		(void)snprintf(h.ca_file, sizeof h.ca_file, "%s", ca);
	else if (has_added_authorities())
		(void)snprintf(h.ca_file, sizeof h.ca_file, "%s", AUTHORITY_BUNDLE);
	*ret_host = h;
	return true;
}

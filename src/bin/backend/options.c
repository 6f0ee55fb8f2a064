/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/backend/pgrst_database.h"
#include "bin/backend/pgrst_dump.h"
#include "http/client.h"
#include "pg/catalogue.h"
#include "rest/inspect.h"

#define WAIT_MS 10000
#define SETTINGS_WAIT_MS 1500 /* who only wants to see settings may have no database yet */
#define TEXT_MAX_BYTES (256u << 20)

static const char usage[] =
    "usage: freehold-backend --config FILE\n"
    "       freehold-backend [OPTION] [FILE]    in PostgREST's place, with its settings: docs/rest.md\n\n"
    "  -h, --help        this\n"
    "  -v, --version     which PostgREST it answers as\n"
    "  -e, --example     a configuration file with every setting\n"
    "  --dump-config     the settings as they count now, the database's among them\n"
    "  --dump-schema     what is known of the schema, as JSON\n"
    "  --ready           asks the admin port of a server that runs whether it is ready\n";

static void print_example(void)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, 1 << 20);
	pgrst_example(&b);
	(void)fputs(buf_cstr(&b), stdout);
}

enum option options_read(int argc, char *const *argv, const char **ret_path)
{
	static const struct {
		const char *word, *letter;
		enum option option;
	} words[] = {{"--help", "-h", OPTION_DONE},
		     {"--version", "-v", OPTION_DONE},
		     {"--example", "-e", OPTION_DONE},
		     {"--dump-config", "", OPTION_DUMP_CONFIG},
		     {"--dump-schema", "", OPTION_DUMP_SCHEMA},
		     {"--ready", "", OPTION_READY}};
	enum option option = OPTION_SERVE;
	*ret_path = NULL;
	for (int i = 1; i < argc; i++) {
		size_t k = 0;
		while (k < 6 && strcmp(argv[i], words[k].word) != 0 && strcmp(argv[i], words[k].letter) != 0) k++;
		bool is_path = k == 6 && argv[i][0] != '-' && *ret_path == NULL;
		if (k == 0) (void)fputs(usage, stdout);
		if (k == 1) (void)puts("PostgREST 14.17 (freehold-backend)");
		if (k == 2) print_example();
		if (k < 3) return OPTION_DONE;
		if (is_path) *ret_path = argv[i];
		if (k < 6 && option == OPTION_SERVE)
			option = words[k].option;
		else if (!is_path)
			return (void)fputs(usage, stderr), OPTION_WRONG;
	}
	return option;
}

/* One question to the database, and its answer. */
struct asking {
	uv_loop_t loop;
	struct pg_pool *pool;
	json_t *settings;
	struct catalogue *catalogue;
	struct err err;
};

static void begin(struct asking *a, const struct pgrst *p, int64_t wait_ms)
{
	*a = (struct asking){0};
	if (uv_loop_init(&a->loop) != 0) abort();
	a->pool =
	    pg_pool_new(&a->loop, &(struct pg_pool_settings){.conninfo = p->db_uri, .size = 1, .wait_ms = wait_ms});
}

static void end(struct asking *a)
{
	pg_pool_stop(a->pool, NULL, NULL);
	(void)uv_run(&a->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&a->loop);
}

static void on_settings(void *arg, json_t *settings, const struct err *err)
{
	struct asking *a = arg;
	a->settings = settings;
	if (err != NULL) a->err = *err;
	uv_stop(&a->loop);
}

static void on_catalogue(void *arg, struct catalogue *catalogue, const struct err *err)
{
	struct asking *a = arg;
	a->catalogue = catalogue;
	if (err != NULL) a->err = *err;
	uv_stop(&a->loop);
}

/* The settings with the database's; those without where it has none or cannot be asked. */
static struct pgrst *with_database(const struct standalone_source *source, const struct pgrst *p)
{
	struct asking a;
	struct pgrst *full = NULL;
	struct err err;
	if (p->db_config) {
		begin(&a, p, SETTINGS_WAIT_MS);
		pgrst_database_load(a.pool, p->pre_config, on_settings, &a);
		(void)uv_run(&a.loop, UV_RUN_DEFAULT);
		end(&a);
		if (a.settings == NULL)
			(void)fprintf(stderr, "the database's settings could not be read: %s\n", a.err.msg);
	}
	json_t *database = p->db_config ? a.settings : NULL;
	if (!pgrst_read(source->path, source->environment, database, &full, &err))
		(void)fprintf(stderr, "%s\n", err.msg);
	json_decref(database);
	return full;
}

static int dump_config(const struct pgrst *p)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, TEXT_MAX_BYTES);
	pgrst_dump(p, &b);
	(void)fputs(buf_cstr(&b), stdout);
	return 0;
}

static int dump_schema(const struct pgrst *p)
{
	BUF_CLEANUP struct buf b;
	struct asking a;
	buf_init(&b, TEXT_MAX_BYTES);
	begin(&a, p, WAIT_MS);
	catalogue_load(a.pool, p->rest.schemas, p->rest.schema_count, on_catalogue, &a);
	(void)uv_run(&a.loop, UV_RUN_DEFAULT);
	end(&a);
	if (a.catalogue == NULL) return (void)fprintf(stderr, "the schema could not be read: %s\n", a.err.msg), 1;
	inspect_catalogue(a.catalogue, &b);
	(void)puts(buf_cstr(&b));
	catalogue_put(a.catalogue);
	return 0;
}

static int ask_ready(const struct pgrst *p)
{
	BUF_CLEANUP struct buf body;
	struct http_answer answer;
	struct err err;
	char url[300];
	const char *host = p->admin_host;
	buf_init(&body, 4096);
	if (p->admin_port == 0)
		return (void)fputs("ERROR: Admin server is not running. Please check admin-server-port config.\n",
				   stderr),
		       1;
	if (host[0] == '*' || host[0] == '!')
		return (void)fprintf(stderr,
				     "ERROR: The `--ready` flag cannot be used when server-host is configured as "
				     "\"%s\". Please update your server-host config to \"localhost\".\n",
				     host),
		       1;
	bool is_v6 = strchr(host, ':') != NULL;
	(void)snprintf(url, sizeof url, "http://%s%s%s:%u/ready", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
		       p->admin_port);
	struct http_call call = {.url = url, .deadline_ms = WAIT_MS};
	if (!http_call(&call, &body, &answer, &err))
		return (void)fprintf(stderr, "ERROR: connection refused to %s\n", url), 1;
	if (answer.status < 200 || answer.status > 299) return (void)fprintf(stderr, "ERROR: %s\n", url), 1;
	(void)printf("OK: %s\n", url);
	return 0;
}

int options_run(enum option option, const struct standalone_source *source, const struct pgrst *settings)
{
	if (option == OPTION_READY) return ask_ready(settings);
	struct pgrst *full = with_database(source, settings);
	if (full == NULL) return 1;
	int status = option == OPTION_DUMP_CONFIG ? dump_config(full) : dump_schema(full);
	pgrst_put(full);
	return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/pgrst_dump.h"

#include <stdlib.h>
#include <string.h>

#include "bin/backend/pgrst_values.h"
#include "codec/claim.h"

enum kind { KIND_TEXT, KIND_LIST, KIND_PATH, KIND_FLAG, KIND_NUMBER };

/* In PostgREST's order. What is empty by default and a number stands there as "". */
static const struct setting {
	const char *name, *otherwise, *about;
	enum kind kind;
} settings[] = {
    {"db-aggregates-enabled", "false", "sum(), avg(), count(), min() and max() in select", KIND_FLAG},
    {"db-anon-role", "", "the database role of requests without a token; without it they get 401", KIND_TEXT},
    {"db-channel", "pgrst", "NOTIFY on this channel reads the schema and the settings again", KIND_TEXT},
    {"db-channel-enabled", "true", "whether it is listened to", KIND_FLAG},
    {"db-extra-search-path", "public", "schemas behind the one that is asked for, in each request's search_path",
     KIND_LIST},
    {"db-hoisted-tx-settings", "statement_timeout,plan_filter.statement_cost_limit,default_transaction_isolation",
     "what a function's own SET may say about its transaction", KIND_LIST},
    {"db-max-rows", "", "rows of one answer at most", KIND_NUMBER},
    {"db-plan-enabled", "false", "whether execution plans are shown", KIND_FLAG},
    {"db-pool", "10", "connections to PostgreSQL at most", KIND_NUMBER},
    {"db-pool-acquisition-timeout", "10", "seconds that a request waits for one", KIND_NUMBER},
    {"db-pool-max-lifetime", "1800", "seconds after which a connection is made anew", KIND_NUMBER},
    {"db-pool-max-idletime", "30", "seconds after which one that nobody uses is closed", KIND_NUMBER},
    {"db-pool-automatic-recovery", "true", "whether a lost PostgreSQL is waited for", KIND_FLAG},
    {"db-pre-request", "", "a function that runs before each request", KIND_TEXT},
    {"db-prepared-statements", "true", "false behind a pooler that lends a connection for a transaction", KIND_FLAG},
    {"db-root-spec", "", "a function that answers / instead of the OpenAPI description", KIND_TEXT},
    {"db-schemas", "public", "the schemas that are served; the first unless another is asked for", KIND_LIST},
    {"db-config", "true", "whether settings are read from the database too", KIND_FLAG},
    {"db-pre-config", "", "a function that sets them there", KIND_TEXT},
    {"db-tx-end", "commit", "commit, commit-allow-override, rollback or rollback-allow-override", KIND_TEXT},
    {"db-uri", "postgresql://", "where PostgreSQL is, and as whom; or @ and the name of a file that says it",
     KIND_TEXT},
    {"jwt-aud", "", "whom a token must be for", KIND_TEXT},
    {"jwt-role-claim-key", ".role", "where a token names its role", KIND_PATH},
    {"jwt-secret", "", "a secret of at least 32 characters, a key or a key set (JWK); or @ and a file's name",
     KIND_TEXT},
    {"jwt-secret-is-base64", "false", "whether it is written so", KIND_FLAG},
    {"jwt-cache-max-entries", "1000", "tokens that are remembered as checked; 0: none", KIND_NUMBER},
    {"log-level", "error", "crit, error, warn, info or debug", KIND_TEXT},
    {"log-query", "false", "whether the SQL of requests is logged, by that level", KIND_FLAG},
    {"openapi-mode", "follow-privileges", "follow-privileges, ignore-privileges or disabled", KIND_TEXT},
    {"openapi-security-active", "false", "whether the description mentions tokens", KIND_FLAG},
    {"openapi-server-proxy-uri", "", "the address it gives", KIND_TEXT},
    {"server-cors-allowed-origins", "", "pages of which origins may ask; empty: of all", KIND_LIST},
    {"server-host", "!4", "an address, or one of *, *4, !4, *6, !6 for all", KIND_TEXT},
    {"server-port", "3000", "", KIND_NUMBER},
    {"server-trace-header", "", "a header of requests that their answers repeat", KIND_TEXT},
    {"server-timing-enabled", "false", "whether answers say what took how long", KIND_FLAG},
    {"server-unix-socket", "", "a path, instead of host and port", KIND_TEXT},
    {"server-unix-socket-mode", "660", "", KIND_TEXT},
    {"admin-server-host", NULL, "of /live, /ready, /metrics and /schema_cache; server-host unless given", KIND_TEXT},
    {"admin-server-port", "", "none unless given", KIND_NUMBER},
};
#define SETTINGS (sizeof settings / sizeof *settings)

static void put_quoted(struct buf *b, struct str text)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"') buf_putc(b, '\\');
		buf_putc(b, text.ptr[i]);
	}
	buf_putc(b, '"');
}

/* Commas without blanks. */
static void put_list(struct buf *b, const char *text)
{
	BUF_CLEANUP struct buf joined;
	struct str rest = str_from(text), part;
	bool is_first = true;
	buf_init(&joined, 64u << 10);
	while (text[0] != '\0' && str_next(&rest, ',', &part)) {
		if (!is_first) buf_putc(&joined, ',');
		is_first = false;
		buf_str(&joined, str_trim(part));
	}
	put_quoted(b, buf_view(&joined));
}

static void put_path(struct buf *b, const char *path)
{
	BUF_CLEANUP struct buf written;
	buf_init(&written, 64u << 10);
	claim_path_write(path, &written);
	put_quoted(b, buf_view(&written));
}

static void put_value(struct buf *b, const struct setting *s, const char *value)
{
	switch (s->kind) {
	case KIND_TEXT: put_quoted(b, str_from(value)); break;
	case KIND_LIST: put_list(b, value); break;
	case KIND_PATH: put_path(b, value); break;
	default: buf_puts(b, value[0] != '\0' ? value : "\"\"");
	}
}

static const char *value_of(const struct pgrst *p, const struct setting *s, char number[24])
{
	const json_t *v = p->values;
	const char *otherwise = s->otherwise != NULL ? s->otherwise : p->server_host;
	int64_t n;
	if (s->kind == KIND_FLAG) return pgrst_flag(v, s->name, strcmp(otherwise, "true") == 0) ? "true" : "false";
	if (s->kind == KIND_LIST) {
		const char *text = pgrst_text_or_empty(v, s->name);
		bool may_be_empty = strcmp(s->name, "db-extra-search-path") == 0;
		return text != NULL && (text[0] != '\0' || may_be_empty) ? text : otherwise;
	}
	const char *text = pgrst_text(v, s->name, otherwise);
	if (s->kind != KIND_NUMBER) return text;
	if (!str_to_int(str_from(text), &n)) return otherwise;
	(void)snprintf(number, 24, "%lld", (long long)n);
	return number;
}

void pgrst_dump(const struct pgrst *p, struct buf *ret_text)
{
	char number[24];
	for (size_t i = 0; i < SETTINGS; i++) {
		buf_printf(ret_text, "%s = ", settings[i].name);
		put_value(ret_text, &settings[i], value_of(p, &settings[i], number));
		buf_putc(ret_text, '\n');
	}
	for (int i = 0; i < p->rest.app_setting_count; i++) {
		buf_printf(ret_text, "%s = ", p->app_settings[2 * i]);
		put_quoted(ret_text, str_from(p->app_settings[2 * i + 1]));
		buf_putc(ret_text, '\n');
	}
}

void pgrst_example(struct buf *ret_text)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];
		if (s->about[0] != '\0') buf_printf(ret_text, "## %s\n", s->about);
		bool has_default = s->otherwise != NULL && s->otherwise[0] != '\0';
		buf_printf(ret_text, "%s%s = ", has_default ? "" : "# ", s->name);
		if (s->kind == KIND_FLAG || (s->kind == KIND_NUMBER && has_default))
			buf_puts(ret_text, s->otherwise);
		else
			put_quoted(ret_text, str_from(s->otherwise != NULL ? s->otherwise : ""));
		buf_puts(ret_text, "\n\n");
	}
}

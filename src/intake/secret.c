/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/secret.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "intake/finding.h"
#include "intake/inspect.h"
#include "intake/scan.h"

#define TEXT_SIZE 900
#define TOKENS_MAX 500 /* in one file */

static bool is_base64url(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static void add(struct secret_facts *f, const char *kind, const char *path, uint32_t line,
		enum finding_severity severity, const char *title, const char *detail, const char *paste)
{
	finding_add(f->findings, &(struct finding){.kind = kind,
						   .subject = path,
						   .severity = severity,
						   .title = title,
						   .detail = detail,
						   .file = path,
						   .line = line,
						   .paste = paste});
}

static void add_service_key(struct secret_facts *f, const char *path, uint32_t line, bool reaches_browser)
{
	char title[TEXT_SIZE], paste[TEXT_SIZE];
	(void)snprintf(title, sizeof title, "%.300s holds the key that may do everything (service_role)", path);
	(void)snprintf(
	    paste, sizeof paste,
	    "%.300s, line %u, contains a Supabase service_role key. Remove it from the code, move what needs it "
	    "to a server function that reads it from its secrets, and issue a new key in the project's settings, "
	    "because the old one is known to everybody who has seen the code.",
	    path, line);
	if (reaches_browser)
		add(f, "service-key-in-browser", path, line, FINDING_REFUSE, title,
		    "It would be sent to every visitor's browser, and no row security holds against it.", paste);
	else
		add(f, "service-key", path, line, FINDING_STOP, title,
		    "It stands in the code, so it is known to everybody who has the code. No row security holds "
		    "against "
		    "it.",
		    paste);
}

/* Claims of the JWT that begins at `at`, or NULL; *ret_end is behind it. */
static json_t *claims_at(struct str text, size_t at, size_t *ret_end)
{
	size_t dots[2], count = 0, end = at;
	for (; end < text.len && (is_base64url(text.ptr[end]) || (text.ptr[end] == '.' && count < 2)); end++)
		if (text.ptr[end] == '.') dots[count++] = end;
	*ret_end = end;
	if (count < 2 || end - at > 8192 || end - dots[1] < 20) return NULL;
	struct buf bytes BUF_CLEANUP;
	struct err ignored;
	json_t *claims = NULL;
	buf_init(&bytes, 8192);
	if (!base64url_decode(str_sub(text, dots[0] + 1, dots[1]), &bytes)) return NULL;
	(void)json_parse(buf_view(&bytes), &claims, &ignored);
	return claims;
}

static void judge_token(struct secret_facts *f, const char *path, uint32_t line, const json_t *claims,
			bool reaches_browser)
{
	const char *role = json_str(claims, "role", NULL), *issuer = json_str(claims, "iss", "");
	if (role == NULL || strncmp(issuer, "supabase", 8) != 0) return;
	if (json_array_size(f->keys) < INSPECT_MAX_LIST)
		json_array_append_new(f->keys, json_pack("{s:s,s:i,s:o,s:o}", "file", path, "line", (int)line, "role",
							 scan_json(str_from(role)), "ref",
							 scan_json(str_from(json_str(claims, "ref", "")))));
	/* "supabase-demo" signs the keys of every local development stack: known to all the world. */
	if (strcmp(role, "service_role") == 0 && strcmp(issuer, "supabase-demo") != 0)
		add_service_key(f, path, line, reaches_browser);
}

static void scan_tokens(struct secret_facts *f, const char *path, struct str text, bool reaches_browser)
{
	ptrdiff_t found;
	size_t count = 0;
	for (size_t from = 0; (found = str_find(str_sub(text, from, text.len), STR("eyJ"))) >= 0;) {
		size_t at = from + (size_t)found, end = at + 3;
		bool is_start = at == 0 || (!is_base64url(text.ptr[at - 1]) && text.ptr[at - 1] != '.');
		json_t *claims JSON_CLEANUP = is_start ? claims_at(text, at, &end) : NULL;
		if (claims != NULL && ++count > TOKENS_MAX) return;
		if (claims != NULL) judge_token(f, path, scan_line(text, at), claims, reaches_browser);
		from = end > at + 3 ? end : at + 3;
	}
}

/* A prefix and what must follow it. */
struct pattern {
	const char *prefix;
	size_t least; /* characters that follow at least */
	const char *kind;
	const char *what;
};

static const struct pattern patterns[] = {
    {"sb_secret_", 20, "service-key", "a Supabase secret key"},
    {"sk_live_", 16, "stripe-key", "a live Stripe key"},
    {"rk_live_", 16, "stripe-key", "a live Stripe key"},
    {"whsec_", 24, "stripe-webhook-secret", "a Stripe webhook secret"},
    {"AKIA", 16, "aws-key", "an AWS access key"},
    {"ghp_", 36, "github-token", "a GitHub token"},
    {"github_pat_", 40, "github-token", "a GitHub token"},
    {"sk-ant-", 40, "anthropic-key", "an Anthropic key"},
    {"sk-proj-", 40, "openai-key", "an OpenAI key"},
    {"xoxb-", 30, "slack-token", "a Slack token"},
    {"SG.", 60, "sendgrid-key", "a SendGrid key"},
};

/* A key is random: a run of one letter, of EXAMPLE or of "your" is a stand-in. */
static bool is_random(struct str value)
{
	static const char *const stand_ins[] = {"EXAMPLE", "example", "your", "YOUR",
						"xxxx",    "XXXX",    "....", "1234567890"};
	for (size_t i = 0; i < sizeof stand_ins / sizeof *stand_ins; i++)
		if (str_find(value, str_from(stand_ins[i])) >= 0) return false;
	bool seen[256] = {0};
	size_t distinct = 0;
	for (size_t i = 0; i < value.len; i++)
		if (!seen[(unsigned char)value.ptr[i]]) seen[(unsigned char)value.ptr[i]] = true, distinct++;
	return distinct >= 8;
}

static bool is_upper_or_digit(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9'))) return false;
	return true;
}

static void add_pattern(struct secret_facts *f, const struct pattern *p, const char *path, uint32_t line,
			bool reaches_browser)
{
	char title[TEXT_SIZE], paste[TEXT_SIZE], kind[80];
	if (strcmp(p->prefix, "sb_secret_") == 0) {
		add_service_key(f, path, line, reaches_browser);
		return;
	}
	(void)snprintf(kind, sizeof kind, "secret-%s", p->kind);
	(void)snprintf(title, sizeof title, "%.300s holds %s", path, p->what);
	(void)snprintf(
	    paste, sizeof paste,
	    "%.300s, line %u, contains %s. Remove it from the code, read it from a secret on the server side, and "
	    "issue a new one, because this one is known to everybody who has the code.",
	    path, line, p->what);
	add(f, kind, path, line, FINDING_STOP, title,
	    reaches_browser ? "It would be sent to every visitor's browser."
			    : "It stands in the code, so it is known to everybody who has the code.",
	    paste);
}

static void scan_pattern(struct secret_facts *f, const struct pattern *p, const char *path, struct str text,
			 bool reaches_browser)
{
	struct str prefix = str_from(p->prefix);
	ptrdiff_t found;
	for (size_t from = 0; (found = str_find(str_sub(text, from, text.len), prefix)) >= 0;) {
		size_t at = from + (size_t)found, end = at + prefix.len;
		from = end;
		if (at > 0 && is_base64url(text.ptr[at - 1])) continue;
		while (end < text.len &&
		       (is_base64url(text.ptr[end]) || (text.ptr[end] == '.' && prefix.ptr[2] == '.')))
			end++;
		struct str value = str_sub(text, at + prefix.len, end);
		bool is_aws = strcmp(p->prefix, "AKIA") == 0;
		if (value.len < p->least || !is_random(value)) continue;
		if (is_aws && (value.len != p->least || !is_upper_or_digit(value))) continue;
		add_pattern(f, p, path, scan_line(text, at), reaches_browser);
		return; /* one finding for a file and kind */
	}
}

static void scan_private_keys(struct secret_facts *f, const char *path, struct str text)
{
	struct str mark = STR("PRIVATE KEY-----");
	ptrdiff_t found;
	for (size_t from = 0; (found = str_find(str_sub(text, from, text.len), mark)) >= 0;) {
		size_t at = from + (size_t)found, body = at + mark.len, filled = 0;
		from = body;
		size_t line_start = at > 40 ? at - 40 : 0;
		if (str_find(str_sub(text, line_start, at), STR("-----BEGIN ")) < 0) continue;
		/* Base64 over lines (or with \n written out) for the length of the smallest key. */
		for (; body < text.len && body < from + 400 && text.ptr[body] != '-'; body++)
			filled += is_base64url(text.ptr[body]) || text.ptr[body] == '+' || text.ptr[body] == '/';
		if (filled < 60 || !is_random(str_sub(text, from, body))) continue;
		char title[TEXT_SIZE], paste[TEXT_SIZE];
		(void)snprintf(title, sizeof title, "%.300s holds a private key", path);
		(void)snprintf(
		    paste, sizeof paste,
		    "%.300s contains a private key. Remove it from the code, read it from a secret on the server "
		    "side, and make a new one.",
		    path);
		add(f, "secret-private-key", path, scan_line(text, at), FINDING_STOP, title,
		    "It stands in the code, so it is known to everybody who has the code.", paste);
		return;
	}
}

void secret_scan(struct secret_facts *f, const char *path, struct str text, bool reaches_browser)
{
	scan_tokens(f, path, text, reaches_browser);
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
		scan_pattern(f, &patterns[i], path, text, reaches_browser);
	scan_private_keys(f, path, text);
}

/* .env files. */

bool secret_is_env_file(const char *path)
{
	static const char *const examples[] = {"example", "sample", "template", "dist", "defaults"};
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	if (strncmp(name, ".env", 4) != 0 || (name[4] != '\0' && name[4] != '.')) return false;
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
		if (strstr(name, examples[i]) != NULL) return false;
	return true;
}

static bool contains(struct str name, const char *part)
{
	return str_find(name, str_from(part)) >= 0;
}

static bool is_public_name(struct str name)
{
	return str_has_prefix(name, STR("VITE_")) || str_has_prefix(name, STR("NEXT_PUBLIC_")) ||
	       str_has_prefix(name, STR("EXPO_PUBLIC_")) || str_has_prefix(name, STR("PUBLIC_"));
}

bool secret_name_is_service(struct str name)
{
	return is_public_name(name) && (contains(name, "SERVICE_ROLE") || contains(name, "SERVICE_KEY"));
}

/* Keys that cost money or open an account, under a name that a bundler writes into the page. Maps, Firebase and
 * publishable keys are made to be seen. */
bool secret_name_is_exposed(struct str name)
{
	static const char *const keys[] = {"OPENAI",  "ANTHROPIC", "GEMINI",     "GROQ",        "MISTRAL", "DEEPSEEK",
					   "RESEND",  "SENDGRID",  "ELEVENLABS", "REPLICATE",   "TWILIO",  "OPENROUTER",
					   "MAILGUN", "AIRTABLE",  "NOTION",     "HUGGINGFACE", "PINECONE"};
	static const char *const parts[] = {"SECRET", "PRIVATE_KEY", "PASSWORD", "DATABASE_URL", "JWT_KEY"};
	if (!is_public_name(name) || secret_name_is_service(name)) return false;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (contains(name, parts[i])) return true;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (contains(name, keys[i]) && (contains(name, "KEY") || contains(name, "TOKEN"))) return true;
	return false;
}

static bool is_secret_name(struct str name)
{
	static const char *const parts[] = {"SECRET", "PRIVATE", "PASSWORD", "PASSWD", "SERVICE_ROLE", "SERVICE_KEY"};
	static const char *const own[] = {"_TOKEN", "API_KEY", "DATABASE_URL", "DB_URL", "ACCESS_KEY"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (contains(name, parts[i])) return true;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!is_public_name(name) && contains(name, own[i])) return true;
	return false;
}

static bool is_stand_in(struct str value)
{
	static const char *const parts[] = {"your", "YOUR",    "xxx",         "XXX",       "change",
					    "<",    "example", "placeholder", "localhost", "127.0.0.1",
					    "...",  "TODO",    "dummy",       "${"};
	if (value.len < 8) return true;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (contains(value, parts[i])) return true;
	return false;
}

/* The anon key is public whatever it is called. */
static bool is_public_value(struct str value)
{
	size_t end;
	json_t *claims JSON_CLEANUP = str_has_prefix(value, STR("eyJ")) ? claims_at(value, 0, &end) : NULL;
	return strcmp(json_str(claims, "role", ""), "anon") == 0 || str_has_prefix(value, STR("sb_publishable_")) ||
	       str_has_prefix(value, STR("pk_live_")) || str_has_prefix(value, STR("pk_test_"));
}

void secret_add_service_name(struct secret_facts *f, struct str name, const char *path, uint32_t line)
{
	char text[200], title[TEXT_SIZE], paste[TEXT_SIZE];
	(void)snprintf(text, sizeof text, "%.*s", (int)(name.len < 150 ? name.len : 150), name.ptr);
	if (!str_is_utf8(str_from(text))) return;
	(void)snprintf(title, sizeof title, "%s would put the key that may do everything into browsers", text);
	(void)snprintf(
	    paste, sizeof paste,
	    "%.300s, line %u, uses %s. Everything named VITE_… is sent to browsers, and the service_role key may "
	    "do everything. Move what needs it to a server function and remove this variable.",
	    path, line, text);
	finding_add(f->findings,
		    &(struct finding){.kind = "service-key-in-browser",
				      .subject = text,
				      .severity = FINDING_REFUSE,
				      .title = title,
				      .detail =
					  "What a browser gets, every visitor can read; no row security holds against "
					  "the service_role key.",
				      .file = path,
				      .line = line,
				      .paste = paste});
}

void secret_add_exposed_name(struct secret_facts *f, struct str name, const char *path, uint32_t line)
{
	char text[200], title[TEXT_SIZE], paste[TEXT_SIZE];
	(void)snprintf(text, sizeof text, "%.*s", (int)(name.len < 150 ? name.len : 150), name.ptr);
	if (!str_is_utf8(str_from(text))) return;
	(void)snprintf(title, sizeof title, "The value of %s is sent to every visitor", text);
	(void)snprintf(
	    paste, sizeof paste,
	    "%.300s, line %u, uses %s in the browser, so everybody who opens the site can read its value and use it at "
	    "our cost. Move the call into a server function that reads the key from its secrets, and remove this "
	    "variable.",
	    path, line, text);
	finding_add(f->findings,
		    &(struct finding){
			.kind = "secret-name-in-browser",
			.subject = text,
			.severity = FINDING_STOP,
			.title = title,
			.detail = "A bundler writes variables of this prefix into the page; the name says that it is a "
				  "secret.",
			.file = path,
			.line = line,
			.paste = paste});
}

static void judge_env_value(struct secret_facts *f, const char *path, struct str name, struct str value, uint32_t line)
{
	char subject[TEXT_SIZE], title[TEXT_SIZE], paste[TEXT_SIZE], text[160];
	if (value.len == 0 || is_stand_in(value) || is_public_value(value) || name.len > 150) return;
	if (secret_name_is_service(name)) {
		secret_add_service_name(f, name, path, line);
		return;
	}
	(void)snprintf(text, sizeof text, "%.*s", STR_FMT(name));
	if (!is_secret_name(name)) return;
	(void)snprintf(subject, sizeof subject, "%.300s:%s", path, text);
	(void)snprintf(title, sizeof title, "%.300s was committed with a value for %s", path, text);
	(void)snprintf(
	    paste, sizeof paste,
	    "%.300s is part of the code and holds a value for %s. Remove the file from the code, set the value "
	    "as a secret, and issue a new one.",
	    path, text);
	finding_add(
	    f->findings,
	    &(struct finding){.kind = "secret-in-env",
			      .subject = subject,
			      .severity = FINDING_STOP,
			      .title = title,
			      .detail = is_public_name(name)
					    ? "Its name says secret, and it would be sent to every visitor's browser."
					    : "It is known to everybody who has the code.",
			      .file = path,
			      .line = line,
			      .paste = paste});
}

static bool env_pair(struct str line, struct str *ret_name, struct str *ret_value)
{
	struct str name, value;
	line = str_trim(line);
	if (str_has_prefix(line, STR("export "))) line = str_trim(str_sub(line, 7, line.len));
	if (line.len == 0 || line.ptr[0] == '#' || !str_cut(line, '=', &name, &value)) return false;
	name = str_trim(name), value = str_trim(value);
	for (size_t i = 0; i < name.len; i++)
		if (!scan_is_name_char(name.ptr[i])) return false;
	char quote = value.len > 0 ? value.ptr[0] : '\0';
	if (value.len >= 2 && (quote == '"' || quote == '\'') && value.ptr[value.len - 1] == quote)
		value = str_sub(value, 1, value.len - 1);
	*ret_name = name, *ret_value = value;
	return name.len > 0;
}

/* A variable that is sent to browsers holds the key that may do everything. */
static bool sends_service_key(struct str text)
{
	struct str rest = text, line, name, value;
	bool found = false;
	while (str_next(&rest, '\n', &line)) {
		size_t end;
		if (!env_pair(line, &name, &value) || !is_public_name(name)) continue;
		json_t *claims JSON_CLEANUP = str_has_prefix(value, STR("eyJ")) ? claims_at(value, 0, &end) : NULL;
		found = found || strcmp(json_str(claims, "role", ""), "service_role") == 0 ||
			str_has_prefix(value, STR("sb_secret_"));
	}
	return found;
}

void secret_scan_env(struct secret_facts *f, const char *path, struct str text)
{
	size_t before = json_array_size(f->findings);
	secret_scan(f, path, text, sends_service_key(text));
	struct str rest = text, line, name, value;
	for (uint32_t number = 1; str_next(&rest, '\n', &line); number++) {
		if (!env_pair(line, &name, &value)) continue;
		json_t *clean = scan_json(name);
		if (value.len > 0 && json_object_size(f->env_set) < INSPECT_MAX_LIST)
			json_object_set_new(f->env_set, json_string_value(clean), json_string(path));
		json_decref(clean);
		judge_env_value(f, path, name, value, number);
	}
	if (json_array_size(f->findings) == before)
		add(f, "committed-env", path, 0, FINDING_NOTE, "A .env file is part of the code",
		    "It holds public values only, so nothing is lost. What you set with `freehold env` comes before "
		    "it.",
		    NULL);
}

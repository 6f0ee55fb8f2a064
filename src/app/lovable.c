/* SPDX-License-Identifier: Apache-2.0 */
#include "app/lovable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ai/ask.h"
#include "app/signin.h"
#include "codec/json.h"
#include "os/file.h"
#include "store/app.h"

#define KIND "key"
#define NAME "ai"
#define SHARED_LABEL "shared/ai"

/* For all: a sealed file, since no app owns it. */
static bool shared_path(const struct flow *f, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return layout_home(&f->layout, "ai.sealed", ret_path, err);
}

static bool read_shared(const struct flow *f, struct buf *ret_text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct buf sealed BUF_CLEANUP;
	buf_init(&sealed, SEAL_VALUE_MAX_BYTES + 1024);
	if (!shared_path(f, path, err)) return false;
	if (!file_exists(path)) return err_set(err, ERR_NOT_FOUND, "no AI provider is set for all apps");
	return file_read(path, &sealed, err) &&
	       seal_open_value(f->seal, STR(SHARED_LABEL), buf_view(&sealed), ret_text, err);
}

static bool write_shared(const struct flow *f, struct str text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct buf sealed BUF_CLEANUP;
	buf_init(&sealed, SEAL_VALUE_MAX_BYTES + 1024);
	seal_close_value(f->seal, STR(SHARED_LABEL), text, &sealed);
	return shared_path(f, path, err) && file_write(path, buf_view(&sealed), 0600, err);
}

static bool read_one(const struct flow *f, const char *app, json_t **ret_document, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, SEAL_VALUE_MAX_BYTES);
	bool ok =
	    app != NULL ? app_secret_get(f->db, f->seal, app, KIND, NAME, &text, err) : read_shared(f, &text, err);
	if (ok) return json_parse(buf_view(&text), ret_document, err) || err_wrap(err, "the AI provider that is kept");
	if (err->code != ERR_NOT_FOUND) return false;
	*ret_document = NULL;
	return true;
}

/* What holds for an app, and whose it is. NULL: none. */
static bool find(const struct flow *f, const char *app, json_t **ret_document, const char **ret_from, struct err *err)
{
	*ret_from = app != NULL ? "app" : "all";
	if (!read_one(f, app, ret_document, err)) return false;
	if (*ret_document == NULL && app != NULL) {
		*ret_from = "all";
		if (!read_one(f, NULL, ret_document, err)) return false;
	}
	if (*ret_document == NULL) *ret_from = "none";
	return true;
}

bool lovable_document(const struct flow *f, const char *app, json_t **ret_document, struct err *err)
{
	json_t *o JSON_CLEANUP = NULL, *models = json_array();
	const char *from, *name;
	json_t *to;
	struct buf key BUF_CLEANUP;
	buf_init(&key, 256);
	/* An app of an earlier Freehold gets its key with its next deployment. */
	if (!find(f, app, &o, &from, err) ||
	    (!app_secret_get(f->db, f->seal, app, KIND, LOVABLE_KEY, &key, err) && err->code != ERR_NOT_FOUND)) {
		json_decref(models);
		return false;
	}
	json_object_foreach(json_object_get(o, "models"), name, to)
	    json_array_append_new(models, json_pack("{s:s, s:O}", "from", name, "to", to));
	*ret_document = json_pack("{s:s, s:s*, s:s*, s:o}", "app_key", buf_cstr(&key), "url", json_str(o, "url", NULL),
				  "key", json_str(o, "key", NULL), "models", models);
	return *ret_document != NULL || err_set(err, ERR_INTERNAL, "the AI provider of %s", app);
}

bool lovable_list(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	json_t *o JSON_CLEANUP = NULL;
	const char *from;
	if (!find(f, app, &o, &from, err)) return false;
	json_t *models = json_object_get(o, "models");
	*ret_list = json_pack("{s:s*, s:b, s:o, s:s}", "url", json_str(o, "url", NULL), "has_key",
			      json_str(o, "key", "")[0] != '\0', "models",
			      models != NULL ? json_incref(models) : json_object(), "from", from);
	return *ret_list != NULL || err_set(err, ERR_INTERNAL, "the AI provider");
}

static bool check(const json_t *o, struct err *err)
{
	struct ai_settings s = {.url = json_str(o, "url", NULL), .key = json_str(o, "key", NULL)};
	const char *name;
	json_t *to;
	if (s.url == NULL)
		return err_set(err, ERR_INVALID, "say where the provider is: --url https://api.openai.com/v1");
	for (const char *c = s.key != NULL ? s.key : ""; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7F)
			return err_set(err, ERR_INVALID, "the key holds a space or a control character");
	json_object_foreach(json_object_get(o, "models"), name, to)
	{
		if (s.model_count == AI_MODELS_MAX)
			return err_set(err, ERR_LIMIT, "no more than %d models can be named", AI_MODELS_MAX);
		s.models[s.model_count++] = (struct ai_model){name, json_string_value(to)};
	}
	return ai_settings_check(&s, err);
}

static bool merge(json_t *o, const json_t *change, struct err *err)
{
	static const char *const texts[] = {"url", "key"};
	const char *name;
	json_t *to, *models = json_object_get(o, "models");
	for (int i = 0; i < 2; i++) {
		json_t *value = json_object_get(change, texts[i]);
		if (value == NULL) continue;
		if (!json_is_string(value)) return err_set(err, ERR_INVALID, "%s must be a text", texts[i]);
		json_object_set(o, texts[i], value);
	}
	json_object_foreach(json_object_get(change, "models"), name, to)
	{
		if (json_is_null(to)) {
			(void)json_object_del(models, name);
			continue;
		}
		if (!json_is_string(to)) return err_set(err, ERR_INVALID, "the model %.60s needs a name", name);
		json_object_set(models, name, to);
	}
	return true;
}

static bool apply_one(void *arg, const struct app *app, struct err *err)
{
	return signin_apply(arg, app->name, err) || err_wrap(err, "%s", app->name);
}

static bool apply(const struct flow *f, const char *app, struct err *err)
{
	if (app != NULL) return signin_apply(f, app, err);
	return app_each(f->db, apply_one, (void *)(uintptr_t)f, err);
}

static bool forget(const struct flow *f, const char *app, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (app != NULL) return app_secret_unset(f->db, app, KIND, NAME, err) || err->code == ERR_NOT_FOUND;
	return shared_path(f, path, err) && (unlink(path) == 0 || errno == ENOENT || err_set_errno(err, "%s", path));
}

static bool keep(const struct flow *f, const char *app, const json_t *o, struct err *err)
{
	char *text = json_text(o);
	bool ok = app != NULL ? app_secret_set(f->db, f->seal, app, KIND, NAME, str_from(text), err)
			      : write_shared(f, str_from(text), err);
	free(text);
	return ok;
}

bool lovable_change(const struct flow *f, const char *app, const json_t *change, struct err *err)
{
	json_t *o JSON_CLEANUP = NULL;
	const char *from;
	struct app known;
	if (app != NULL && !app_get(f->db, app, &known, err)) return false;
	if (change == NULL) return forget(f, app, err) && apply(f, app, err);
	if (!find(f, app, &o, &from, err)) return false;
	if (o == NULL) o = json_object();
	if (json_object_get(o, "models") == NULL) json_object_set_new(o, "models", json_object());
	return merge(o, change, err) && check(o, err) && keep(f, app, o, err) && apply(f, app, err);
}

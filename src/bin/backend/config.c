/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "codec/json.h"

#define FILE_MAX_BYTES (AUTH_SETTINGS_MAX_BYTES + (256u << 10))
#define SECRET_MIN_BYTES 32
#define POOL_SIZE 10
#define POOL_SIZE_MAX 100
#define LOOPBACK "127.0.0.1:"

static bool check_mode(const char *path, struct err *err)
{
	struct stat st;
	if (stat(path, &st) != 0) return err_set_errno(err, "%s", path);
	if ((st.st_mode & 077) == 0) return true;
	return err_set(err, ERR_DENIED, "%s holds secrets and others can read it; run chmod 600 %s", path, path);
}

static bool read_listen(const json_t *file, struct backend_config *c, struct err *err)
{
	const char *listen = NULL;
	int64_t port;
	if (!json_need_str(file, "listen", &listen, err)) return false;
	if (listen[0] == '/') {
		c->listen_path = listen;
	} else {
		struct str text = str_from(listen);
		if (!str_has_prefix(text, STR(LOOPBACK)) ||
		    !str_to_int(str_sub(text, sizeof LOOPBACK - 1, text.len), &port) || port < 1 || port > 65535)
			return err_set(err, ERR_INVALID,
				       "listen must be an absolute path or 127.0.0.1:PORT, not \"%s\"", listen);
		c->listen_port = (uint16_t)port;
	}
	const char *mode = json_str(file, "listen_mode", "0600");
	char *end = NULL;
	unsigned long value = strtoul(mode, &end, 8);
	if (*mode == '\0' || *end != '\0' || value > 0777)
		return err_set(err, ERR_INVALID, "listen_mode must be octal, as in \"0660\", not \"%s\"", mode);
	c->listen_mode = (mode_t)value;
	return true;
}

static bool read_schemas(const json_t *file, struct backend_config *c, struct err *err)
{
	const json_t *list = json_object_get(file, "schemas");
	c->schemas[0] = "public";
	c->schema_count = 1;
	if (list == NULL) return true;
	if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > BACKEND_SCHEMAS_MAX)
		return err_set(err, ERR_INVALID, "schemas must be a list of 1 to %d names", BACKEND_SCHEMAS_MAX);
	c->schema_count = (int)json_array_size(list);
	for (int i = 0; i < c->schema_count; i++) {
		c->schemas[i] = json_string_value(json_array_get(list, (size_t)i));
		if (c->schemas[i] == NULL) return err_set(err, ERR_INVALID, "schemas must be a list of names");
	}
	return true;
}

static bool read_level(const json_t *file, struct backend_config *c, struct err *err)
{
	static const char *const words[] = {"debug", "info", "warn", "error"};
	const char *level = json_str(file, "log_level", "info");
	for (int i = 0; i < 4; i++) {
		if (strcmp(level, words[i]) != 0) continue;
		c->log_level = (enum log_level)i;
		return true;
	}
	return err_set(err, ERR_INVALID, "log_level must be debug, info, warn or error, not \"%s\"", level);
}

static bool read_numbers(const json_t *file, struct backend_config *c, struct err *err)
{
	int64_t pool_size = json_int(file, "pool_size", POOL_SIZE);
	if (pool_size < 1 || pool_size > POOL_SIZE_MAX)
		return err_set(err, ERR_INVALID, "pool_size must be 1 to %d", POOL_SIZE_MAX);
	c->pool_size = (int)pool_size;
	c->max_rows = json_int(file, "max_rows", 0);
	c->jobs_database = json_str(file, "jobs_database", NULL);
	c->realtime_database = json_str(file, "realtime_database", NULL);
	return true;
}

/* The app's address is where its users are sent, unless the settings name another. */
static bool read_auth(const json_t *file, struct backend_config *c, struct err *err)
{
	json_t *auth JSON_CLEANUP = json_object(), *given = json_object_get(file, "auth");
	if (given != NULL && !json_is_object(given)) return err_set(err, ERR_INVALID, "auth must be an object");
	(void)json_object_set_new(auth, "site_url", json_string(c->site_url));
	if (given != NULL) (void)json_object_update(auth, given);
	return auth_settings_read(auth, &c->auth, err) || err_wrap(err, "auth");
}

static bool read_s3_keys(const json_t *list, struct err *err)
{
	size_t i;
	const json_t *key;
	const char *text;
	if (list != NULL && !json_is_array(list)) return err_set(err, ERR_INVALID, "storage.s3_keys must be a list");
	json_array_foreach(list, i, key)
	{
		if (!json_need_str(key, "id", &text, err) || !json_need_str(key, "secret", &text, err))
			return err_wrap(err, "storage.s3_keys");
	}
	return true;
}

static bool read_storage(const json_t *file, struct backend_config *c, struct err *err)
{
	const json_t *o = json_object_get(file, "storage");
	if (o == NULL) return true;
	int64_t limit = json_int(o, "file_size_limit", 0), reserve = json_int(o, "reserve", 0);
	c->storage_folder = json_str(o, "folder", NULL);
	if (c->storage_folder == NULL || c->storage_folder[0] != '/')
		return err_set(err, ERR_INVALID, "storage.folder must be an absolute path");
	if (limit < 0 || reserve < 0)
		return err_set(err, ERR_INVALID, "storage.file_size_limit and storage.reserve must not be negative");
	c->storage_file_max = (uint64_t)limit;
	c->storage_reserve = (uint64_t)reserve;
	c->s3_keys = json_object_get(o, "s3_keys");
	c->place = json_object_get(o, "place");
	if (c->place != NULL && !json_is_object(c->place))
		return err_set(err, ERR_INVALID, "storage.place must be an object");
	return read_s3_keys(c->s3_keys, err);
}

static bool read_keys(const json_t *file, struct backend_config *c, struct err *err)
{
	const json_t *list = json_object_get(file, "signing_keys");
	if (list != NULL) return keyring_read(list, &c->keys, err) || err_wrap(err, "signing_keys");
	c->keys = keyring_from_secret(str_from(c->jwt_secret));
	return true;
}

static bool read_members(const json_t *file, struct backend_config *c, struct err *err)
{
	if (!json_need_str(file, "rest_database", &c->rest_database, err) ||
	    !json_need_str(file, "auth_database", &c->auth_database, err) ||
	    !json_need_str(file, "jwt_secret", &c->jwt_secret, err) ||
	    !json_need_str(file, "anon_key", &c->anon_key, err) ||
	    !json_need_str(file, "service_role_key", &c->service_role_key, err) ||
	    !json_need_str(file, "publishable_key", &c->publishable_key, err) ||
	    !json_need_str(file, "secret_key", &c->secret_key, err) ||
	    !json_need_str(file, "site_url", &c->site_url, err))
		return false;
	if (strlen(c->jwt_secret) < SECRET_MIN_BYTES)
		return err_set(err, ERR_INVALID, "jwt_secret must have at least %d bytes", SECRET_MIN_BYTES);
	if (c->publishable_key[0] == '\0' || c->secret_key[0] == '\0')
		return err_set(err, ERR_INVALID, "publishable_key and secret_key must not be empty");
	return read_listen(file, c, err) && read_schemas(file, c, err) && read_level(file, c, err) &&
	       read_numbers(file, c, err) && read_keys(file, c, err) && read_storage(file, c, err) &&
	       read_auth(file, c, err);
}

bool backend_config_read(const char *path, struct backend_config *ret_config, struct err *err)
{
	struct backend_config c = {0};
	if (!check_mode(path, err) || !json_parse_file(path, FILE_MAX_BYTES, &c.file, err)) return false;
	if (!read_members(c.file, &c, err)) {
		backend_config_done(&c);
		return err_wrap(err, "%s", path);
	}
	*ret_config = c;
	return true;
}

void backend_config_done(struct backend_config *config)
{
	json_decref(config->file);
	auth_settings_free(config->auth);
	keyring_free(config->keys);
	*config = (struct backend_config){0};
}

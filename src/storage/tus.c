/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/tus.h"

#include "codec/base64.h"

#define NUMBER_MAX (((uint64_t)1 << 53) - 1)
#define ID_MAX_BYTES (STORAGE_BUCKET_MAX + STORAGE_KEY_MAX + STORAGE_VERSION_SIZE + 2)

static bool is_key(struct str key)
{
	for (size_t i = 0; i < key.len; i++)
		if (key.ptr[i] <= ' ' || key.ptr[i] > '~') return false;
	return key.len > 0;
}

static bool is_base64(struct str text)
{
	size_t padding = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool is_digit =
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
		if (c == '=')
			padding++;
		else if (!is_digit || padding > 0)
			return false;
	}
	return text.len % 4 == 0 && padding <= 2;
}

static const char *decode(struct arena *a, struct str text)
{
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, text.len + 1);
	base64_decode_any(text, &bytes);
	struct str value = buf_view(&bytes);
	return str_find_char(value, '\0') < 0 ? arena_cstr(a, value) : NULL;
}

static const char **member(struct tus_metadata *m, struct str key)
{
	if (str_eq(key, STR("bucketName"))) return &m->bucket;
	if (str_eq(key, STR("objectName"))) return &m->key;
	if (str_eq(key, STR("contentType"))) return &m->type;
	if (str_eq(key, STR("cacheControl"))) return &m->cache_control;
	if (str_eq(key, STR("metadata"))) return &m->user_metadata;
	return NULL;
}

bool tus_metadata_read(struct arena *a, struct str header, struct tus_metadata *ret_metadata)
{
	struct str seen[TUS_PAIRS_MAX], rest = str_trim(header), pair;
	struct tus_metadata m = {0};
	size_t count = 0;
	if (rest.len == 0) return false;
	while (str_next(&rest, ',', &pair)) {
		struct str key = str_trim(pair), value = STR("");
		(void)str_cut(key, ' ', &key, &value);
		if (!is_key(key) || !is_base64(value) || count == TUS_PAIRS_MAX) return false;
		for (size_t i = 0; i < count; i++)
			if (str_eq(seen[i], key)) return false;
		seen[count++] = key;
		const char **wanted = member(&m, key);
		if (wanted != NULL && value.len > 0 && (*wanted = decode(a, value)) == NULL) return false;
	}
	*ret_metadata = m;
	return true;
}

bool tus_number_read(struct str header, uint64_t *ret_number)
{
	uint64_t n = 0;
	if (header.len == 0 || header.len > 16 || (header.len > 1 && header.ptr[0] == '0')) return false;
	for (size_t i = 0; i < header.len; i++) {
		if (header.ptr[i] < '0' || header.ptr[i] > '9') return false;
		n = n * 10 + (uint64_t)(header.ptr[i] - '0');
	}
	if (n > NUMBER_MAX) return false;
	*ret_number = n;
	return true;
}

const char *tus_id_write(struct arena *a, const char *bucket, const char *key, const char *version)
{
	struct buf id BUF_CLEANUP;
	const char *plain = arena_printf(a, "%s/%s/%s", bucket, key, version);
	buf_init(&id, 2 * ID_MAX_BYTES);
	if (plain == NULL) return NULL;
	base64url_encode(str_from(plain), &id);
	return buf_is_ok(&id) ? arena_cstr(a, buf_view(&id)) : NULL;
}

bool tus_id_read(struct arena *a, struct str text, struct tus_id *ret_id)
{
	struct buf plain BUF_CLEANUP;
	struct str bucket, key;
	size_t version_len = STORAGE_VERSION_SIZE - 1;
	buf_init(&plain, ID_MAX_BYTES);
	if (!base64url_decode(text, &plain) || !buf_is_ok(&plain) || !str_cut(buf_view(&plain), '/', &bucket, &key) ||
	    key.len <= version_len + 1)
		return false;
	struct str version = str_sub(key, key.len - version_len, key.len);
	if (key.ptr[key.len - version_len - 1] != '/') return false;
	key = str_sub(key, 0, key.len - version_len - 1);
	if (!storage_is_bucket(bucket) || !storage_is_key(key) || !storage_is_uuid(version)) return false;
	*ret_id = (struct tus_id){arena_cstr(a, bucket), arena_cstr(a, key), arena_cstr(a, version)};
	return ret_id->bucket != NULL && ret_id->key != NULL && ret_id->version != NULL;
}

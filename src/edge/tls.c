/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/tls.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "edge/names.h"
#include "os/file.h"

#define DAY_MS (24LL * 3600 * 1000)

static bool own(const struct edge *e, const char *path, struct err *err)
{
	return !e->has_worker || lchown(path, e->worker_uid, e->worker_gid) == 0 ||
	       err_set_errno(err, "change the owner of %s", path);
}

static bool make_folder(const struct edge *e, const char *name, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_path(path, err, "%s/%s", e->home, name) || !file_mkdirs(path, 0700, err)) return false;
	if (chmod(path, 0700) != 0) return err_set_errno(err, "%s", path);
	return own(e, path, err);
}

/* The certificate comes last: where it is, its key is. Apps' servers read the certificate. */
static bool make_authority(const struct edge *e, struct err *err)
{
	char key_path[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
	struct buf certificate BUF_CLEANUP, key BUF_CLEANUP;
	buf_init(&certificate, CERTIFICATE_MAX_BYTES), buf_init(&key, CERTIFICATE_MAX_BYTES);
	certificate_make_authority(clock_wall_ms(), &certificate, &key);
	return file_path(folder, err, "%s/authority", e->home) && file_mkdirs(folder, 0755, err) &&
	       file_path(key_path, err, "%s/authority.key", folder) &&
	       file_write(key_path, buf_view(&key), 0600, err) &&
	       file_write(e->authority_path, buf_view(&certificate), 0644, err);
}

bool edge_tls_prepare(const struct edge *e, struct err *err)
{
	bool ok = make_folder(e, "made", err) && make_folder(e, "given", err) && make_folder(e, "certs", err) &&
		  (file_exists(e->authority_path) || make_authority(e, err));
	return ok || err_wrap(err, "https at the edge");
}

/* Whole and with its owner before it has its name: a worker may ask for it at any moment. */
static bool put_file(const struct edge *e, const char *folder, const char *host, struct str text, struct err *err)
{
	char name[EDGE_HOST_SIZE + 8], path[FILE_PATH_SIZE], temporary[FILE_PATH_SIZE];
	(void)snprintf(name, sizeof name, "%s.pem", host);
	if (!edge_name_path(e, folder, name, path, err) || !file_path(temporary, err, "%s.new", path) ||
	    !file_write(temporary, text, 0600, err))
		return false;
	if (own(e, temporary, err) && (rename(temporary, path) == 0 || err_set_errno(err, "%s", path))) return true;
	(void)unlink(temporary);
	return false;
}

static bool serve(const struct edge *e, const char *folder, const char *host, struct err *err)
{
	char name[EDGE_HOST_SIZE + 8], path[FILE_PATH_SIZE], target[FILE_PATH_SIZE];
	(void)snprintf(name, sizeof name, "%s.pem", host);
	return edge_name_path(e, "certs", name, path, err) && file_path(target, err, "../%s/%s", folder, name) &&
	       file_link_swap(target, path, err);
}

static bool make(const struct edge *e, const char *host, int64_t now_ms, struct err *err)
{
	char key_path[FILE_PATH_SIZE];
	struct buf certificate BUF_CLEANUP, key BUF_CLEANUP, made BUF_CLEANUP;
	buf_init(&certificate, CERTIFICATE_MAX_BYTES), buf_init(&key, CERTIFICATE_MAX_BYTES);
	buf_init(&made, CERTIFICATE_MAX_BYTES);
	return file_path(key_path, err, "%s/authority/authority.key", e->home) &&
	       file_read(e->authority_path, &certificate, err) && file_read(key_path, &key, err) &&
	       certificate_issue(buf_view(&certificate), buf_view(&key), host, now_ms, &made, err) &&
	       put_file(e, "made", host, buf_view(&made), err);
}

/* Signed by the authority that there is now: a home may have been given another one. */
static bool is_good(const struct edge *e, const char *host, int64_t now_ms)
{
	char path[FILE_PATH_SIZE];
	struct certificate c, authority;
	struct buf text BUF_CLEANUP, signer BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, CERTIFICATE_MAX_BYTES), buf_init(&signer, CERTIFICATE_MAX_BYTES);
	return file_path(path, &ignored, "%s/made/%s.pem", e->home, host) && file_read(path, &text, &ignored) &&
	       file_read(e->authority_path, &signer, &ignored) &&
	       certificate_read(buf_view(&text), host, &c, &ignored) &&
	       certificate_read(buf_view(&signer), NULL, &authority, &ignored) && c.covers &&
	       strcmp(c.issuer, authority.issuer) == 0 && c.until_ms - now_ms > CERTIFICATE_RENEW_DAYS * DAY_MS;
}

static bool is_given(const struct edge *e, const char *host)
{
	char path[FILE_PATH_SIZE], target[FILE_PATH_SIZE];
	struct err ignored;
	return file_path(path, &ignored, "%s/certs/%s.pem", e->home, host) && file_link_read(path, target, &ignored) &&
	       str_has_prefix(str_from(target), STR("../given/"));
}

bool edge_certificate_ensure(const struct edge *e, const char *host, int64_t now_ms, struct err *err)
{
	bool ok = (is_good(e, host, now_ms) || make(e, host, now_ms, err)) &&
		  (is_given(e, host) || serve(e, "made", host, err));
	return ok || err_wrap(err, "the certificate of %s", host);
}

bool edge_certificate_set(const struct edge *e, const char *host, struct str chain, struct str key, int64_t now_ms,
			  struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, CERTIFICATE_MAX_BYTES);
	return certificate_join(chain, key, host, now_ms, &text, err) &&
	       put_file(e, "given", host, buf_view(&text), err) && serve(e, "given", host, err);
}

static bool forget(const struct edge *e, const char *folder, const char *host, struct err *err)
{
	char path[FILE_PATH_SIZE], name[EDGE_HOST_SIZE + 8];
	(void)snprintf(name, sizeof name, "%s.pem", host);
	if (!edge_name_path(e, folder, name, path, err)) return false;
	return unlink(path) == 0 || errno == ENOENT || err_set_errno(err, "remove %s", path);
}

bool edge_certificate_reset(const struct edge *e, const char *host, int64_t now_ms, struct err *err)
{
	return (is_good(e, host, now_ms) || make(e, host, now_ms, err)) && serve(e, "made", host, err) &&
	       forget(e, "given", host, err);
}

bool edge_certificate_unset(const struct edge *e, const char *host, struct err *err)
{
	return forget(e, "certs", host, err) && forget(e, "made", host, err) && forget(e, "given", host, err) &&
	       edge_set_secured(e, host, false, err);
}

bool edge_certificate_get(const struct edge *e, const char *host, struct certificate *ret_certificate,
			  bool *ret_is_given, struct err *err)
{
	char path[FILE_PATH_SIZE], name[EDGE_HOST_SIZE + 8];
	struct buf text BUF_CLEANUP;
	buf_init(&text, CERTIFICATE_MAX_BYTES);
	(void)snprintf(name, sizeof name, "%s.pem", host);
	if (!edge_name_path(e, "certs", name, path, err) || !file_read(path, &text, err) ||
	    !certificate_read(buf_view(&text), host, ret_certificate, err))
		return false;
	*ret_is_given = is_given(e, host);
	return true;
}

bool edge_set_secured(const struct edge *e, const char *host, bool is_secured, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!edge_name_path(e, "secured", host, path, err)) return false;
	if (is_secured) return file_write(path, STR(""), 0644, err);
	return unlink(path) == 0 || errno == ENOENT || err_set_errno(err, "remove %s", path);
}

bool edge_is_secured(const struct edge *e, const char *host)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	return edge_name_path(e, "secured", host, path, &ignored) && file_exists(path);
}

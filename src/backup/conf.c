/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/conf.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"

/* A value is the rest of its line: what would end the line, or be trimmed from it, is refused. */
static bool put(struct buf *out, const char *name, const char *value, struct err *err)
{
	size_t len = strlen(value);
	bool ok = len > 0 && value[0] != ' ' && value[len - 1] != ' ';
	for (const char *c = value; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f) ok = false;
	if (!ok) return err_set(err, ERR_INVALID, "\"%.200s\" cannot be the %s of a place of backups", value, name);
	buf_printf(out, "%s=%s\n", name, value);
	return true;
}

static bool put_s3(struct buf *out, const struct backup_place *p, struct err *err)
{
	char bucket[128], host[256], port[8] = "443";
	const char *endpoint = json_str(p->options, "endpoint", ""), *slash = strchr(p->location, '/'),
		   *colon = strrchr(endpoint, ':');
	(void)snprintf(bucket, sizeof bucket, "%.*s",
		       (int)(slash != NULL ? slash - p->location : (ptrdiff_t)strlen(p->location)), p->location);
	(void)snprintf(host, sizeof host, "%.*s", (int)(colon != NULL ? colon - endpoint : (ptrdiff_t)strlen(endpoint)),
		       endpoint);
	if (colon != NULL) (void)snprintf(port, sizeof port, "%.7s", colon + 1);
	bool ok = put(out, "repo1-type", "s3", err) && put(out, "repo1-s3-bucket", bucket, err) &&
		  put(out, "repo1-s3-endpoint", host, err) && put(out, "repo1-storage-port", port, err) &&
		  put(out, "repo1-s3-region", json_str(p->options, "region", "auto"), err) &&
		  put(out, "repo1-s3-uri-style", json_str(p->options, "uri_style", "path"), err) &&
		  put(out, "repo1-s3-key", json_str(p->options, "key_id", ""), err) &&
		  put(out, "repo1-s3-key-secret", json_str(p->secret, "secret", ""), err);
	if (!json_bool(p->options, "verify_tls", true)) buf_puts(out, "repo1-storage-verify-tls=n\n");
	return ok;
}

bool conf_pgbackrest(struct buf *ret_text, const struct conf_spec *spec, struct err *err)
{
	buf_puts(ret_text, "# Written by Freehold; changes are lost.\n[global]\n");
	if (strcmp(spec->place->kind, "s3") == 0 && !put_s3(ret_text, spec->place, err)) return false;
	if (!put(ret_text, "repo1-path", spec->repo_path, err) ||
	    !put(ret_text, "repo1-cipher-pass", spec->passphrase, err) ||
	    !put(ret_text, "lock-path", spec->lock_dir, err) || !put(ret_text, "spool-path", spec->lock_dir, err))
		return false;
	buf_puts(ret_text, "repo1-cipher-type=aes-256-cbc\n"
			   /* What goes is decided by retention.h, and done by a call of its own. */
			   "repo1-retention-full=9999999\n"
			   "compress-type=zst\n"
			   "process-max=1\n"
			   "start-fast=y\n"
			   "archive-timeout=60\n"
			   "log-level-file=off\n"
			   "\n[global:backup]\n"
			   "expire-auto=n\n"
			   "\n[global:archive-push]\n" /* what does not go out quickly is queued (queue.h) */
			   "io-timeout=15\n"
			   "\n[" CONF_STANZA "]\n");
	return put(ret_text, "pg1-path", spec->data_dir, err) &&
	       put(ret_text, "pg1-socket-path", spec->socket_dir, err) &&
	       put(ret_text, "pg1-user", spec->superuser, err) && put(ret_text, "pg1-database", "postgres", err) &&
	       (buf_is_ok(ret_text) || err_set(err, ERR_LIMIT, "the settings of a place of backups are too large"));
}

static bool is_bucket(const char *name, size_t len)
{
	return len >= 3 && len <= 63 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") >= len;
}

static bool parse_s3(const char *rest, struct backup_place *p, struct err *err)
{
	size_t bucket = strcspn(rest, "/"), len = strlen(rest);
	while (len > bucket && rest[len - 1] == '/') len--;
	bool ok = is_bucket(rest, bucket) && len < sizeof p->location && strstr(rest, "..") == NULL &&
		  strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") >= len;
	if (!ok)
		return err_set(err, ERR_INVALID,
			       "s3://%.200s is no bucket; write s3://BUCKET or s3://BUCKET/FOLDER with letters, "
			       "digits and - . _",
			       rest);
	(void)snprintf(p->kind, sizeof p->kind, "s3");
	(void)snprintf(p->location, sizeof p->location, "%.*s", (int)len, rest);
	p->is_elsewhere = true;
	return true;
}

bool conf_place_parse(const char *typed, struct backup_place *ret_place, struct err *err)
{
	struct backup_place p = {.id = 0};
	size_t len = strlen(typed);
	if (strncmp(typed, "s3://", 5) == 0) {
		if (!parse_s3(typed + 5, &p, err)) return false;
	} else if (strncmp(typed, "sftp://", 7) == 0 || strncmp(typed, "ssh://", 6) == 0) {
		return err_set(err, ERR_REFUSED,
			       "pgBackRest learned SFTP in 2.46 and Debian 12 has 2.45; use a bucket (s3://BUCKET), or "
			       "mount that machine as a folder (sshfs) and add the folder with --elsewhere");
	} else {
		while (len > 1 && typed[len - 1] == '/') len--;
		if (typed[0] != '/' || len < 2 || len >= sizeof p.location || strpbrk(typed, "\n\r\t") != NULL)
			return err_set(
			    err, ERR_INVALID,
			    "\"%.200s\" is no place for backups; give the path of a folder (/mnt/disk/backups) "
			    "or a bucket (s3://BUCKET/FOLDER)",
			    typed);
		(void)snprintf(p.kind, sizeof p.kind, "folder");
		(void)snprintf(p.location, sizeof p.location, "%.*s", (int)len, typed);
	}
	*ret_place = p;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * One file on its way between this disk and another S3. There: sum ─▶ head (it may be there from a round that was cut
 * off) ─▶ put ─▶ head ─▶ unlink here. Back: bring ─▶ remove there. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/bring.h"
#include "storage/place_private.h"
#include "storage/s3_sign.h"

#define READ_BYTES (256u << 10)

static void ignore_done(void *arg, const struct remote_result *result, const struct err *err)
{
	(void)arg, (void)result, (void)err; /* what stays there is found by the sweep */
}

void carry_remove(struct place *p, const char *version)
{
	(void)remote_start(p->remote,
			   &(struct remote_ask){.method = "DELETE", .name = version, .done = ignore_done, .arg = p});
}

/* Away: it is there, with its size and, where the etag is one, its sum. The file here is removed. Where its object went
 * meanwhile it goes there too; that it is not here any more says nothing, another process may have taken it away. */
static void unlink_job(uv_work_t *work)
{
	struct slot *s = work->data;
	char path[FILES_PATH_SIZE];
	s->err.code = ERR_NONE;
	if (files_path(s->place->files, str_from(s->version), path, &s->err) && unlink(path) != 0)
		(void)err_set_errno(&s->err, "remove a file");
}

static void after_unlink(uv_work_t *work, int status)
{
	struct slot *s = work->data;
	(void)status;
	if (s->is_removed && s->place->remote != NULL) carry_remove(s->place, s->version);
	place_ended(s, s->err.code != ERR_NONE ? &s->err : NULL);
}

static bool is_whole(const struct slot *s, const struct remote_result *there)
{
	bool is_md5 = strlen(there->etag) == 34 && strchr(there->etag, '-') == NULL;
	return there->size == s->size && (!is_md5 || strcmp(there->etag, s->etag) == 0);
}

static void on_looked(void *arg, const struct remote_result *result, const struct err *err)
{
	struct slot *s = arg;
	struct err differs;
	if (err == NULL && !is_whole(s, result)) {
		(void)err_set(&differs, ERR_FAILED, "what lies in S3 under %s is not what was sent", s->version);
		err = &differs;
	}
	if (err != NULL) {
		struct err why = *err;
		if (why.code == ERR_NOT_FOUND) why.code = ERR_FAILED;
		place_ended(s, &why);
		return;
	}
	s->work.data = s;
	(void)uv_queue_work(s->place->loop, &s->work, unlink_job, after_unlink);
}

static void on_sent(void *arg, const struct remote_result *result, const struct err *err)
{
	struct slot *s = arg;
	(void)result;
	if (err != NULL) {
		struct err why = *err;
		if (why.code == ERR_NOT_FOUND) why.code = ERR_FAILED;
		place_ended(s, &why);
		return;
	}
	(void)remote_start(s->place->remote,
			   &(struct remote_ask){.method = "HEAD", .name = s->version, .done = on_looked, .arg = s});
}

static void send_it(struct slot *s)
{
	(void)remote_start(s->place->remote, &(struct remote_ask){.method = "PUT",
								  .name = s->version,
								  .fd = s->fd,
								  .size = s->size,
								  .md5 = s->md5,
								  .done = on_sent,
								  .arg = s});
}

/* It may be there from a round that was cut off. */
static void on_looked_first(void *arg, const struct remote_result *result, const struct err *err)
{
	struct slot *s = arg;
	if (err == NULL && is_whole(s, result)) {
		s->work.data = s;
		(void)uv_queue_work(s->place->loop, &s->work, unlink_job, after_unlink);
		return;
	}
	if (err == NULL || err->code == ERR_NOT_FOUND)
		send_it(s);
	else
		place_ended(s, err);
}

static void sum_job(uv_work_t *work)
{
	struct slot *s = work->data;
	char path[FILES_PATH_SIZE];
	unsigned char sum[EVP_MAX_MD_SIZE];
	char *bytes = malloc(READ_BYTES);
	EVP_MD_CTX *md5 = EVP_MD_CTX_new();
	ssize_t n = 0;
	s->err.code = ERR_NONE;
	s->size = 0;
	if (bytes == NULL || md5 == NULL || EVP_DigestInit_ex(md5, EVP_md5(), NULL) != 1) abort();
	if (files_path(s->place->files, str_from(s->version), path, &s->err)) {
		s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (s->fd < 0) (void)err_set_errno(&s->err, "a file that belongs to S3");
	}
	while (s->fd >= 0 && (n = pread(s->fd, bytes, READ_BYTES, (off_t)s->size)) > 0) {
		(void)EVP_DigestUpdate(md5, bytes, (size_t)n);
		s->size += (uint64_t)n;
	}
	if (n < 0) (void)err_set_errno(&s->err, "a file that belongs to S3");
	(void)EVP_DigestFinal_ex(md5, sum, NULL);
	(void)EVP_EncodeBlock((unsigned char *)s->md5, sum, 16);
	s->etag[0] = '"';
	s3_hex(sum, 16, s->etag + 1);
	memcpy(s->etag + 33, "\"", 2);
	EVP_MD_CTX_free(md5);
	free(bytes);
}

static void after_sum(uv_work_t *work, int status)
{
	struct slot *s = work->data;
	struct place *p = s->place;
	(void)status;
	if (s->err.code != ERR_NONE || p->is_stopped || p->remote == NULL) {
		struct err stopped;
		(void)err_set(&stopped, ERR_UNAVAILABLE, "it was stopped");
		place_ended(s, s->err.code != ERR_NONE ? &s->err : &stopped);
		return;
	}
	(void)remote_start(
	    p->remote, &(struct remote_ask){.method = "HEAD", .name = s->version, .done = on_looked_first, .arg = s});
}

/* Back. */
static void on_brought(void *arg, const struct err *err)
{
	struct slot *s = arg;
	if (err == NULL && s->place->remote != NULL) carry_remove(s->place, s->version);
	place_ended(s, err);
}

void carry_begin(struct slot *s, struct str version)
{
	s->is_busy = true;
	s->is_removed = false;
	s->fd = -1;
	(void)snprintf(s->version, sizeof s->version, "%.*s", STR_FMT(version));
	if (s->place->is_away) {
		s->work.data = s;
		(void)uv_queue_work(s->place->loop, &s->work, sum_job, after_sum);
	} else {
		bring_start(s->place->files, s->place->remote, s->version, on_brought, s);
	}
}

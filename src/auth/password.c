/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"

#include <assert.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Of a password that nobody has: what is compared when there is no user, so that the answer takes as long. */
#define NOBODY "$2a$10$7EqJtq98hPqEX7fNZaFWoOd9L.bgP8whUD549S0YkDlkRJTsI6Cky"

struct auth_passwords {
	uv_loop_t *loop;
	unsigned waiting, waiting_max;
};

struct job {
	uv_work_t work;
	struct auth_passwords *passwords;
	char password[AUTH_PASSWORD_MAX_BYTES + 1];
	char setting[AUTH_HASH_SIZE]; /* salt and cost, or the hash to compare with */
	char hash[AUTH_HASH_SIZE]; /* what came out; "" when it failed */
	bool is_nobody;
	void (*on_hash)(void *arg, const char *hash);
	void (*on_verified)(void *arg, bool is_right);
	void *arg;
};

struct auth_passwords *auth_passwords_new(uv_loop_t *loop, unsigned queue_max)
{
	struct auth_passwords *passwords = calloc(1, sizeof *passwords);
	if (passwords == NULL) abort();
	passwords->loop = loop;
	passwords->waiting_max = queue_max;
	return passwords;
}

void auth_passwords_free(struct auth_passwords *passwords)
{
	assert(passwords == NULL || passwords->waiting == 0);
	free(passwords);
}

/* On a thread of the pool: touches the job only. */
static void run(uv_work_t *work)
{
	struct job *job = work->data;
	struct crypt_data *data = calloc(1, sizeof *data);
	if (data == NULL) abort();
	const char *hash = crypt_r(job->password, job->setting, data);
	if (hash != NULL && hash[0] != '*') (void)snprintf(job->hash, sizeof job->hash, "%s", hash);
	OPENSSL_cleanse(data, sizeof *data);
	free(data);
}

static void after(uv_work_t *work, int status)
{
	struct job *job = work->data;
	job->passwords->waiting--;
	bool is_same = strlen(job->hash) == strlen(job->setting) &&
		       CRYPTO_memcmp(job->hash, job->setting, strlen(job->setting)) == 0;
	bool is_right = status == 0 && !job->is_nobody && job->hash[0] != '\0' && is_same;
	if (job->on_verified != NULL)
		job->on_verified(job->arg, is_right);
	else
		job->on_hash(job->arg, status == 0 && job->hash[0] != '\0' ? job->hash : NULL);
	OPENSSL_cleanse(job, sizeof *job);
	free(job);
}

static struct job *job_new(struct auth_passwords *passwords, struct str password, struct err *err)
{
	if (passwords->waiting >= passwords->waiting_max) {
		(void)err_set(err, ERR_UNAVAILABLE, "%u passwords are waiting to be checked; try again in a moment",
			      passwords->waiting);
		return NULL;
	}
	struct job *job = calloc(1, sizeof *job);
	if (job == NULL) abort();
	job->passwords = passwords;
	job->work.data = job;
	/* What is longer cannot be anybody's: bcrypt would compare its first 72 bytes. */
	job->is_nobody = password.len > AUTH_PASSWORD_MAX_BYTES;
	if (!job->is_nobody && password.len > 0) memcpy(job->password, password.ptr, password.len);
	return job;
}

static void queue(struct job *job)
{
	job->passwords->waiting++;
	if (uv_queue_work(job->passwords->loop, &job->work, run, after) != 0) abort();
}

bool auth_password_hash(struct auth_passwords *passwords, struct str password,
			void (*done)(void *arg, const char *hash), void *arg, struct err *err)
{
	char salt[16];
	assert(password.len <= AUTH_PASSWORD_MAX_BYTES);
	struct job *job = job_new(passwords, password, err);
	if (job == NULL) return false;
	if (getrandom(salt, sizeof salt, 0) != sizeof salt) abort();
	if (crypt_gensalt_rn("$2a$", AUTH_PASSWORD_COST, salt, sizeof salt, job->setting, sizeof job->setting) == NULL)
		abort();
	job->on_hash = done;
	job->arg = arg;
	queue(job);
	return true;
}

static bool is_bcrypt(const char *hash)
{
	return hash != NULL && strlen(hash) == 60 &&
	       (strncmp(hash, "$2a$", 4) == 0 || strncmp(hash, "$2b$", 4) == 0 || strncmp(hash, "$2y$", 4) == 0);
}

bool auth_password_verify(struct auth_passwords *passwords, struct str password, const char *hash,
			  void (*done)(void *arg, bool is_right), void *arg, struct err *err)
{
	struct job *job = job_new(passwords, password, err);
	if (job == NULL) return false;
	if (!is_bcrypt(hash)) job->is_nobody = true;
	(void)snprintf(job->setting, sizeof job->setting, "%s", job->is_nobody ? NOBODY : hash);
	job->on_verified = done;
	job->arg = arg;
	queue(job);
	return true;
}

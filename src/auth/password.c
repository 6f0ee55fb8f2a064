/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"

#include <assert.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "auth/hash.h"

/* Of a password that nobody has: what is compared when there is no user, so that the answer takes as long. */
#define NOBODY "$2a$10$7EqJtq98hPqEX7fNZaFWoOd9L.bgP8whUD549S0YkDlkRJTsI6Cky"
#define SETTING_SIZE 64

struct job {
	uv_work_t work;
	struct job *next; /* that waits for memory */
	struct auth_passwords *passwords;
	size_t memory_bytes;
	size_t password_len;
	char password[AUTH_PASSWORD_LONGEST_BYTES + 1];
	char hash[AUTH_STORED_HASH_SIZE]; /* to compare with; or salt and cost, and then what came out, "" if nothing
					     did */
	bool is_nobody, is_same;
	void (*on_hash)(void *arg, const char *hash);
	void (*on_verified)(void *arg, bool is_right);
	void *arg;
};

struct auth_passwords {
	uv_loop_t *loop;
	unsigned waiting, waiting_max;
	size_t memory_bytes; /* that jobs on threads may use together */
	struct job *held, **held_end; /* in the order they came */
};

struct auth_passwords *auth_passwords_new(uv_loop_t *loop, unsigned queue_max)
{
	struct auth_passwords *passwords = calloc(1, sizeof *passwords);
	if (passwords == NULL) abort();
	passwords->loop = loop;
	passwords->waiting_max = queue_max;
	passwords->held_end = &passwords->held;
	return passwords;
}

void auth_passwords_free(struct auth_passwords *passwords)
{
	assert(passwords == NULL || passwords->waiting == 0);
	free(passwords);
}

/* On Linux the niceness is a thread's own, and 0 means the calling one (setpriority(2)). */
static void be_nice(void)
{
	static _Thread_local bool is_nice;
	if (is_nice) return;
	is_nice = true;
	if (getpriority(PRIO_PROCESS, 0) < AUTH_PASSWORD_NICE) (void)setpriority(PRIO_PROCESS, 0, AUTH_PASSWORD_NICE);
}

static void make_hash(struct job *job)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	if (data == NULL) abort();
	const char *hash = crypt_r(job->password, job->hash, data);
	(void)snprintf(job->hash, sizeof job->hash, "%s", hash != NULL && hash[0] != '*' ? hash : "");
	OPENSSL_cleanse(data, sizeof *data);
	free(data);
}

/* On a thread of the pool: touches the job only. */
static void run(uv_work_t *work)
{
	struct job *job = work->data;
	be_nice();
	if (job->on_hash != NULL)
		make_hash(job);
	else
		job->is_same = auth_hash_matches(str_from(job->hash), (struct str){job->password, job->password_len});
}

static void end(struct job *job, bool is_done)
{
	job->passwords->waiting--;
	if (job->on_verified != NULL)
		job->on_verified(job->arg, is_done && job->is_same && !job->is_nobody);
	else
		job->on_hash(job->arg, is_done && job->hash[0] != '\0' ? job->hash : NULL);
	OPENSSL_cleanse(job, sizeof *job);
	free(job);
}

static void start_held(struct auth_passwords *passwords);

static void after(uv_work_t *work, int status)
{
	struct job *job = work->data;
	struct auth_passwords *passwords = job->passwords;
	passwords->memory_bytes -= job->memory_bytes;
	start_held(passwords);
	end(job, status == 0);
}

static void start(struct job *job)
{
	job->passwords->memory_bytes += job->memory_bytes;
	if (uv_queue_work(job->passwords->loop, &job->work, run, after) != 0) abort();
}

static bool fits(const struct job *job)
{
	return job->passwords->memory_bytes + job->memory_bytes <= AUTH_HASH_MEMORY_MAX_BYTES;
}

static void start_held(struct auth_passwords *passwords)
{
	while (passwords->held != NULL && fits(passwords->held)) {
		struct job *job = passwords->held;
		passwords->held = job->next;
		if (passwords->held == NULL) passwords->held_end = &passwords->held;
		start(job);
	}
}

/* What needs little never waits behind what needs much. */
static void queue(struct job *job)
{
	struct auth_passwords *passwords = job->passwords;
	passwords->waiting++;
	if (job->memory_bytes == 0 || (passwords->held == NULL && fits(job))) {
		start(job);
		return;
	}
	*passwords->held_end = job;
	passwords->held_end = &job->next;
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
	job->is_nobody = password.len > AUTH_PASSWORD_LONGEST_BYTES;
	if (job->is_nobody || password.len == 0) return job;
	memcpy(job->password, password.ptr, password.len);
	job->password_len = password.len;
	return job;
}

bool auth_password_hash(struct auth_passwords *passwords, struct str password,
			void (*done)(void *arg, const char *hash), void *arg, struct err *err)
{
	char salt[16];
	assert(password.len <= AUTH_PASSWORD_MAX_BYTES);
	struct job *job = job_new(passwords, password, err);
	if (job == NULL) return false;
	if (getrandom(salt, sizeof salt, 0) != sizeof salt) abort();
	if (crypt_gensalt_rn("$2a$", AUTH_PASSWORD_COST, salt, sizeof salt, job->hash, SETTING_SIZE) == NULL) abort();
	job->on_hash = done;
	job->arg = arg;
	queue(job);
	return true;
}

bool auth_password_verify(struct auth_passwords *passwords, struct str password, const char *hash,
			  void (*done)(void *arg, bool is_right), void *arg, struct err *err)
{
	struct err ignored;
	size_t memory = 0;
	struct job *job = job_new(passwords, password, err);
	if (job == NULL) return false;
	if (hash == NULL || !auth_hash_check(str_from(hash), &memory, &ignored)) job->is_nobody = true;
	(void)snprintf(job->hash, sizeof job->hash, "%s", job->is_nobody ? NOBODY : hash);
	job->memory_bytes = job->is_nobody || memory <= sizeof(struct crypt_data) ? 0 : memory;
	job->on_verified = done;
	job->arg = arg;
	queue(job);
	return true;
}

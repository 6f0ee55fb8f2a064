/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"

#include <assert.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "auth/hash.h"
#include "auth/hasher.h"
#include "base/clock.h"

/* Of a password that nobody has: what is compared when there is no user, so that the answer takes as long. */
#define NOBODY "$2a$10$7EqJtq98hPqEX7fNZaFWoOd9L.bgP8whUD549S0YkDlkRJTsI6Cky"
#define SETTING_SIZE 64
#define GIVEN_MAX 64 /* a thread of the hasher's each */
#define LOOK_MS 100 /* how often we look whether something is late */

struct job {
	struct job *next; /* in the order they came */
	uint64_t id;
	int64_t since_ms;
	size_t memory_bytes; /* beyond what bcrypt takes */
	struct auth_hash_task task;
	bool is_nobody;
	bool is_given; /* the hasher has it */
	void (*on_hash)(void *arg, const char *hash);
	void (*on_verified)(void *arg, bool is_right);
	void *arg;
};

/* What our own thread has: a copy, since the hasher may be done with the job first. */
struct late {
	uv_work_t work;
	uint64_t id;
	struct auth_hash_task task;
	struct auth_hash_result result;
};

struct auth_passwords {
	uv_loop_t *loop;
	uv_timer_t timer;
	struct hasher *hasher;
	struct late late;
	bool is_late_busy, is_closing;
	int handles; /* of the loop, and the thread, that are not gone yet */
	uint64_t last_id;
	int64_t progress_ms; /* when the hasher was last done with something, or began after it had nothing */
	unsigned given, waiting, waiting_max;
	struct {
		uint64_t id;
		size_t memory_bytes;
	} with_hasher[GIVEN_MAX]; /* the first `given`; also what was answered meanwhile */
	size_t memory_bytes; /* of those together */
	struct job *first;
};

static void give(struct auth_passwords *p);

static void answer(struct job *job, const struct auth_hash_result *result)
{
	if (job->on_verified != NULL)
		job->on_verified(job->arg, result->is_same && !job->is_nobody);
	else
		job->on_hash(job->arg, result->made[0] != '\0' ? result->made : NULL);
	OPENSSL_cleanse(job, sizeof *job);
	free(job);
}

static struct job **find(struct auth_passwords *p, uint64_t id)
{
	struct job **at = &p->first;
	while (*at != NULL && (*at)->id != id) at = &(*at)->next;
	return at;
}

/* The first result counts; the other one finds nobody. */
static void finish(struct auth_passwords *p, uint64_t id, const struct auth_hash_result *result)
{
	struct job **at = find(p, id), *job = *at;
	if (job == NULL) return;
	*at = job->next;
	p->waiting--;
	if (p->waiting == 0) (void)uv_timer_stop(&p->timer);
	answer(job, result);
}

static void take_back(struct auth_passwords *p, uint64_t id)
{
	for (unsigned i = 0; i < p->given; i++) {
		if (p->with_hasher[i].id != id) continue;
		p->memory_bytes -= p->with_hasher[i].memory_bytes;
		p->with_hasher[i] = p->with_hasher[--p->given];
		return;
	}
}

/* NULL: it died, and what it had is late. */
static void on_result(void *arg, uint64_t id, const struct auth_hash_result *result)
{
	struct auth_passwords *p = arg;
	take_back(p, id);
	p->progress_ms = clock_now_ms();
	if (result != NULL) finish(p, id, result);
	give(p);
}

static bool fits(const struct auth_passwords *p, const struct job *job)
{
	return job->memory_bytes == 0 || p->memory_bytes + job->memory_bytes <= AUTH_HASH_MEMORY_MAX_BYTES;
}

/* What needs little never waits behind what needs much; what needs much keeps its order. */
static void give(struct auth_passwords *p)
{
	bool is_memory_wanted = false;
	for (struct job *job = p->first; job != NULL; job = job->next) {
		if (job->is_given || (job->memory_bytes > 0 && is_memory_wanted)) continue;
		if (!fits(p, job)) {
			is_memory_wanted = true;
			continue;
		}
		if (p->given == GIVEN_MAX || !hasher_give(p->hasher, job->id, &job->task)) return;
		if (p->given == 0) p->progress_ms = clock_now_ms();
		job->is_given = true;
		p->with_hasher[p->given].id = job->id;
		p->with_hasher[p->given++].memory_bytes = job->memory_bytes;
		p->memory_bytes += job->memory_bytes;
	}
}

static void run_late(uv_work_t *work)
{
	struct auth_passwords *p = work->data;
	auth_hash_run(&p->late.task, &p->late.result);
}

static void start_late(struct auth_passwords *p);

static void close_if_idle(struct auth_passwords *p)
{
	if (--p->handles == 0) free(p);
}

static void after_late(uv_work_t *work, int status)
{
	struct auth_passwords *p = work->data;
	struct auth_hash_result result = p->late.result;
	uint64_t id = p->late.id;
	(void)status;
	OPENSSL_cleanse(&p->late, sizeof p->late);
	p->is_late_busy = false;
	if (p->is_closing) {
		close_if_idle(p);
		return;
	}
	finish(p, id, &result);
	give(p);
	start_late(p);
}

/* The oldest, when nothing got done for so long: of the hasher's what it had longest. */
static void start_late(struct auth_passwords *p)
{
	int64_t now_ms = clock_now_ms();
	bool is_stuck = hasher_is_dead(p->hasher) || now_ms - p->progress_ms >= AUTH_PASSWORD_LATE_MS;
	if (p->is_late_busy || !is_stuck) return;
	for (struct job *job = p->first; job != NULL; job = job->next) {
		bool is_late = hasher_is_dead(p->hasher) || now_ms - job->since_ms >= AUTH_PASSWORD_LATE_MS;
		if (!is_late) continue;
		p->is_late_busy = true;
		p->late.id = job->id;
		p->late.task = job->task;
		p->late.work.data = p;
		if (uv_queue_work(p->loop, &p->late.work, run_late, after_late) != 0) abort();
		return;
	}
}

static void on_timer(uv_timer_t *timer)
{
	start_late(timer->data);
}

struct auth_passwords *auth_passwords_new(uv_loop_t *loop, unsigned queue_max)
{
	struct auth_passwords *p = calloc(1, sizeof *p);
	if (p == NULL) abort();
	p->loop = loop;
	p->waiting_max = queue_max;
	p->handles = 1;
	p->hasher = hasher_new(loop, on_result, p);
	(void)uv_timer_init(loop, &p->timer);
	p->timer.data = p;
	return p;
}

static void on_timer_closed(uv_handle_t *handle)
{
	close_if_idle(handle->data);
}

void auth_passwords_free(struct auth_passwords *p)
{
	if (p == NULL) return;
	assert(p->waiting == 0);
	p->is_closing = true;
	if (p->is_late_busy) p->handles++;
	hasher_free(p->hasher);
	uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

static void queue(struct auth_passwords *p, struct job *job)
{
	struct job **end = &p->first;
	while (*end != NULL) end = &(*end)->next;
	*end = job;
	job->id = ++p->last_id;
	job->since_ms = clock_now_ms();
	if (p->waiting++ == 0) (void)uv_timer_start(&p->timer, on_timer, LOOK_MS, LOOK_MS);
	give(p);
	if (hasher_is_dead(p->hasher)) start_late(p);
}

static struct job *job_new(struct auth_passwords *p, struct str password, struct err *err)
{
	if (p->waiting >= p->waiting_max) {
		(void)err_set(err, ERR_UNAVAILABLE, "%u passwords are waiting to be checked; try again in a moment",
			      p->waiting);
		return NULL;
	}
	struct job *job = calloc(1, sizeof *job);
	if (job == NULL) abort();
	job->is_nobody = password.len > AUTH_PASSWORD_LONGEST_BYTES;
	if (job->is_nobody || password.len == 0) return job;
	memcpy(job->task.password, password.ptr, password.len);
	job->task.password_len = password.len;
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
	if (crypt_gensalt_rn("$2a$", AUTH_PASSWORD_COST, salt, sizeof salt, job->task.hash, SETTING_SIZE) == NULL)
		abort();
	job->task.is_making = true;
	job->on_hash = done;
	job->arg = arg;
	queue(passwords, job);
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
	(void)snprintf(job->task.hash, sizeof job->task.hash, "%s", job->is_nobody ? NOBODY : hash);
	job->memory_bytes = job->is_nobody || memory <= sizeof(struct crypt_data) ? 0 : memory;
	job->on_verified = done;
	job->arg = arg;
	queue(passwords, job);
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "api/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/followers.h"
#include "api/schedule.h"
#include "base/log.h"
#include "os/proc.h"
#include "store/deployment.h"
#include "upkeep/job.h"

#define ARGS_MAX 6
#define RECOVER_AGAIN_MS 5000

struct worker {
	pid_t pid;
	int pidfd, out;
	uv_poll_t *poll;
	struct buf output;
	worker_done done;
	void *arg;
};

static void on_handle_closed(uv_handle_t *handle)
{
	free(handle);
}

static void read_output(struct worker *w)
{
	char chunk[4096];
	for (ssize_t got; (got = read(w->out, chunk, sizeof chunk)) > 0;) buf_append(&w->output, chunk, (size_t)got);
}

static void on_ended(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	struct worker *w = poll->data;
	struct proc_result result = {.exit_status = -1};
	struct err err;
	if (!proc_reap(w->pid, &result, &err)) log_error("worker: %s", err.msg);
	read_output(w);
	uv_close((uv_handle_t *)poll, on_handle_closed);
	(void)close(w->pidfd);
	(void)close(w->out);
	w->done(w->arg, result.exit_status == 0, buf_view(&w->output));
	buf_done(&w->output);
	free(w);
}

static bool start(struct daemon *d, const char *const *args, worker_done done, void *arg, pid_t *ret_pid,
		  struct err *err)
{
	const char *argv[ARGS_MAX + 2] = {d->program};
	for (int i = 0; i < ARGS_MAX && args[i] != NULL; i++) argv[i + 1] = args[i];
	struct proc_spec spec = {.argv = argv};
	struct worker *w = calloc(1, sizeof *w);
	uv_poll_t *poll = calloc(1, sizeof *poll);
	if (w == NULL || poll == NULL) abort();
	if (!proc_start_worker(&spec, &w->pid, &w->pidfd, &w->out, err)) {
		free(w);
		free(poll);
		return false;
	}
	buf_init(&w->output, WORKER_OUTPUT_MAX_BYTES);
	w->done = done;
	w->arg = arg;
	w->poll = poll;
	poll->data = w;
	if (uv_poll_init(&d->loop, poll, w->pidfd) != 0 || uv_poll_start(poll, UV_READABLE, on_ended) != 0) abort();
	*ret_pid = w->pid;
	return true;
}

bool worker_start(struct daemon *d, const char *const *args, worker_done done, void *arg, struct err *err)
{
	pid_t pid;
	return start(d, args, done, arg, &pid, err);
}

bool worker_start_known(struct daemon *d, const char *const *args, worker_done done, void *arg, pid_t *ret_pid,
			struct err *err)
{
	return start(d, args, done, arg, ret_pid, err);
}

/* A deployment's process, and what takes it back when it ended without having ended the deployment. */
struct deploy_run {
	struct daemon *d;
	struct deploy_run *next; /* among those whose process runs */
	char app[LAYOUT_APP_NAME_MAX + 1];
	int64_t number;
	pid_t pid;
	const char *recover; /* freeholdd's word for why */
	worker_done on_stopped; /* whoever stopped it waits for that; or NULL */
	void *arg;
};

static struct deploy_run *new_run(struct daemon *d, const char *app, int64_t number)
{
	struct deploy_run *r = calloc(1, sizeof *r);
	if (r == NULL) abort();
	*r = (struct deploy_run){.d = d, .number = number, .recover = "--recover"};
	(void)snprintf(r->app, sizeof r->app, "%s", app);
	return r;
}

static void run_over(struct deploy_run *r)
{
	if (r->on_stopped != NULL) r->on_stopped(r->arg, true, STR(""));
	free(r);
}

static void recover(struct deploy_run *r);

static void on_try_again(uv_timer_t *timer)
{
	recover(timer->data);
	uv_close((uv_handle_t *)timer, on_handle_closed);
}

static void try_again(struct deploy_run *r)
{
	uv_timer_t *timer = calloc(1, sizeof *timer);
	if (timer == NULL) abort();
	timer->data = r;
	(void)uv_timer_init(&r->d->loop, timer);
	(void)uv_timer_start(timer, on_try_again, RECOVER_AGAIN_MS, 0);
	uv_unref((uv_handle_t *)timer);
}

static void on_recovered(void *arg, bool is_ok, struct str output)
{
	(void)output;
	struct deploy_run *r = arg;
	if (is_ok) {
		run_over(r);
		return;
	}
	log_error("%s: deployment %lld could not be taken back; trying again in %d s", r->app, (long long)r->number,
		  RECOVER_AGAIN_MS / 1000);
	try_again(r);
}

static bool start_run(struct deploy_run *r, const char *verb, worker_done done, struct err *err)
{
	char number[24];
	(void)snprintf(number, sizeof number, "%lld", (long long)r->number);
	return start(r->d, (const char *const[]){verb, r->app, number, NULL}, done, r, &r->pid, err);
}

static void recover(struct deploy_run *r)
{
	struct err err;
	if (start_run(r, r->recover, on_recovered, &err)) return;
	log_error("%s: %s", r->app, err.msg);
	try_again(r);
}

static struct deploy_run **place_of(struct daemon *d, const char *app, int64_t number)
{
	struct deploy_run **at = &d->deploying;
	while (*at != NULL && ((*at)->number != number || strcmp((*at)->app, app) != 0)) at = &(*at)->next;
	return at;
}

static void on_deployed(void *arg, bool is_ok, struct str output)
{
	(void)is_ok, (void)output;
	struct deploy_run *r = arg, **at = place_of(r->d, r->app, r->number);
	struct err err;
	int64_t running = 0;
	*at = r->next;
	schedule_wake(r->d); /* a new app has no backup yet */
	if (!deployment_running(r->d->flow.db, r->app, &running, &err) || running != r->number) {
		run_over(r);
		return;
	}
	if (r->on_stopped == NULL) {
		log_error("%s: the process of deployment %lld died", r->app, (long long)r->number);
		r->recover = "--recover-died";
	}
	recover(r);
}

bool worker_deploy(struct daemon *d, const char *app, int64_t number, struct err *err)
{
	struct deploy_run *r = new_run(d, app, number);
	if (!start_run(r, "--deploy", on_deployed, err)) {
		free(r);
		return false;
	}
	r->next = d->deploying;
	d->deploying = r;
	return true;
}

bool worker_stop_deployment(struct daemon *d, const char *app, int64_t number, worker_done done, void *arg,
			    struct err *err)
{
	struct deploy_run *r = *place_of(d, app, number);
	if (r == NULL || r->on_stopped != NULL)
		return err_set(err, ERR_CONFLICT, "deployment %lld of %s is over, or is being taken back already",
			       (long long)number, app);
	r->recover = "--recover-stopped";
	r->on_stopped = done;
	r->arg = arg;
	log_info("%s: deployment %lld is stopped by its owner", app, (long long)number);
	(void)kill(r->pid, SIGKILL); /* not reaped yet, so the number is its own */
	return true;
}

void worker_recover(struct daemon *d, const char *app, int64_t number)
{
	recover(new_run(d, app, number));
}

/* Destroying, and going back to a release with a server. */

struct ending {
	struct daemon *d;
	char *name; /* its place among those that are being destroyed */
	worker_done done;
	void *arg;
};

static void on_alone_ended(void *arg, bool is_ok, struct str output)
{
	struct ending *e = arg;
	struct daemon *d = e->d;
	char app[LAYOUT_APP_NAME_MAX + 1];
	(void)snprintf(app, sizeof app, "%s", e->name);
	e->name[0] = '\0';
	e->done(e->arg, is_ok, output);
	free(e);
	follower_start(d, app);
}

/* A job is over when the database says so, which whoever follows it hears before its process is gone. */
static bool is_over(const struct daemon *d, int place)
{
	struct job job;
	struct err ignored;
	return d->ending_job[place] != 0 && job_get(d->flow.db, d->ending_job[place], &job, &ignored) &&
	       strcmp(job.state, "running") != 0;
}

bool worker_check_not_ending(const struct daemon *d, const char *app, struct err *err)
{
	for (int i = 0; i < DAEMON_ENDING_MAX; i++)
		if (strcmp(d->ending[i], app) == 0 && !is_over(d, i))
			return err_set(err, ERR_CONFLICT, "%s %s; try again when that is done", app, d->ending_how[i]);
	return true;
}

/* A worker that has the app for itself. job: its number, 0 for what is none. */
static bool start_alone(struct daemon *d, const char *app, int64_t job, const char *const *args, const char *how,
			worker_done done, void *arg, struct err *err)
{
	int place = 0;
	while (place < DAEMON_ENDING_MAX && d->ending[place][0] != '\0') place++;
	if (place == DAEMON_ENDING_MAX)
		return err_set(err, ERR_UNAVAILABLE,
			       "%d apps are being destroyed or put back; try again when one is done", place);
	struct ending *e = calloc(1, sizeof *e);
	if (e == NULL) abort();
	*e = (struct ending){d, d->ending[place], done, arg};
	if (!worker_start(d, args, on_alone_ended, e, err)) {
		free(e);
		return false;
	}
	(void)snprintf(e->name, sizeof d->ending[place], "%s", app);
	d->ending_how[place] = how;
	d->ending_job[place] = job;
	return true;
}

bool worker_rollback(struct daemon *d, const char *app, int64_t to, worker_done done, void *arg, struct err *err)
{
	char number[24];
	(void)snprintf(number, sizeof number, "%lld", (long long)to);
	return start_alone(d, app, 0, (const char *const[]){"--rollback", app, number, NULL},
			   "is being put back to another release", done, arg, err);
}

bool worker_bind(struct daemon *d, const char *app, worker_done done, void *arg, struct err *err)
{
	return start_alone(d, app, 0, (const char *const[]){"--bind", app, NULL},
			   "is getting its address and keys written into its pages", done, arg, err);
}

static const char importing[] = "is getting another database (import)";

bool worker_import(struct daemon *d, const char *app, const char *verb, worker_done done, void *arg, struct err *err)
{
	if (!start_alone(d, app, 0, (const char *const[]){verb, app, NULL}, importing, done, arg, err)) return false;
	follower_stop(d, app);
	return true;
}

bool worker_is_importing(const struct daemon *d, const char *app)
{
	for (int i = 0; i < DAEMON_ENDING_MAX; i++)
		if (strcmp(d->ending[i], app) == 0) return d->ending_how[i] == importing;
	return false;
}

/* Jobs. */

struct job_worker {
	struct daemon *d;
	struct job_worker *next; /* among those that may be cut off */
	char app[LAYOUT_APP_NAME_MAX + 1];
	int64_t id;
	pid_t pid;
};

static void forget(struct job_worker *w)
{
	struct job_worker **at = &w->d->jobs;
	while (*at != NULL && *at != w) at = &(*at)->next;
	if (*at != NULL) *at = w->next;
	free(w);
}

static void on_job_recovered(void *arg, bool is_ok, struct str output);

static void start_job_recovery(struct daemon *d, int64_t id)
{
	struct err err;
	struct job job;
	if (job_get(d->flow.db, id, &job, &err) && strcmp(job.state, "running") == 0) worker_job_recover(d, &job);
}

static void on_job_again(uv_timer_t *timer)
{
	struct job_worker *w = timer->data;
	start_job_recovery(w->d, w->id);
	uv_close((uv_handle_t *)timer, on_handle_closed);
	free(w);
}

static void recover_job_later(struct job_worker *w)
{
	uv_timer_t *timer = calloc(1, sizeof *timer);
	if (timer == NULL) abort();
	timer->data = w;
	(void)uv_timer_init(&w->d->loop, timer);
	(void)uv_timer_start(timer, on_job_again, RECOVER_AGAIN_MS, 0);
	uv_unref((uv_handle_t *)timer);
}

static void on_job_recovered(void *arg, bool is_ok, struct str output)
{
	(void)output;
	struct job_worker *w = arg;
	if (is_ok) {
		free(w);
		return;
	}
	log_error("job %lld could not be taken back; trying again in %d s", (long long)w->id, RECOVER_AGAIN_MS / 1000);
	recover_job_later(w);
}

static void on_job_done(void *arg, bool is_ok, struct str output)
{
	(void)is_ok, (void)output;
	struct job_worker *w = arg;
	start_job_recovery(w->d, w->id); /* where it did not end itself */
	schedule_wake(w->d);
	forget(w);
}

static bool start_job(struct daemon *d, const char *verb, const struct job *job, worker_done done, struct err *err)
{
	const struct job_kind *kind = job_kind_find(job->kind);
	char number[24];
	struct job_worker *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	*w = (struct job_worker){.d = d, .id = job->id};
	(void)snprintf(w->app, sizeof w->app, "%s", job->app);
	(void)snprintf(number, sizeof number, "%lld", (long long)job->id);
	const char *const args[] = {verb, number, NULL};
	bool is_alone = kind != NULL && kind->is_alone;
	bool ok = is_alone ? start_alone(d, job->app, job->id, args, "is being put back to another state", done, w, err)
			   : start(d, args, done, w, &w->pid, err);
	if (!ok) {
		free(w);
	} else if (done == on_job_done && !is_alone) {
		w->next = d->jobs;
		d->jobs = w;
	}
	return ok;
}

bool worker_job(struct daemon *d, int64_t id, struct err *err)
{
	struct job job;
	struct events events;
	char path[FILE_PATH_SIZE];
	/* There for whoever follows it from the first moment on. */
	if (!job_events_path(&d->flow, id, path, err) || !events_open(&events, path, err)) return false;
	events_close(&events);
	return job_get(d->flow.db, id, &job, err) && start_job(d, "--job", &job, on_job_done, err);
}

void worker_job_recover(struct daemon *d, const struct job *job)
{
	struct err err;
	log_warn("%s%sjob %lld (%s) was cut off; taking it back", job->app, job->app[0] != '\0' ? ": " : "",
		 (long long)job->id, job->kind);
	if (start_job(d, "--job-recover", job, on_job_recovered, &err)) return;
	log_error("job %lld: %s", (long long)job->id, err.msg);
	struct job_worker *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	*w = (struct job_worker){.d = d, .id = job->id};
	recover_job_later(w);
}

/* A backup of what is to go is nobody's wish; that its journal says so is what destroy_app waits for. */
static void cut_off_jobs(struct daemon *d, const char *app)
{
	for (const struct job_worker *w = d->jobs; w != NULL; w = w->next)
		if (strcmp(w->app, app) == 0) (void)kill(w->pid, SIGKILL);
}

bool worker_destroy(struct daemon *d, const char *app, worker_done done, void *arg, struct err *err)
{
	if (!start_alone(d, app, 0, (const char *const[]){"--destroy", app, NULL}, "is being destroyed", done, arg,
			 err))
		return false;
	cut_off_jobs(d, app);
	follower_stop(d, app);
	return true;
}

bool worker_ship(struct daemon *d, const char *app, worker_done done, void *arg, struct err *err)
{
	return worker_start(d, (const char *const[]){"--ship", app, NULL}, done, arg, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "api/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/address.h"
#include "api/app_parts.h"
#include "api/followers.h"
#include "api/import.h"
#include "api/pool_watch.h"
#include "api/routes.h"
#include "api/schedule.h"
#include "api/tls.h"
#include "api/worker.h"
#include "app/cluster_switch.h"
#include "app/live.h"
#include "app/parts.h"
#include "app/pin.h"
#include "app/sweep.h"
#include "base/clock.h"
#include "base/log.h"
#include "edge/port.h"
#include "move/following.h"
#include "os/proc.h"
#include "run/record.h"
#include "store/deployment.h"
#include "upkeep/restore.h"

#define BODY_MAX_BYTES (1u << 20)
#define DRAIN_MS 2000

/* At the daemon's start: everything that should serve is started or found running; what was cut off is taken back. */

/* A part of an app that should not run, still there when the last daemon was ended: it is found again, so that it can
 * be stopped as it wants to be, by the recovery of a deployment or here. */
static void take_over(struct daemon *d, const char *app, const char *part)
{
	struct err err;
	struct parts parts;
	struct unit_spec spec;
	struct record record;
	int64_t running = 0;
	char unit[UNIT_NAME_SIZE];
	parts_unit_name(app, part, unit);
	if (!record_get(d->flow.db, unit, &record, &err) || !proc_is_alive(&record.id)) return;
	struct arena *arena = arena_new(APP_PARTS_ARENA_BYTES);
	if (!app_part_spec(d, app, part, &parts, arena, &spec, &err) || !supervisor_adopt(d->supervisor, &spec) ||
	    !deployment_running(d->flow.db, app, &running, &err))
		log_error("%s: could not be found again", unit);
	else if (running == 0)
		supervisor_stop(d->supervisor, unit, NULL, NULL);
	arena_free(arena);
}

static bool start_if_running(void *arg, const struct app *app, struct err *err)
{
	struct daemon *d = arg;
	int64_t running = 0;
	if (!deployment_running(d->flow.db, app->name, &running, err)) return false;
	/* Before its PostgreSQL is started: which cluster is the app's. */
	if (!cluster_switch_settle(&d->flow, app->name, err)) return false;
	/* A rollback may have been cut off between the switch and the journal; a deployment is looked at by its
	 * recovery. */
	if (running == 0 && (!live_reconcile(&d->flow, app->name, err) || !sweep_app(&d->flow, app->name, err)))
		return false;
	/* Servers that were kept for tabs do not outlive the daemon that kept them: below. */
	if (running == 0 && (!pin_forget(&d->flow, app->name, err) || !pin_follow_setting(&d->flow, app->name, err)))
		return false;
	char parts[APP_PARTS_MAX][PART_NAME_SIZE], branches[APP_PARTS_MAX][PART_NAME_SIZE];
	int count = app_parts(d, app->name, parts), old = app_parts_old(d, app->name, parts, count);
	int branch_count = app_parts_branches(d, app->name, branches, 0);
	bool is_running = strcmp(app->state, "running") == 0;
	for (int i = count + old - 1; i >= (is_running ? count : 0); i--) take_over(d, app->name, parts[i]);
	/* All at once and in no order, so that the sweep that follows knows them; the others wait for PostgreSQL. */
	for (int i = 0; i < count && is_running; i++) daemon_start_part_of(arg, app->name, parts[i], false, NULL, NULL);
	for (int i = 0; i < branch_count; i++) {
		if (is_running)
			daemon_start_part_of(arg, app->name, branches[i], false, NULL, NULL);
		else
			take_over(d, app->name, branches[i]);
	}
	int64_t copy = 0;
	if (!restore_waiting_copy(&d->flow, app->name, &copy, err)) return false;
	if (copy != 0) daemon_start_part_of(arg, app->name, RESTORE_COPY_PART, false, NULL, NULL);
	return true;
}

static void on_edge(void *arg, const struct err *err)
{
	struct daemon *d = arg;
	if (err == NULL)
		log_info("serving on http://%s:%u and https://%s:%u", d->flow.edge.address, d->flow.edge.port,
			 d->flow.edge.address, d->flow.edge.tls_port);
	else
		log_error("%s", err->msg);
}

/* Whoever else has the edge's port would answer in its place, and nginx would only say so in its log. */
static bool check_ports(struct daemon *d, struct err *err)
{
	struct record record;
	struct err ignored;
	if (!record_get(d->flow.db, "edge", &record, &ignored) || !proc_is_alive(&record.id))
		edge_end_left(&d->flow.edge);
	return edge_check_ports(&d->flow.edge, err);
}

static bool start_units(struct daemon *d, struct err *err)
{
	struct unit_spec edge;
	struct arena *arena = arena_new(APP_PARTS_ARENA_BYTES);
	parts_edge_unit(&d->flow, arena, &edge);
	supervisor_start(d->supervisor, &edge, on_edge, d);
	arena_free(arena);
	return app_each(d->flow.db, start_if_running, d, err);
}

static bool recover_job(void *arg, const struct job *job, struct err *err)
{
	(void)err;
	worker_job_recover(arg, job);
	return true;
}

static bool recover_move(void *arg, const struct app *app, struct err *err)
{
	(void)err;
	move_recover_start(arg, app->name);
	follower_start(arg, app->name);
	return true;
}

static bool recover_all(struct daemon *d, struct err *err)
{
	json_t *running = NULL, *entry;
	size_t i;
	if (!deployment_all_running(d->flow.db, &running, err)) return false;
	json_array_foreach(running, i, entry)
	{
		const char *app = json_string_value(json_object_get(entry, "app"));
		int64_t number = json_integer_value(json_object_get(entry, "number"));
		log_warn("%s: deployment %lld was cut off; taking it back", app, (long long)number);
		worker_recover(d, app, number);
	}
	json_decref(running);
	return app_each(d->flow.db, recover_move, d, err) && job_each(d->flow.db, "running", recover_job, d, err);
}

/* Ending. */

static void on_server_closed(void *arg)
{
	struct daemon *d = arg;
	d->server = NULL;
	daemon_forget_retired(d);
	schedule_stop(d);
	pool_watch_stop(d);
	supervisor_free(d->supervisor);
	d->supervisor = NULL;
	for (int i = 0; i < 3; i++) uv_close((uv_handle_t *)&d->signals[i], NULL);
	uv_close((uv_handle_t *)&d->certificates, NULL);
	uv_stop(&d->loop);
}

static void on_drained(void *arg)
{
	struct daemon *d = arg;
	http_server_close(d->server, on_server_closed, d);
}

static void on_all_stopped(void *arg, const struct err *err)
{
	(void)err;
	struct daemon *d = arg;
	http_server_drain(d->server, DRAIN_MS, on_drained, d);
}

static bool warn_of_left(void *arg, const struct app *app, struct err *err)
{
	struct daemon *d = arg;
	char text[FOLLOWING_LEFT_SIZE];
	(void)err;
	if (following_left(&d->flow, app->name, text)) log_warn("%s", text);
	return true;
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct err ignored;
	struct daemon *d = signal->data;
	for (int i = 0; i < 3; i++) (void)uv_signal_stop(&d->signals[i]);
	flow_lock_ending(d->lock_fd);
	log_info("ending on signal %d; what serves %s", number,
		 number == SIGQUIT ? "is stopped too" : "goes on serving");
	(void)app_each(d->flow.db, warn_of_left, d, &ignored);
	if (number == SIGQUIT)
		supervisor_stop_all(d->supervisor, on_all_stopped, d);
	else
		on_all_stopped(d, NULL);
}

static void watch_signals(struct daemon *d)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT};
	for (int i = 0; i < 3; i++) {
		(void)uv_signal_init(&d->loop, &d->signals[i]);
		d->signals[i].data = d;
		(void)uv_signal_start(&d->signals[i], on_signal, numbers[i]);
	}
}

static bool listen_on_control(struct daemon *d, struct err *err)
{
	struct http_server_spec spec = {
	    .socket_path = d->flow.control_socket, .socket_mode = 0600, .body_max_bytes = BODY_MAX_BYTES};
	struct http_handler handler = {.on_head = routes_on_head, .on_request = routes_on_request, .arg = d};
	return http_server_start(&d->loop, &spec, &handler, &d->server, err);
}

static bool run(struct daemon *d, const char *bin_dir, struct err *err)
{
	struct layout layout;
	if (!layout_from_environment(&layout, err) || !flow_lock(&layout, &d->lock_fd, err) ||
	    !flow_open(&d->flow, bin_dir, true, err))
		return false;
	if (uv_loop_init(&d->loop) != 0) return err_set(err, ERR_INTERNAL, "no event loop");
	watch_signals(d);
	tls_watch(d);
	d->supervisor = supervisor_new(&d->loop, d->flow.db);
	d->started_at_ms = clock_wall_ms();
	/* The socket opens last but one, so that whoever can connect finds everything known; recoveries need it open.
	 */
	if (!check_ports(d, err) || !flow_keep_ports(&d->flow, err) || !sweep_home(&d->flow, err) ||
	    !start_units(d, err))
		return false;
	supervisor_sweep(d->supervisor);
	if (!listen_on_control(d, err) || !recover_all(d, err)) return false;
	address_follow(d);
	schedule_start(d);
	pool_watch_start(d);
	log_info("freeholdd is ready; home %s, control socket %s", d->flow.layout.home, d->flow.control_socket);
	(void)uv_run(&d->loop, UV_RUN_DEFAULT);
	(void)uv_run(&d->loop, UV_RUN_NOWAIT); /* the close callbacks */
	flow_close(&d->flow);
	return true;
}

static bool say_left(void *arg, const struct app *app, struct err *err)
{
	const struct flow *f = arg;
	char text[FOLLOWING_LEFT_SIZE];
	(void)err;
	if (following_left(f, app->name, text)) (void)fprintf(stderr, "%s\n", text);
	return true;
}

/* What goes on at a server of somebody else's, though everything here has ended. */
static bool say_what_is_left(const struct layout *layout, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct flow f = {.layout = *layout};
	if (!layout_home(layout, "freehold.db", path, err) || !db_open(path, &f.db, err)) return false;
	bool ok = app_each(f.db, say_left, &f, err);
	db_close(f.db);
	return ok;
}

/* Whoever holds the lock of the home wrote its pid there; when the lock is free, it is gone. */
bool daemon_stop_everything(struct err *err)
{
	struct layout layout;
	char path[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	int64_t pid = 0;
	buf_init(&text, 32);
	if (!layout_from_environment(&layout, err) || !layout_home(&layout, "lock", path, err) ||
	    !file_read(path, &text, err))
		return false;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", path);
	bool runs = flock(fd, LOCK_EX | LOCK_NB) != 0;
	struct str rest = buf_view(&text), first = STR("");
	(void)str_next(&rest, '\n', &first);
	bool ok = (runs && str_to_int(str_trim(first), &pid) && kill((pid_t)pid, SIGQUIT) == 0) ||
		  err_set(err, ERR_NOT_FOUND, "freeholdd does not run for %s", layout.home);
	if (ok) ok = flock(fd, LOCK_EX) == 0 || err_set_errno(err, "%s", path);
	ok = ok && say_what_is_left(&layout, err);
	(void)close(fd);
	return ok;
}

int daemon_main(const char *program, const char *bin_dir)
{
	struct err err;
	static struct daemon d; /* large, and there is one */
	(void)snprintf(d.program, sizeof d.program, "%s", program);
	d.lock_fd = -1;
	if (run(&d, bin_dir, &err)) return 0;
	log_error("%s", err.msg);
	return err_code_exit_status(err.code);
}

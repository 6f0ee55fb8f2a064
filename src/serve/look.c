/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/look.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "os/file.h"
#include "serve/lead.h"
#include "serve/listens.h"
#include "serve/room.h"

#define OTHER_PORT_GRACE_MS 1000 /* a listener on another port may only be a debugger's, before the real one */
#define TABLE_MAX_BYTES (4u << 20)

static void read_table(const char *path, bool is_v6, struct listens *inout_listens)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, TABLE_MAX_BYTES);
	if (file_read(path, &text, &ignored)) listens_parse(buf_view(&text), is_v6, inout_listens);
}

static void read_listens(struct inside *in, struct listens *ret_listens)
{
	uint64_t ours[CONFIG_FORWARDS_MAX];
	int count = 0;
	struct stat st;
	for (int i = 0; i < in->config.forward_count; i++)
		if (fstat(in->doors[i].watch.fd, &st) == 0) ours[count++] = st.st_ino;
	*ret_listens = (struct listens){0};
	read_table("/proc/self/net/tcp", false, ret_listens);
	read_table("/proc/self/net/tcp6", true, ret_listens);
	listens_leave_out(ret_listens, ours, count);
}

static void tell_ready(struct inside *in, const struct listens *l)
{
	struct message m = {.kind = MESSAGE_READY};
	uint16_t ports[LISTENS_MAX];
	int count = listens_ports(l, ports);
	for (int n = 0; n < in->config.instances; n++)
		if (in->instances[n].is_listening && m.port == 0) m.port = in->instances[n].port_real;
	for (int n = 0; n < count && n < MESSAGE_PORTS_MAX; n++) m.ports[n] = ports[n];
	room_tell(in, &m);
}

/* Another port than it was told is taken when its own does not come soon, and only for the first: of several processes
 * that all take another nobody knows which is whose. */
static const struct listen_at *choose(struct inside *in, const struct instance *i, const struct listens *l)
{
	uint16_t first = in->config.port, last = (uint16_t)(first + in->config.instances - 1);
	const struct listen_at *at = listens_choose(l, i->port, false, first, last);
	if (at != NULL || i->index > 0) return at;
	at = listens_choose(l, i->port, true, first, last);
	if (at == NULL || i->is_listening) return at;
	if (in->other_since_ms == 0) in->other_since_ms = clock_now_ms();
	return clock_now_ms() - in->other_since_ms >= OTHER_PORT_GRACE_MS ? at : NULL;
}

static void note_listening(struct inside *in, struct instance *i, const struct listens *l)
{
	const struct listen_at *at = i->pid > 0 ? choose(in, i, l) : NULL;
	bool was = i->is_listening;
	uint16_t port_was = i->port_real;
	if (at == NULL) return; /* a server that closes its socket is about to end, and then it is told */
	i->is_listening = true;
	i->port_real = at->port;
	listens_target(at, &i->address, &i->address_len);
	if (was && port_was == at->port) return;
	in->has_listened = true;
	tell_ready(in, l);
	loop_timer_clear(&in->back);
	lead_release_held(in);
}

void look_on_timer(void *arg)
{
	struct inside *in = arg;
	struct listens l;
	bool is_missing = false;
	read_listens(in, &l);
	for (int n = 0; n < in->config.instances; n++) {
		note_listening(in, &in->instances[n], &l);
		is_missing = is_missing || !in->instances[n].is_listening;
	}
	if (in->phase < PHASE_FROZEN) loop_timer_set(&in->loop, &in->look, is_missing ? LOOK_BOOT_MS : LOOK_MS);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections of a sandbox: visitors from web.sock are led to the instance that has the fewest, and the app's own
 * connections to the ports of 127.0.0.1 that lead outside ("doors") to descriptors that the outer half opens. */
#ifndef FREEHOLD_SERVE_LEAD_H
#define FREEHOLD_SERVE_LEAD_H

#include "base/err.h"
#include "serve/room.h"

/* Of in->visitors: somebody asks. */
void lead_on_visitors(void *arg, uint32_t events);
void lead_accept_visitors(struct inside *in);

/* Who has the address still is refused from here on, and asks elsewhere; none is left in the backlog. */
void lead_stop_accepting(struct inside *in);

/* A single server ended and may come back (it was not the last word): visitors wait. release: it listens again; drop:
 * it does not come, and nginx answers for us. */
void lead_release_held(struct inside *in);
void lead_drop_held(struct inside *in);

/* The sandbox ends: every connection does. */
void lead_cut_all(struct inside *in);

/* Something that was open is not any more: goes on accepting what had to wait for that. */
void lead_note_room(struct inside *in);

bool lead_open_door(struct inside *in, int index, struct err *err);

/* DOOR: the outer half listens there for us. Takes fd. */
void lead_take_door(struct inside *in, int index, int fd);

/* LINKED: the answer to the oldest LINK. Takes outside; -1: there is nobody. */
void lead_on_linked(struct inside *in, int outside);

#endif

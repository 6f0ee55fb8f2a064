/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/rows.h"

#define ROW_MAX_BYTES (1u << 30) /* PostgreSQL has none larger */
#define PUSH_BYTES (32u << 10) /* at a time */

static bool is_list(enum plan_handler handler)
{
	return handler == HANDLER_JSON || handler == HANDLER_JSON_STRIPPED || handler == HANDLER_CSV;
}

static bool is_guarded(const struct ask *ask)
{
	return ask->prefer.has_max_affected && ask->prefer.handling == HANDLING_STRICT;
}

enum plan_form rows_form(const struct plan *plan)
{
	const struct ask *ask = plan->ask;
	const struct catalogue_routine *f = plan->routine;
	if (plan->explains || !is_list(plan->handler) || is_guarded(ask)) return FORM_VALUE;
	switch (ask->action) {
	case ASK_READ: return FORM_BOUNDED;
	case ASK_UPDATE:
	case ASK_DELETE: return FORM_ROWS;
	case ASK_INSERT: return ask->payload.len > ROWS_BOUND_BYTES ? FORM_ROWS : FORM_VALUE;
	case ASK_CALL:
		if (ask->is_root_spec || !f->returns_set || !f->returns_composite) return FORM_VALUE;
		return plan->is_read_only ? FORM_BOUNDED : FORM_ROWS;
	default: return FORM_VALUE;
	}
}

static void put(struct rows *r, struct str text)
{
	buf_str(&r->bytes, text);
	r->total += text.len;
}

/* As json_agg writes it. */
void rows_begin(struct rows *r, enum plan_handler handler, struct str head)
{
	*r = (struct rows){.between = ", \n ", .closing = "]", .is_first = true};
	buf_init(&r->bytes, (size_t)ROW_MAX_BYTES + ROWS_BOUND_BYTES);
	if (handler == HANDLER_JSON_STRIPPED) r->between = ",";
	if (handler != HANDLER_CSV) {
		put(r, STR("["));
		return;
	}
	r->between = "\n";
	r->closing = "";
	put(r, head);
	put(r, STR("\n"));
}

void rows_add(struct rows *r, struct str row)
{
	if (!r->is_first) put(r, str_from(r->between));
	r->is_first = false;
	put(r, row);
}

void rows_end(struct rows *r)
{
	put(r, str_from(r->closing));
}

void rows_done(struct rows *r)
{
	buf_done(&r->bytes);
}

bool rows_push(struct rows *r, const struct rest_sink *sink, void *arg, bool is_end)
{
	size_t least = is_end ? 0 : PUSH_BYTES - 1;
	while (r->bytes.len - r->sent > least) {
		struct str piece = str_sub(buf_view(&r->bytes), r->sent, r->sent + PUSH_BYTES);
		if (!sink->write(arg, piece)) return false;
		r->sent += piece.len;
	}
	/* What a row of many megabytes took is not kept for the small ones that follow. */
	if (r->sent == r->bytes.len && r->bytes.capacity > 2 * ROWS_BOUND_BYTES) buf_done(&r->bytes);
	buf_consume(&r->bytes, r->sent);
	r->sent = 0;
	return true;
}

uint64_t rows_shape(uint64_t text_hash, uint64_t affinity)
{
	return (text_hash ^ affinity) | 1; /* 0 is a free place */
}

bool rows_was_large(const struct rows_memory *m, uint64_t shape)
{
	return m->places[shape / 2 % ROWS_MEMORY_PLACES] == shape;
}

void rows_remember(struct rows_memory *m, uint64_t shape, bool is_large)
{
	uint64_t *place = &m->places[shape / 2 % ROWS_MEMORY_PLACES];
	if (is_large)
		*place = shape;
	else if (*place == shape)
		*place = 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What is told of a change, as realtime.apply_rls and Realtime's adapters/changes.ex make it. */
#include "base/clock.h"
#include "realtime/feed.h"
#include "realtime/message.h"

#define SHORT_BYTES 64 /* of a value that stays in a record that is too large */

static bool is_asked_for(const struct filter_wish *wish, const struct fact_column *c)
{
	if (wish->column_count == 0 || c->is_primary) return true;
	for (int i = 0; i < wish->column_count; i++)
		if (str_eq(str_from(wish->columns[i]), c->name)) return true;
	return false;
}

static const struct fact_column *find_column(const struct facts *facts, struct str name)
{
	for (int i = 0; i < facts->column_count; i++)
		if (str_eq(facts->columns[i].name, name)) return &facts->columns[i];
	return NULL;
}

static void put_columns(const struct facts *facts, const struct filter_wish *wish, struct buf *b)
{
	const char *comma = "";
	buf_puts(b, "\"columns\":[");
	for (int i = 0; i < facts->column_count; i++) {
		const struct fact_column *c = &facts->columns[i];
		if (!c->may_read || !is_asked_for(wish, c)) continue;
		buf_printf(b, "%s{\"name\":", comma);
		message_put_string(c->name, b);
		buf_puts(b, ",\"type\":");
		message_put_string(c->type_name, b);
		buf_putc(b, '}');
		comma = ",";
	}
	buf_putc(b, ']');
}

struct record {
	const struct feed_change *change;
	const struct facts *facts;
	const struct filter_wish *wish;
	bool is_too_large;
	bool is_old, is_primary_only, is_key_only;
};

static const struct pgoutput_value *value_at(const struct record *r, int i)
{
	const struct feed_change *change = r->change;
	const struct pgoutput_value *old = change->old_values != NULL ? &change->old_values[i] : NULL;
	if (r->is_old) return old != NULL ? old : &change->new_values[i];
	const struct pgoutput_value *value = &change->new_values[i];
	if (value->kind != PGOUTPUT_UNCHANGED) return value;
	return old != NULL && !change->is_key_only ? old : value;
}

static void put_record(const struct record *r, const char *name, struct buf *b)
{
	const struct feed_relation *relation = r->change->relation;
	const char *comma = "";
	buf_printf(b, ",\"%s\":{", name);
	for (int i = 0; i < relation->column_count; i++) {
		const struct fact_column *c = find_column(r->facts, relation->columns[i].name);
		const struct pgoutput_value *value = value_at(r, i);
		if (c == NULL || !c->may_read || !is_asked_for(r->wish, c)) continue;
		if (value->kind == PGOUTPUT_UNCHANGED || (r->is_primary_only && !c->is_primary)) continue;
		if (r->is_key_only && !relation->columns[i].is_key) continue;
		if (r->is_too_large && value->text.len > SHORT_BYTES) continue;
		buf_puts(b, comma);
		message_put_string(c->name, b);
		buf_putc(b, ':');
		if (value->kind == PGOUTPUT_NULL)
			buf_puts(b, "null");
		else
			value_put(&c->type, value->text, b);
		comma = ",";
	}
	buf_putc(b, '}');
}

/* 400: without a primary key nobody can tell whether somebody may see the row. 401: the key itself may not be read. */
const char *payload_refusal(const struct feed_change *change, const struct facts *facts)
{
	bool has_primary = false, may_read = true;
	if (change->event == FILTER_DELETE) return NULL;
	for (int i = 0; i < facts->column_count; i++) {
		if (!facts->columns[i].is_primary) continue;
		has_primary = true;
		may_read = may_read && facts->columns[i].may_read;
	}
	if (!has_primary) return "Error 400: Bad Request, no primary key";
	return may_read ? NULL : "Error 401: Unauthorized";
}

static void put_head(const struct feed_change *change, struct buf *b)
{
	buf_puts(b, "{\"schema\":");
	message_put_string(str_from(change->relation->schema), b);
	buf_puts(b, ",\"table\":");
	message_put_string(str_from(change->relation->table), b);
	buf_printf(b, ",\"type\":\"%s\",", filter_event_name(change->event));
}

static void put_records(const struct feed_change *change, const struct facts *facts, const struct filter_wish *wish,
			bool is_too_large, struct buf *b)
{
	struct record r = {.change = change, .facts = facts, .wish = wish, .is_too_large = is_too_large};
	if (change->event != FILTER_DELETE) put_record(&r, "record", b);
	r.is_old = true;
	/* Without an old row the key did not change: the new row has it. */
	r.is_key_only = change->old_values == NULL || change->is_key_only;
	r.is_primary_only = change->event == FILTER_DELETE && facts->has_rls;
	if (change->event != FILTER_INSERT) put_record(&r, "old_record", b);
}

void payload_put(const struct feed_change *change, const struct facts *facts, const struct filter_wish *wish,
		 struct buf *b)
{
	char time[CLOCK_ISO8601_SIZE];
	const char *refused = payload_refusal(change, facts);
	bool is_too_large = change->size > REALTIME_RECORD_MAX_BYTES;
	put_head(change, b);
	if (refused != NULL) {
		buf_printf(b, "\"commit_timestamp\":null,\"columns\":[],\"errors\":[\"%s\"],\"record\":{}%s}", refused,
			   change->event == FILTER_UPDATE ? ",\"old_record\":{}" : "");
		return;
	}
	clock_iso8601(change->commit_us / 1000, time);
	buf_printf(b, "\"commit_timestamp\":\"%s\",", time);
	put_columns(facts, wish, b);
	buf_printf(b, ",\"errors\":%s", is_too_large ? "[\"Error 413: Payload Too Large\"]" : "null");
	put_records(change, facts, wish, is_too_large, b);
	buf_putc(b, '}');
}

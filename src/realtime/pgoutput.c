/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/pgoutput.h"

#define EPOCH_US (INT64_C(946684800) * 1000000) /* 2000-01-01, where PostgreSQL's time begins */

static bool take_number(struct str *rest, size_t size, uint64_t *ret)
{
	uint64_t value = 0;
	if (rest->len < size) return false;
	for (size_t i = 0; i < size; i++) value = value << 8 | (unsigned char)rest->ptr[i];
	*rest = str_sub(*rest, size, rest->len);
	*ret = value;
	return true;
}

static bool take_byte(struct str *rest, char *ret)
{
	uint64_t value;
	if (!take_number(rest, 1, &value)) return false;
	*ret = (char)value;
	return true;
}

static bool take_text(struct str *rest, struct str *ret)
{
	return str_cut(*rest, '\0', ret, rest);
}

static bool take_bytes(struct str *rest, size_t len, struct str *ret)
{
	if (rest->len < len) return false;
	*ret = str_sub(*rest, 0, len);
	*rest = str_sub(*rest, len, rest->len);
	return true;
}

static bool take_value(struct str *rest, struct pgoutput_value *ret)
{
	char kind;
	uint64_t len;
	*ret = (struct pgoutput_value){PGOUTPUT_NULL, STR("")};
	if (!take_byte(rest, &kind)) return false;
	if (kind == 'n') return true;
	if (kind == 'u') ret->kind = PGOUTPUT_UNCHANGED;
	if (kind == 'u') return true;
	ret->kind = PGOUTPUT_TEXT;
	return kind == 't' && take_number(rest, 4, &len) && take_bytes(rest, len, &ret->text);
}

static bool take_column(struct str *rest, struct pgoutput_column *ret)
{
	char flags;
	uint64_t type, modifier;
	if (!take_byte(rest, &flags) || !take_text(rest, &ret->name) || !take_number(rest, 4, &type) ||
	    !take_number(rest, 4, &modifier))
		return false;
	ret->is_key = (flags & 1) != 0;
	ret->type = (uint32_t)type;
	return true;
}

/* Walked once here, so that whoever walks it later cannot fail. */
static bool take_list(struct str *rest, bool is_columns, struct pgoutput_list *ret)
{
	uint64_t count;
	struct pgoutput_value value;
	struct pgoutput_column column;
	if (!take_number(rest, 2, &count) || count > PGOUTPUT_COLUMNS_MAX) return false;
	struct str from = *rest;
	for (uint64_t i = 0; i < count; i++)
		if (!(is_columns ? take_column(rest, &column) : take_value(rest, &value))) return false;
	*ret = (struct pgoutput_list){(int)count, str_sub(from, 0, from.len - rest->len)};
	return true;
}

bool pgoutput_column(struct pgoutput_list *rest, struct pgoutput_column *ret)
{
	if (rest->count == 0) return false;
	rest->count--;
	return take_column(&rest->bytes, ret);
}

bool pgoutput_value(struct pgoutput_list *rest, struct pgoutput_value *ret)
{
	if (rest->count == 0) return false;
	rest->count--;
	return take_value(&rest->bytes, ret);
}

static bool read_relation(struct str *rest, struct pgoutput_message *m)
{
	uint64_t oid;
	if (!take_number(rest, 4, &oid) || !take_text(rest, &m->schema) || !take_text(rest, &m->table) ||
	    !take_byte(rest, &m->identity) || !take_list(rest, true, &m->columns))
		return false;
	m->relation = (uint32_t)oid;
	if (m->schema.len == 0) m->schema = STR("pg_catalog"); /* that is how it is written */
	return true;
}

static bool read_change(struct str *rest, struct pgoutput_message *m)
{
	uint64_t oid;
	char part;
	if (!take_number(rest, 4, &oid) || !take_byte(rest, &part)) return false;
	m->relation = (uint32_t)oid;
	if (part == 'K' || part == 'O') {
		m->has_old = true;
		m->is_key_only = part == 'K';
		if (m->kind == PGOUTPUT_INSERT || !take_list(rest, false, &m->old_values)) return false;
		if (m->kind == PGOUTPUT_DELETE) return true;
		if (!take_byte(rest, &part)) return false;
	}
	return part == 'N' && m->kind != PGOUTPUT_DELETE && take_list(rest, false, &m->new_values);
}

static bool read_body(char type, struct str *rest, struct pgoutput_message *m)
{
	uint64_t ignored, time;
	switch (type) {
	case 'B':
		m->kind = PGOUTPUT_BEGIN;
		if (!take_number(rest, 8, &ignored) || !take_number(rest, 8, &time)) return false;
		m->commit_us = (int64_t)(time + (uint64_t)EPOCH_US);
		if (!take_number(rest, 4, &ignored)) return false;
		m->xid = (uint32_t)ignored;
		return true;
	case 'C':
		m->kind = PGOUTPUT_COMMIT;
		return take_number(rest, 1, &ignored) && take_number(rest, 8, &ignored) &&
		       take_number(rest, 8, &m->end_lsn) && take_number(rest, 8, &time);
	case 'R': m->kind = PGOUTPUT_RELATION; return read_relation(rest, m);
	case 'I': m->kind = PGOUTPUT_INSERT; return read_change(rest, m);
	case 'U': m->kind = PGOUTPUT_UPDATE; return read_change(rest, m);
	case 'D': m->kind = PGOUTPUT_DELETE; return read_change(rest, m);
	default: m->kind = PGOUTPUT_OTHER; return true;
	}
}

bool pgoutput_read(struct str bytes, struct pgoutput_message *ret, struct err *err)
{
	struct pgoutput_message m = {0};
	char type;
	struct str rest = bytes;
	if (!take_byte(&rest, &type) || !read_body(type, &rest, &m))
		return err_set(err, ERR_INVALID, "PostgreSQL's message of the log of changes cannot be read");
	*ret = m;
	return true;
}

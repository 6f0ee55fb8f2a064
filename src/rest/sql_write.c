/* SPDX-License-Identifier: Apache-2.0
 *
 * INSERT, UPDATE, DELETE, and calling a function. Rows come as one JSON parameter, read by json_to_record(set) with the
 * columns' own types. */
#include "rest/sql.h"

bool sql_is_object(struct str json)
{
	json = str_trim(json);
	return json.len > 0 && json.ptr[0] == '{';
}

static void records_from(struct sql *s, bool with_defaults, bool has_columns, bool is_object)
{
	if (!has_columns && is_object)
		buf_puts(&s->text, "(values (1)) _");
	else if (!has_columns)
		buf_puts(&s->text, with_defaults ? "jsonb_array_elements(" : "json_array_elements(");
	else if (is_object)
		buf_puts(&s->text, with_defaults ? "jsonb_to_record(" : "json_to_record(");
	else
		buf_puts(&s->text, with_defaults ? "jsonb_to_recordset(" : "json_to_recordset(");
}

/* jsonb_build_object('a', default, …) || what was sent. */
static void with_default_values(struct sql *s, const struct catalogue_column *const *columns, int count, bool is_object)
{
	bool is_first = true;
	buf_puts(&s->text, is_object ? "" : "(select jsonb_agg(");
	buf_puts(&s->text, "jsonb_build_object(");
	for (int i = 0; i < count; i++) {
		if (columns[i]->default_sql.len == 0) continue;
		if (!is_first) buf_puts(&s->text, ", ");
		is_first = false;
		sql_literal(s, columns[i]->name);
		buf_puts(&s->text, ", ");
		buf_str(&s->text, columns[i]->default_sql);
	}
	buf_puts(&s->text, is_object ? ") || " : ") || e) from jsonb_array_elements(");
	sql_param(s, s->plan->ask->payload);
	buf_puts(&s->text, is_object ? "::jsonb" : "::jsonb) e)");
}

static void record_types(struct sql *s, const struct catalogue_column *const *columns, int count)
{
	for (int i = 0; i < count; i++) {
		const struct catalogue_representation *reader =
		    s->plan->catalogue->representation_count > 0
			? catalogue_representation(s->plan->catalogue, STR("json"), columns[i]->type)
			: NULL;
		buf_puts(&s->text, i > 0 ? ", " : ") as _(");
		sql_ident(s, columns[i]->name);
		buf_putc(&s->text, ' ');
		buf_str(&s->text, reader != NULL ? STR("json") : columns[i]->type);
	}
	if (count > 0) buf_putc(&s->text, ')');
}

void sql_records(struct sql *s, const struct catalogue_column *const *columns, int count, bool with_defaults)
{
	struct str payload = s->plan->ask->payload;
	bool is_object = sql_is_object(payload);
	buf_puts(&s->text, "(select ");
	for (int i = 0; i < count; i++) {
		const struct catalogue_representation *reader =
		    s->plan->catalogue->representation_count > 0
			? catalogue_representation(s->plan->catalogue, STR("json"), columns[i]->type)
			: NULL;
		if (i > 0) buf_puts(&s->text, ", ");
		if (reader != NULL) buf_printf(&s->text, "%.*s(", STR_FMT(reader->function));
		sql_ident(s, columns[i]->name);
		if (reader == NULL) continue;
		buf_puts(&s->text, ") as ");
		sql_ident(s, columns[i]->name);
	}
	buf_puts(&s->text, " from ");
	records_from(s, with_defaults, count > 0, is_object);
	if (count > 0 || !is_object) {
		if (with_defaults && count > 0) {
			with_default_values(s, columns, count, is_object);
		} else {
			sql_param(s, payload);
			buf_puts(&s->text, with_defaults ? "::jsonb" : "::json");
		}
		if (count > 0)
			record_types(s, columns, count);
		else
			buf_puts(&s->text, ") _");
	}
	buf_puts(&s->text, ") pgrst_body");
}

static void put_names(struct sql *s, const char *before, const char *after)
{
	const struct plan *p = s->plan;
	for (int i = 0; i < p->column_count; i++) {
		buf_puts(&s->text, i > 0 ? ", " : before);
		sql_ident(s, p->columns[i]->name);
	}
	if (p->column_count > 0) buf_puts(&s->text, after);
}

static void returning(struct sql *s)
{
	const struct plan *p = s->plan;
	buf_puts(&s->text, " returning ");
	if (p->returning_count == 0) buf_putc(&s->text, '1');
	for (int i = 0; i < p->returning_count; i++) {
		if (i > 0) buf_puts(&s->text, ", ");
		sql_column(s, p->table->name, p->returning[i]);
	}
}

static struct catalogue_name body_name(void)
{
	return (struct catalogue_name){STR(""), STR("pgrst_body")};
}

static void put_filters(struct sql *s, struct catalogue_name of, const char *before)
{
	const struct target *t = &s->plan->ask->target;
	for (int i = 0; i < t->filter_count; i++) {
		if (t->filters[i].path.count > 0) continue;
		buf_puts(&s->text, before);
		sql_filter(s, of, s->plan->table, &t->filters[i].filter);
		before = " and ";
	}
	for (int i = 0; i < t->logic_count; i++) {
		if (t->logics[i].path.count > 0) continue;
		buf_puts(&s->text, before);
		sql_logic(s, of, s->plan->table, t->logics[i].logic);
		before = " and ";
	}
}

/* Counts in a setting of the transaction how many rows were new: one up for each, one down again for each that turned
 * out to be there. */
#define COUNT_NEW                                                                                                      \
	"set_config('pgrst.inserted',(coalesce(nullif(current_setting('pgrst.inserted',true),'')::int,0)+1)::text,"    \
	"true)"                                                                                                        \
	" <> '0'"
#define COUNT_OLD                                                                                                      \
	"set_config('pgrst.inserted',(coalesce(nullif(current_setting('pgrst.inserted',true),'')::int,0)-1)::text,"    \
	"true)"                                                                                                        \
	" <> '-1'"

static void on_conflict(struct sql *s, bool merges)
{
	const struct plan *p = s->plan;
	if (p->conflict_count == 0) return;
	buf_puts(&s->text, " on conflict (");
	for (int i = 0; i < p->conflict_count; i++) {
		if (i > 0) buf_puts(&s->text, ", ");
		sql_ident(s, p->conflict[i]);
	}
	if (!merges || p->column_count == 0) {
		buf_puts(&s->text, ") do nothing");
		return;
	}
	buf_puts(&s->text, ") do update set ");
	for (int i = 0; i < p->column_count; i++) {
		if (i > 0) buf_puts(&s->text, ", ");
		sql_ident(s, p->columns[i]->name);
		buf_puts(&s->text, " = excluded.");
		sql_ident(s, p->columns[i]->name);
	}
	buf_puts(&s->text, " where " COUNT_OLD);
}

static void insert(struct sql *s)
{
	const struct plan *p = s->plan;
	bool is_put = p->ask->action == ASK_UPSERT;
	bool merges = is_put || p->ask->prefer.resolution == RESOLUTION_MERGE;
	bool with_defaults = !is_put && p->ask->prefer.missing == MISSING_DEFAULT;
	buf_puts(&s->text, "insert into ");
	sql_name(s, p->table->name);
	put_names(s, "(", ")");
	buf_puts(&s->text, " select ");
	for (int i = 0; i < p->column_count; i++) {
		if (i > 0) buf_puts(&s->text, ", ");
		sql_column(s, body_name(), p->columns[i]->name);
	}
	buf_puts(&s->text, " from ");
	sql_records(s, p->columns, p->column_count, with_defaults);
	if (merges) buf_puts(&s->text, " where " COUNT_NEW);
	if (is_put) put_filters(s, body_name(), " and ");
	if (merges || p->ask->prefer.resolution == RESOLUTION_IGNORE) on_conflict(s, merges);
	returning(s);
}

/* Nothing to set: no rows, with the columns the answer would have. */
static void update_nothing(struct sql *s)
{
	const struct plan *p = s->plan;
	struct catalogue_name of = {STR(""), p->table->name.name};
	buf_puts(&s->text, "select ");
	if (p->returning_count == 0) buf_puts(&s->text, "null");
	for (int i = 0; i < p->returning_count; i++) {
		if (i > 0) buf_puts(&s->text, ", ");
		sql_column(s, of, p->returning[i]);
	}
	buf_puts(&s->text, " from ");
	sql_name(s, p->table->name);
	buf_puts(&s->text, " where false");
}

static void update(struct sql *s)
{
	const struct plan *p = s->plan;
	if (p->column_count == 0) {
		update_nothing(s);
		return;
	}
	buf_puts(&s->text, "update ");
	sql_name(s, p->table->name);
	for (int i = 0; i < p->column_count; i++) {
		buf_puts(&s->text, i > 0 ? ", " : " set ");
		sql_ident(s, p->columns[i]->name);
		buf_puts(&s->text, " = ");
		sql_column(s, body_name(), p->columns[i]->name);
	}
	buf_puts(&s->text, " from ");
	sql_records(s, p->columns, p->column_count, p->ask->prefer.missing == MISSING_DEFAULT);
	put_filters(s, p->table->name, " where ");
	returning(s);
}

void sql_write(struct sql *s)
{
	const struct plan *p = s->plan;
	switch (p->ask->action) {
	case ASK_UPDATE: update(s); break;
	case ASK_DELETE:
		buf_puts(&s->text, "delete from ");
		sql_name(s, p->table->name);
		put_filters(s, p->table->name, " where ");
		returning(s);
		break;
	default: insert(s);
	}
}

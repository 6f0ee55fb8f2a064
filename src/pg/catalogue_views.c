/* SPDX-License-Identifier: Apache-2.0
 *
 * What each column of each exposed view shows, followed through views of views. */
#include <stdlib.h>

#include "pg/catalogue_build.h"
#include "pg/view.h"

#define VIEW_COLUMNS_MAX 1664 /* PostgreSQL's own limit */
#define VIEW_DEPTH_MAX 32

static int compare_traces(const void *a, const void *b)
{
	const struct catalogue_trace *x = a, *y = b;
	if (x->view != y->view) return x->view < y->view ? -1 : 1;
	return x->column - y->column;
}

static struct catalogue_trace *direct_traces(const PGresult *views, int *ret_count)
{
	struct view_column *columns = calloc(VIEW_COLUMNS_MAX, sizeof *columns);
	struct catalogue_trace *all = NULL;
	int count = 0, room = 0;
	for (int i = 0; i < PQntuples(views); i++) {
		struct str action = {PQgetvalue(views, i, 1), (size_t)PQgetlength(views, i, 1)};
		int n = view_columns(action, columns, VIEW_COLUMNS_MAX);
		if (count + n > room) {
			room = (count + n) * 2;
			all = realloc(all, (size_t)room * sizeof *all);
			if (all == NULL) abort();
		}
		for (int k = 0; k < n; k++)
			if (columns[k].table != 0)
				all[count++] =
				    (struct catalogue_trace){catalogue_oid_at(views, i, 0), columns[k].number,
							     columns[k].table, columns[k].column};
	}
	free(columns);
	*ret_count = count;
	if (count > 0) qsort(all, (size_t)count, sizeof *all, compare_traces);
	return all;
}

void catalogue_trace_views(struct catalogue_draft *d, const PGresult *views)
{
	int count;
	struct catalogue_trace *direct = direct_traces(views, &count);
	int room = count * 4;
	d->traces = catalogue_alloc(d->c, (size_t)room, sizeof *d->traces);
	for (int i = 0; i < count; i++) {
		const struct catalogue_table *view = catalogue_by_oid(d, direct[i].view);
		if (view == NULL || !catalogue_is_exposed(d->c, &view->name)) continue;
		const struct catalogue_trace *at = &direct[i];
		for (int depth = 0; at != NULL && depth < VIEW_DEPTH_MAX && d->trace_count < room; depth++) {
			d->traces[d->trace_count++] =
			    (struct catalogue_trace){direct[i].view, direct[i].column, at->table, at->table_column};
			struct catalogue_trace next = {.view = at->table, .column = at->table_column};
			at = bsearch(&next, direct, (size_t)count, sizeof *direct, compare_traces);
		}
	}
	free(direct);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/batch.h"

#include <assert.h>

int pg_batch_add(struct pg_batch *batch, const char *text, int param_count, const char *const *params)
{
	assert(batch->count < PG_PIPELINE_MAX && param_count <= PG_BATCH_PARAMS_MAX);
	const char **copy = batch->params[batch->count];
	for (int i = 0; i < param_count; i++) copy[i] = params[i];
	batch->statements[batch->count] =
	    (struct pg_statement){.sql = text, .param_count = param_count, .params = copy, .is_prepared = true};
	return batch->count++;
}

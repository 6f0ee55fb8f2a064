/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/call.h"
#include "storage/flows.h"

void flow_status(struct storage_call *call)
{
	storage_answer(call, 200, "{}");
}

void flow_version(struct storage_call *call)
{
	storage_answer(call, 200, "{\"version\":\"freehold\"}");
}

/* Nothing between here and the browser keeps objects for longer than a second, so that there is nothing to forget. */
void flow_purge(struct storage_call *call)
{
	storage_answer(call, 200, "{\"message\":\"success\"}");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/pool_size.h"

#define START_LEAST 4
#define PER_CORE 3
#define MOST_LEAST 20
#define MOST_PER_CORE 10

int64_t pool_size_demand(int64_t active, int64_t waiting)
{
	int64_t more = active / 2 + 1;
	return active + (waiting < more ? waiting : more);
}

int pool_size_choose(bool is_transaction, int cores, int64_t demand, int limit)
{
	if (!is_transaction) return limit;
	int64_t start = (int64_t)cores * PER_CORE, wanted = demand + (demand + 3) / 4;
	if (start < START_LEAST) start = START_LEAST;
	int64_t most = (int64_t)cores * MOST_PER_CORE > MOST_LEAST ? (int64_t)cores * MOST_PER_CORE : MOST_LEAST;
	if (wanted < start) wanted = start;
	if (wanted > most) wanted = most;
	return wanted > limit ? limit : (int)wanted;
}

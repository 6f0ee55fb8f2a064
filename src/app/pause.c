/* SPDX-License-Identifier: Apache-2.0 */
#include "app/pause.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void pause_here(const char *step, const char *point)
{
	char here[128];
	const char *wanted = getenv("FREEHOLD_PAUSE_AT");
	if (wanted == NULL) return;
	(void)snprintf(here, sizeof here, "%s:%s", step, point);
	if (strcmp(here, wanted) != 0) return;
	log_info("paused at %s", here);
	(void)raise(SIGSTOP);
}

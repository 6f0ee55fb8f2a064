/* SPDX-License-Identifier: Apache-2.0
 *
 * In every program of a build with the sanitizers, and in none of any other: what they find ends the process, whatever
 * environment it was started with, and is written where a test run looks for it. Without that folder it goes to
 * standard error. The runtime asks before main(), by these names. */
#include <unistd.h>

#include "base/asan.h"

#ifdef ASAN_FINDINGS_DIR

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	if (access(ASAN_FINDINGS_DIR, W_OK) != 0) return "abort_on_error=1";
	return "abort_on_error=1:log_exe_name=1:log_path=" ASAN_FINDINGS_DIR "/found";
}

const char *__ubsan_default_options(void)
{
	return "halt_on_error=1:print_stacktrace=1";
}

#endif

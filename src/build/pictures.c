/* SPDX-License-Identifier: Apache-2.0 */
#include "build/pictures.h"

#include <string.h>

#include "build/box.h"
#include "build/cache.h"
#include "build/pictures_text.h"
#include "codec/json.h"

bool pictures_are_wanted(const struct build_job *job)
{
	size_t i;
	json_t *one;
	json_array_foreach(json_object_get(job->inspection, "services"), i,
			   one) if (strcmp(json_str(one, "name", ""), "pictures") == 0) return true;
	return false;
}

static struct str last_line(struct str text)
{
	struct str line, last = {0};
	text = str_trim(text);
	while (str_next(&text, '\n', &line)) last = line;
	return str_trim(last);
}

bool pictures_bring(const struct build_job *job, const struct build_host *host, const char *app_dir, const char *inner,
		    const char *const *env, struct buf *ret_said, struct err *err)
{
	const char *const argv[] = {"node", "--input-type=module", "-e", pictures_texts[0].text, NULL};
	char download[FILE_PATH_SIZE];
	struct sandbox_result result;
	struct buf tail BUF_CLEANUP;
	buf_init(&tail, (size_t)2 * BOX_TAIL_BYTES);
	if (!cache_open(job, download, err)) return false;
	struct box_call call = {.job = job,
				.host = host,
				.argv = argv,
				.app_dir = app_dir,
				.cwd = inner,
				.cache_dir = download,
				.env = env,
				.has_network = true};
	build_say(job, "looking for the pictures that only Lovable's servers have");
	if (!box_run(&call, &tail, &result, err)) return false;
	bool is_well = result.end == SANDBOX_EXITED && result.exit_status == 0;
	struct str said = is_well ? last_line(buf_view(&tail)) : box_reason(buf_view(&tail), 500);
	buf_printf(ret_said, "%s%.*s",
		   is_well ? "" : "the pictures that only Lovable's servers have did not come: ", STR_FMT(said));
	return true;
}

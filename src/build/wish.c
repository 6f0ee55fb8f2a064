/* SPDX-License-Identifier: Apache-2.0 */
#include "build/wish.h"

#include <string.h>

#include "codec/json.h"

struct build_wish build_wish_read(const json_t *inspection)
{
	struct build_wish w = {.script = "build", .output = json_str(inspection, "output_dir", "")};
	w.is_static = strcmp(json_str(inspection, "shape", ""), "static") == 0;
	return w;
}

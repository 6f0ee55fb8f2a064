/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/lovable.h"

#include <stdio.h>

#include "base/log.h"
#include "codec/json.h"

void lovable_set(struct gateway *gateway, const struct backend_config *config)
{
	const json_t *o = json_object_get(config->file, "lovable"), *models = json_object_get(o, "models");
	struct ai_settings s = {
	    .app_key = json_str(o, "app_key", ""), .url = json_str(o, "url", NULL), .key = json_str(o, "key", "")};
	struct err err;
	for (size_t i = 0; i < json_array_size(models) && s.model_count < AI_MODELS_MAX; i++) {
		const json_t *m = json_array_get(models, i);
		s.models[s.model_count++] = (struct ai_model){json_str(m, "from", ""), json_str(m, "to", "")};
	}
	(void)snprintf(gateway->lovable_key, sizeof gateway->lovable_key, "%s", s.app_key);
	if (ai_settings_check(&s, &err))
		ai_set(gateway->ai, &s);
	else
		log_error("backend: the AI provider stays as it was: %s", err.msg);
}

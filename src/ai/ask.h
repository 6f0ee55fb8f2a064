/* SPDX-License-Identifier: Apache-2.0
 *
 * From what an app asks of the AI gateway that its builder gave it to what the owner's provider is asked: another
 * address, another key, another name for the model; nothing else changes. Pure. */
#ifndef FREEHOLD_AI_ASK_H
#define FREEHOLD_AI_ASK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define AI_MODELS_MAX 64

struct ai_model {
	const char *from, *to; /* "google/gemini-2.5-flash", or with one star at the end: "google/" "*" */
};

struct ai_settings {
	const char *app_key; /* what the app's LOVABLE_API_KEY is; NULL or "": nobody may ask */
	const char *url; /* the provider's, up to its version: "https://api.openai.com/v1"; NULL: none is set */
	const char *key; /* "": the provider wants none */
	struct ai_model models[AI_MODELS_MAX]; /* the first that fits */
	int model_count;
};

/* https, or http to this machine; models with names, and a star only at their end. ERR_INVALID names what is wrong. */
bool ai_settings_check(const struct ai_settings *settings, struct err *err);

/* The provider's name for a model: a star stands for what it stood for. Its own where nothing fits. NULL: no room. */
const char *ai_model_for(const struct ai_settings *settings, struct arena *a, const char *model);

/* "/v1/chat/completions" becomes url "/chat/completions". NULL for a path that is none of an API's. */
const char *ai_url_for(const struct ai_settings *settings, struct arena *a, struct str path, struct str query);

/* A JSON body with its model named for the provider. What is no JSON object, or names no model that another name is
 * set for, comes back as it is. */
struct str ai_body_for(const struct ai_settings *settings, struct arena *a, struct str body);

#endif

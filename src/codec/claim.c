/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/claim.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum step_kind { STEP_KEY, STEP_INDEX, STEP_MATCH };

struct step {
	enum step_kind kind;
	struct str text;
	struct str comparison;
	size_t index;
};

static bool quoted(const char **at, struct str *ret)
{
	if (**at != '"') return false;
	const char *end = strchr(*at + 1, '"');
	if (end == NULL) return false;
	*ret = (struct str){*at + 1, (size_t)(end - *at - 1)};
	*at = end + 1;
	return true;
}

static void skip_spaces(const char **at)
{
	while (**at == ' ') (*at)++;
}

/* Behind "[?(": @ == "text")] */
static bool read_match(const char **at, struct step *ret)
{
	static const char *const comparisons[] = {"==^", "==", "!=", "^==", "*=="};
	ret->kind = STEP_MATCH;
	skip_spaces(at);
	if (*(*at)++ != '@') return false;
	skip_spaces(at);
	for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
		size_t len = strlen(comparisons[i]);
		if (strncmp(*at, comparisons[i], len) != 0) continue;
		ret->comparison = (struct str){*at, len};
		*at += len;
		skip_spaces(at);
		if (!quoted(at, &ret->text)) return false;
		skip_spaces(at);
		if (strncmp(*at, ")]", 2) != 0) return false;
		*at += 2;
		return true;
	}
	return false;
}

static bool read_step(const char **at, struct step *ret)
{
	*ret = (struct step){0};
	if (**at == '.') {
		(*at)++;
		if (**at == '"') return quoted(at, &ret->text);
		ret->text.ptr = *at;
		while (isalnum((unsigned char)**at) || (**at != '\0' && strchr("_$@", **at) != NULL)) (*at)++;
		ret->text.len = (size_t)(*at - ret->text.ptr);
		return ret->text.len > 0;
	}
	if (strncmp(*at, "[?(", 3) == 0) {
		*at += 3;
		return read_match(at, ret);
	}
	char *end = NULL;
	if (**at != '[' || !isdigit((unsigned char)(*at)[1])) return false;
	ret->kind = STEP_INDEX;
	ret->index = strtoul(*at + 1, &end, 10);
	if (*end != ']') return false;
	*at = end + 1;
	return true;
}

static bool fits(const struct step *step, struct str text)
{
	if (str_eq(step->comparison, STR("=="))) return str_eq(text, step->text);
	if (str_eq(step->comparison, STR("!="))) return !str_eq(text, step->text);
	if (str_eq(step->comparison, STR("^=="))) return str_has_prefix(text, step->text);
	if (str_eq(step->comparison, STR("==^"))) return str_has_suffix(text, step->text);
	return str_find(text, step->text) >= 0;
}

static const json_t *follow(const json_t *value, const struct step *step)
{
	if (step->kind == STEP_KEY) return json_object_getn(value, step->text.ptr, step->text.len);
	if (step->kind == STEP_INDEX) return json_array_get(value, step->index);
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *one = json_array_get(value, i);
		if (json_is_string(one) && fits(step, str_from(json_string_value(one)))) return one;
	}
	return NULL;
}

const json_t *claim_find(const json_t *claims, const char *path)
{
	struct step step;
	const json_t *value = claims;
	while (value != NULL && *path != '\0') value = read_step(&path, &step) ? follow(value, &step) : NULL;
	return value;
}

bool claim_path_is_sound(const char *path)
{
	struct step step;
	if (*path == '\0') return false;
	while (*path != '\0')
		if (!read_step(&path, &step) || (step.kind == STEP_MATCH && *path != '\0')) return false;
	return true;
}

void claim_path_write(const char *path, struct buf *ret_text)
{
	struct step step;
	while (*path != '\0' && read_step(&path, &step)) {
		switch (step.kind) {
		case STEP_KEY: buf_printf(ret_text, ".\"%.*s\"", STR_FMT(step.text)); break;
		case STEP_INDEX: buf_printf(ret_text, "[%zu]", step.index); break;
		case STEP_MATCH:
			buf_printf(ret_text, "[?(@ %.*s \"%.*s\")]", STR_FMT(step.comparison), STR_FMT(step.text));
			break;
		}
	}
}

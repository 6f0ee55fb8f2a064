/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of struct auth_settings by name: "email.otp_length", "external.google.client_id". One row each: kind,
 * limits, default. What the owner types becomes a JSON value here, and a JSON value a member of the struct. */
#ifndef FREEHOLD_AUTH_SETTINGS_MEMBER_H
#define FREEHOLD_AUTH_SETTINGS_MEMBER_H

#include "auth/settings.h"

#define AUTH_SETTING_TEXT_MAX 2048 /* bytes of a text, an address, an entry of a list */
#define AUTH_SETTING_DURATION_MAX_S (10 * 366 * 24 * 3600)

enum auth_setting_kind {
	AUTH_SETTING_BOOL,
	AUTH_SETTING_INT,
	AUTH_SETTING_DURATION, /* "1h30m", "500ms", or a number of seconds; kept in ms */
	AUTH_SETTING_SECONDS, /* the same, kept in whole seconds */
	AUTH_SETTING_TEXT,
	AUTH_SETTING_URL, /* http or https, no slash at the end */
	AUTH_SETTING_LIST, /* or one text, split at commas and spaces */
	AUTH_SETTING_WORD, /* one of words: kept as its index, an enum */
	AUTH_SETTING_CHARACTERS, /* one of password_requirements' words: kept as sets */
};

struct auth_setting {
	const char *name; /* below its group: "otp_length" */
	enum auth_setting_kind kind;
	size_t offset; /* in the group's struct */
	int64_t min, max; /* of a number, in its unit; of a text the most bytes */
	int64_t number; /* default of a number, a bool, a word */
	const char *text; /* default of a text; NULL stays NULL */
	const char *const *words; /* ends in NULL */
	bool is_secret; /* never shown */
};

enum auth_setting_group_id {
	AUTH_GROUP_SETTINGS,
	AUTH_GROUP_PROVIDER,
	AUTH_GROUP_TEMPLATE,
	AUTH_GROUP_NOTIFICATION,
	AUTH_GROUP_HOOK,
	AUTH_GROUP_TEST_OTP,
};
#define AUTH_SETTING_GROUPS 6

/* Where rows belong. A group with a star is there once for each name in its place. */
struct auth_setting_group {
	const char *prefix; /* "", "external.*", "email.template.*" … */
	const struct auth_setting *rows; /* ends with a row without a name */
};

extern const struct auth_setting_group auth_setting_groups[AUTH_SETTING_GROUPS];

/* The row of a full name, and what stands in the star's place (empty: none). ERR_NOT_FOUND. */
bool auth_setting_find(struct str name, const struct auth_setting **ret_row, struct str *ret_wildcard,
		       enum auth_setting_group_id *ret_group, struct err *err);

/* What the owner typed, as the JSON value that auth_settings_read takes. ERR_INVALID says what is allowed. */
bool auth_setting_value(struct str name, const char *text, json_t **ret_value, struct err *err);

/* Writes the value to the member at base + row->offset. Texts live in the arena. */
bool auth_setting_put(const struct auth_setting *row, const char *name, const json_t *value, void *base,
		      struct arena *a, struct err *err);

/* The member at base + row->offset as JSON, the caller's: what auth_setting_put would take again. NULL where it is
 * absent (a template of our own). */
json_t *auth_setting_show(const struct auth_setting *row, const void *base);

/* Sets every row's default. */
void auth_setting_defaults(const struct auth_setting *rows, void *base);

/* "2m", "1h30m0.5s" (Go's durations); digits alone are seconds. */
bool auth_duration_parse(struct str text, int64_t *ret_ms);

#endif

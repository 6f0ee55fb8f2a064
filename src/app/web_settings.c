/* SPDX-License-Identifier: Apache-2.0
 *
 * What an owner may say about an app's server, and what it means. */
#include <stdlib.h>
#include <string.h>

#include "app/web.h"
#include "store/setting.h"

#define MINUTE_MS (60 * 1000ll)
#define WARM_MS (10 * MINUTE_MS)
#define DRAIN_MS (30 * 1000ll)
#define BOOT_MS (30 * 1000ll)
#define MEMORY_BYTES (512ll << 20)

enum kind { KIND_TIME, KIND_SIZE, KIND_COUNT, KIND_SWITCH };

static const struct known {
	const char *name;
	enum kind kind;
	int64_t least, most;
	const char *what;
} known[] = {
    {"warm", KIND_TIME, 0, 24 * 60 * MINUTE_MS, "a time from 0 to 24h, such as 10m"},
    {"drain", KIND_TIME, 1000, 10 * MINUTE_MS, "a time from 1s to 10m, such as 30s"},
    {"memory", KIND_SIZE, 64ll << 20, 64ll << 30, "a size from 64M to 64G, such as 512M"},
    {"instances", KIND_COUNT, 1, 16, "a number from 1 to 16"},
    {"boot", KIND_TIME, 3000, 10 * MINUTE_MS, "a time from 3s to 10m, such as 90s"},
    {"pin", KIND_SWITCH, 0, 1, "on or off"},
};

bool web_settings_get(const struct flow *f, const char *app, struct web_settings *ret_settings, struct err *err)
{
	struct web_settings s = {
	    .warm_ms = WARM_MS, .drain_ms = DRAIN_MS, .memory_bytes = MEMORY_BYTES, .instances = 1, .boot_ms = BOOT_MS};
	int64_t pin = 0;
	if (!setting_get(f->db, app, "warm", &s.warm_ms, err) || !setting_get(f->db, app, "drain", &s.drain_ms, err) ||
	    !setting_get(f->db, app, "memory", &s.memory_bytes, err) ||
	    !setting_get(f->db, app, "instances", &s.instances, err) ||
	    !setting_get(f->db, app, "boot", &s.boot_ms, err) || !setting_get(f->db, app, "pin", &pin, err))
		return false;
	s.is_pinned = pin != 0;
	*ret_settings = s;
	return true;
}

static bool unit_factor(enum kind kind, const char *unit, int64_t *ret_factor)
{
	static const struct {
		enum kind kind;
		const char *unit;
		int64_t factor;
	} units[] = {
	    {KIND_TIME, "ms", 1},        {KIND_TIME, "s", 1000},           {KIND_TIME, "", 1000},
	    {KIND_TIME, "m", MINUTE_MS}, {KIND_TIME, "h", 60 * MINUTE_MS}, {KIND_SIZE, "", 1},
	    {KIND_SIZE, "K", 1ll << 10}, {KIND_SIZE, "M", 1ll << 20},      {KIND_SIZE, "MB", 1ll << 20},
	    {KIND_SIZE, "G", 1ll << 30}, {KIND_SIZE, "GB", 1ll << 30},     {KIND_COUNT, "", 1},
	};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (units[i].kind == kind && strcmp(units[i].unit, unit) == 0) {
			*ret_factor = units[i].factor;
			return true;
		}
	return false;
}

static bool read_value(const struct known *k, const char *text, int64_t *ret_value)
{
	bool is_on = strcmp(text, "on") == 0;
	if (k->kind == KIND_SWITCH) {
		*ret_value = is_on;
		return is_on || strcmp(text, "off") == 0;
	}
	size_t digits = strspn(text, "0123456789");
	int64_t number, factor;
	if (digits == 0 || digits > 12 || !str_to_int((struct str){text, digits}, &number) ||
	    !unit_factor(k->kind, text + digits, &factor) || number > k->most / factor)
		return false;
	*ret_value = number * factor;
	return *ret_value >= k->least;
}

bool web_settings_set(const struct flow *f, const char *app, const char *name, const char *value, struct err *err)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		int64_t number;
		if (strcmp(known[i].name, name) != 0) continue;
		if (!read_value(&known[i], value, &number))
			return err_set(err, ERR_INVALID, "%s must be %s, not \"%.40s\"", name, known[i].what, value);
		return setting_set(f->db, app, name, number, err);
	}
	return err_set(err, ERR_INVALID,
		       "there is no setting \"%.40s\"; there are warm, drain, memory, instances, boot and pin", name);
}

json_t *web_settings_json(const struct web_settings *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "warm_ms", (json_int_t)s->warm_ms, "drain_ms",
			 (json_int_t)s->drain_ms, "memory_bytes", (json_int_t)s->memory_bytes, "instances",
			 (json_int_t)s->instances, "boot_ms", (json_int_t)s->boot_ms, "pin", s->is_pinned);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "run/unit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_NAME_SIZE (UNIT_NAME_SIZE + UNIT_MARK_SIZE)

static char *copy(const char *text)
{
	char *c = text != NULL ? strdup(text) : NULL;
	if (text != NULL && c == NULL) abort();
	return c;
}

void unit_spec_copy(struct unit_spec *to, const struct unit_spec *from)
{
	*to = *from;
	for (int i = 0; i < UNIT_ARGV_MAX; i++) to->argv[i] = copy(from->argv[i]);
	for (int i = 0; i < UNIT_ENV_MAX; i++) to->env[i] = copy(from->env[i]);
	to->cwd = copy(from->cwd);
	to->log_path = copy(from->log_path);
	to->access_log_path = copy(from->access_log_path);
	for (int i = 0; i < UNIT_NOTES_MAX; i++) to->notes[i] = copy(from->notes[i]);
	to->work_dir = copy(from->work_dir);
	for (int i = 0; i < UNIT_SOCKET_FILES; i++) to->socket_files[i] = copy(from->socket_files[i]);
	to->ready_socket = copy(from->ready_socket);
	to->state_path = copy(from->state_path);
}

static void free_text(const char *text)
{
	free((void *)(uintptr_t)text);
}

void unit_spec_done(struct unit_spec *spec)
{
	for (int i = 0; i < UNIT_ARGV_MAX; i++) free_text(spec->argv[i]);
	for (int i = 0; i < UNIT_ENV_MAX; i++) free_text(spec->env[i]);
	free_text(spec->cwd);
	free_text(spec->log_path);
	free_text(spec->access_log_path);
	for (int i = 0; i < UNIT_NOTES_MAX; i++) free_text(spec->notes[i]);
	free_text(spec->work_dir);
	for (int i = 0; i < UNIT_SOCKET_FILES; i++) free_text(spec->socket_files[i]);
	free_text(spec->ready_socket);
	free_text(spec->state_path);
}

void unit_group_mark(const char *db_path, char ret_mark[UNIT_MARK_SIZE])
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (const char *p = db_path; p != NULL && *p != '\0'; p++) hash = (hash ^ (unsigned char)*p) * 16777619u;
	(void)snprintf(ret_mark, UNIT_MARK_SIZE, "%08x-", hash);
}

static void spell(const char *mark, const struct unit_spec *spec, char ret_name[GROUP_NAME_SIZE])
{
	(void)snprintf(ret_name, GROUP_NAME_SIZE, "%s%s", mark, spec->name);
	for (char *p = ret_name; *p != '\0'; p++)
		if (*p == '/') *p = '.';
}

bool unit_group_open(const char *mark, const struct unit_spec *spec, struct limits_group *ret_group,
		     const char *ret_env[UNIT_ENV_MAX + 2], char ret_text[UNIT_GROUP_TEXT_SIZE], struct err *err)
{
	int count = 0;
	char name[GROUP_NAME_SIZE], group[LIMITS_GROUP_TEXT_SIZE];
	for (; count < UNIT_ENV_MAX && spec->env[count] != NULL; count++) ret_env[count] = spec->env[count];
	ret_env[count] = ret_env[count + 1] = NULL;
	if (!spec->has_limits) return true;
	spell(mark, spec, name);
	if (!limits_group_open_named(ret_group, name, &spec->limits, err)) return false;
	limits_group_spell(ret_group, group);
	(void)snprintf(ret_text, UNIT_GROUP_TEXT_SIZE, LIMITS_GROUP_ENV "=%s", group);
	ret_env[count] = ret_text;
	return true;
}

void unit_group_forget(const char *mark, const struct unit_spec *spec)
{
	char name[GROUP_NAME_SIZE];
	if (!spec->has_limits) return;
	spell(mark, spec, name);
	limits_group_forget(name);
}

void unit_group_sweep(const char *mark)
{
	limits_group_sweep_named(mark);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Small source trees, made and inspected by the tests. */
#ifndef FREEHOLD_TESTS_INTAKE_FIXTURE_H
#define FREEHOLD_TESTS_INTAKE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"
#include "intake/inspection.h"
#include "os/file.h"

static inline int fixture_setup(void **state)
{
	char *dir = strdup("/tmp/intake-tree-XXXXXX");
	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct err err;
	assert_true(file_remove_tree(*state, &err));
	free(*state);
	return 0;
}

static inline void fixture_write(const char *dir, const char *name, const char *text)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	assert_true(file_mkdirs(path, 0755, &err));
	*slash = '/';
	if (!file_write(path, str_from(text), 0644, &err)) fail_msg("%s", err.msg);
}

/* Empties the tree, then writes the pairs of name and text. */
static inline void fixture_tree(const char *dir, const char *const (*files)[2])
{
	struct err err;
	assert_true(file_remove_tree(dir, &err) && file_mkdirs(dir, 0755, &err));
	for (; (*files)[0] != NULL; files++) fixture_write(dir, (*files)[0], (*files)[1]);
}

static inline json_t *fixture_inspect(const char *dir)
{
	struct err err = {0};
	json_t *inspection = NULL;
	if (!inspection_make(dir, &inspection, &err)) fail_msg("%s", err.msg);
	return inspection;
}

/* The finding of that name, or NULL. */
static inline const json_t *fixture_finding(const json_t *inspection, const char *name)
{
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(inspection, "findings"), i, f)
	{
		if (strcmp(json_str(f, "name", ""), name) == 0) return f;
	}
	return NULL;
}

static inline size_t fixture_count(const json_t *inspection, const char *severity)
{
	size_t i, count = 0;
	json_t *f;
	json_array_foreach(json_object_get(inspection, "findings"), i, f) count +=
	    strcmp(json_str(f, "severity", ""), severity) == 0;
	return count;
}

/* An item of a list of objects by its name, or NULL. */
static inline const json_t *fixture_named(const json_t *list, const char *name)
{
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o)
	{
		if (strcmp(json_str(o, "name", ""), name) == 0) return o;
	}
	return NULL;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/prelude_elsewhere.h"

#include <string.h>

#include "owndb/elsewhere.h"

#define FILES_MAX 64
#define TEXT_MAX_BYTES (64u * 1024)

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void put_quoted(const char *name, struct buf *ret_text)
{
	buf_putc(ret_text, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"') buf_putc(ret_text, '"');
		buf_putc(ret_text, *name);
	}
	buf_putc(ret_text, '"');
}

void prelude_rename_roles(struct str text, const char *owner, struct buf *ret_text)
{
	for (size_t at = 0; at < text.len;) {
		size_t end = at;
		while (end < text.len && is_word(text.ptr[end])) end++;
		struct str word = str_sub(text, at, end);
		if (str_eq(word, STR(OWNDB_SUPERUSER)))
			put_quoted(owner, ret_text);
		else if (str_eq(word, STR(OWNDB_MIGRATOR)))
			buf_puts(ret_text, ELSEWHERE_OWNER);
		else if (word.len > 0)
			buf_str(ret_text, word);
		else
			buf_putc(ret_text, text.ptr[end++]);
		at = end;
	}
}

/* A file of the same number stands for it; 011 and 012 make roles that 010 makes there. */
static bool has_other_form(const char *name)
{
	if (strncmp(name, "011", 3) == 0 || strncmp(name, "012", 3) == 0) return true;
	for (const struct elsewhere_file *f = elsewhere_files; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0) return true;
	return false;
}

static bool add(struct prelude_file *files, size_t *count, const char *name, const char *text, const char *owner,
		struct arena *arena, struct err *err)
{
	struct buf renamed BUF_CLEANUP;
	buf_init(&renamed, TEXT_MAX_BYTES);
	prelude_rename_roles(str_from(text), owner, &renamed);
	const char *copy = buf_is_ok(&renamed) ? arena_strdup(arena, buf_cstr(&renamed)) : NULL;
	if (copy == NULL || *count + 1 >= FILES_MAX) return err_set(err, ERR_LIMIT, "no room for %s", name);
	size_t at = (*count)++;
	for (; at > 0 && strcmp(files[at - 1].name, name) > 0; at--) files[at] = files[at - 1];
	files[at] = (struct prelude_file){name, copy};
	return true;
}

bool prelude_elsewhere(const char *owner, struct arena *arena, const struct prelude_file **ret_files, struct err *err)
{
	struct prelude_file *files = arena_array(arena, FILES_MAX, sizeof *files);
	size_t count = 0;
	if (files == NULL) return err_set(err, ERR_LIMIT, "no room for the prelude");
	for (const struct elsewhere_file *f = elsewhere_files; f->name != NULL; f++)
		if (!add(files, &count, f->name, f->text, owner, arena, err)) return false;
	for (const struct prelude_file *f = prelude_files; f->name != NULL; f++)
		if (!has_other_form(f->name) && !add(files, &count, f->name, f->text, owner, arena, err)) return false;
	files[count] = (struct prelude_file){NULL, NULL};
	*ret_files = files;
	return true;
}

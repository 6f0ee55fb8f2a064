/* SPDX-License-Identifier: Apache-2.0 */
#include "app/elsewhere_authority.h"

#include <stdio.h>

#include "owndb/authority.h"

#define KIND "database"
#define PIECE_BYTES ((size_t)60 * 1024) /* a kept value has its limit */
#define PIECES_MAX 8

static void name_piece(enum authority_slot slot, int piece, char ret_name[32])
{
	(void)snprintf(ret_name, 32, "%s.%d", slot == AUTHORITY_KEPT ? "authority" : "wanted_authority", piece);
}

bool elsewhere_authority_keep(const struct flow *f, const char *app, enum authority_slot slot, struct str pem,
			      struct err *err)
{
	char name[32];
	struct err ignored;
	for (int i = 0; i < PIECES_MAX; i++) {
		struct str piece = str_sub(pem, (size_t)i * PIECE_BYTES, (size_t)(i + 1) * PIECE_BYTES);
		name_piece(slot, i, name);
		if (piece.len == 0)
			(void)app_secret_unset(f->db, app, KIND, name, &ignored);
		else if (!app_secret_set(f->db, f->seal, app, KIND, name, piece, err))
			return false;
	}
	return true;
}

bool elsewhere_authority_get(const struct flow *f, const char *app, enum authority_slot slot, struct buf *ret_pem,
			     struct err *err)
{
	char name[32];
	for (int i = 0; i < PIECES_MAX; i++) {
		name_piece(slot, i, name);
		if (!app_secret_get(f->db, f->seal, app, KIND, name, ret_pem, err)) return err->code == ERR_NOT_FOUND;
	}
	return true;
}

bool elsewhere_authority_path(const struct flow *f, const char *app, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return layout_app(&f->layout, app, "database-authority.pem", ret_path, err);
}

bool elsewhere_authority_write(const struct flow *f, const char *app, struct err *err)
{
	char path[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
	struct buf pem BUF_CLEANUP;
	buf_init(&pem, OWNDB_AUTHORITY_MAX_BYTES);
	if (!elsewhere_authority_path(f, app, path, err) || !layout_app(&f->layout, app, "", folder, err) ||
	    !elsewhere_authority_get(f, app, AUTHORITY_KEPT, &pem, err))
		return false;
	if (pem.len == 0) return file_remove_tree(path, err);
	return !file_is_dir(folder) || file_write(path, buf_view(&pem), 0644, err);
}

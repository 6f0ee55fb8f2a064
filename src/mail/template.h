/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of Go's template language (text/template, html/template) that mail templates of Supabase projects are
 * written in: {{ .Name.Member }}, {{ if }}, {{ else if }}, {{ else }}, {{ with }}, {{ range }}, {{ end }}, variables
 * ($x :=), pipelines, comments, {{- trimming -}}, and the functions and, or, not, eq, ne, lt, le, gt, ge, len, index,
 * print, printf (%s, %d, %v, %q), html, urlquery. Templates within templates (define, block) are refused.
 *
 * In HTML a value is escaped by where it stands, as html/template does: in text and attributes as entities; in an
 * address (href, src, …) a scheme other than http, https, mailto and tel becomes "#ZgotmplZ", and behind '?' or '#' it
 * is percent-encoded; in style only what cannot leave its place is let through. A template with a value in a script is
 * refused. What is missing is empty.
 *
 * Pure and bounded: in size, depth, nodes, steps and output. */
#ifndef FREEHOLD_MAIL_TEMPLATE_H
#define FREEHOLD_MAIL_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define MAIL_TEMPLATE_MAX_BYTES (256u << 10)
#define MAIL_TEMPLATE_DEPTH_MAX 32
#define MAIL_TEMPLATE_NODES_MAX 4096
#define MAIL_TEMPLATE_STEPS_MAX 20000

struct mail_template;

enum mail_form { MAIL_PLAIN, MAIL_HTML };

/* The template lives in the arena and borrows the text. ERR_INVALID says in which line what is wrong. */
bool mail_template_parse(struct str text, struct arena *a, const struct mail_template **ret_template, struct err *err);

/* values is an object: what {{ . }} is. Appends; ERR_LIMIT when the buffer's maximum or the steps are used up,
 * ERR_INVALID where a function gets what it cannot take. */
bool mail_template_render(const struct mail_template *t, const json_t *values, enum mail_form form,
			  struct buf *ret_text, struct err *err);

#endif

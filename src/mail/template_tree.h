/* SPDX-License-Identifier: Apache-2.0
 *
 * A parsed template: what template_parse.c makes and template.c runs. Everything lives in one arena. */
#ifndef FREEHOLD_MAIL_TEMPLATE_TREE_H
#define FREEHOLD_MAIL_TEMPLATE_TREE_H

#include "mail/template.h"

enum template_function {
	FN_AND,
	FN_OR,
	FN_NOT,
	FN_EQ,
	FN_NE,
	FN_LT,
	FN_LE,
	FN_GT,
	FN_GE,
	FN_LEN,
	FN_INDEX,
	FN_PRINT,
	FN_PRINTF,
	FN_HTML,
	FN_URLQUERY,
};
#define TEMPLATE_FUNCTIONS 15

enum template_expr_kind {
	EXPR_DOT,
	EXPR_ROOT,
	EXPR_VARIABLE,
	EXPR_STRING,
	EXPR_INTEGER,
	EXPR_REAL,
	EXPR_BOOL,
	EXPR_NIL,
	EXPR_CALL
};

struct template_name {
	struct str name;
	const struct template_name *next;
};

/* A value, then the members that are taken from it. */
struct template_expr {
	enum template_expr_kind kind;
	struct str text; /* of a string, or a variable's name */
	int64_t integer; /* also a bool */
	double real;
	enum template_function function;
	struct template_expr *args; /* of a call */
	int arg_count;
	const struct template_name *members;
	struct template_expr *next; /* among the arguments */
	int line;
};

enum template_node_kind { NODE_TEXT, NODE_VALUE, NODE_SET, NODE_IF, NODE_WITH, NODE_RANGE };

struct template_node {
	enum template_node_kind kind;
	struct str text;
	const struct template_expr *expr;
	struct str variable, key_variable; /* set by it; empty: none */
	const struct template_node *body, *otherwise;
	const struct template_node *next;
	int line;
};

struct mail_template {
	const struct template_node *first;
};

#endif

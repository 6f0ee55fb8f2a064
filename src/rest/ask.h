/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole request, read: what is to be done with which resource, in which schema, how the answer shall look. Pure but
 * for looking up time zones. The checks come in PostgREST's order, since only the first failure is told. */
#ifndef FREEHOLD_REST_ASK_H
#define FREEHOLD_REST_ASK_H

#include "pg/catalogue.h"
#include "rest/body.h"
#include "rest/media.h"
#include "rest/prefer.h"
#include "rest/problem.h"
#include "rest/rest.h"
#include "rest/target.h"

enum ask_action {
	ASK_READ,
	ASK_INSERT,
	ASK_UPSERT, /* PUT */
	ASK_UPDATE,
	ASK_DELETE,
	ASK_CALL,
	ASK_TABLE_INFO, /* OPTIONS */
	ASK_ROUTINE_INFO,
	ASK_ROOT,
	ASK_ROOT_INFO,
};

struct ask {
	enum ask_action action;
	bool is_head, is_post; /* is_post: of a call */
	bool is_root_spec; /* the call stands for GET / */
	struct str schema, name;
	bool is_profiled; /* the schema was negotiated: Content-Profile answers it */
	struct target target;
	struct range top; /* limit, offset and the Range header together */
	bool top_is_zero;
	struct prefer prefer;
	struct media accept[MEDIA_ACCEPT_MAX];
	int accept_count;
	struct media content;
	bool has_payload;
	struct str payload; /* JSON, or the raw body of a call */
	struct body_pair *form; /* arguments of a call */
	int form_count;
	bool is_form;
	struct str *columns; /* of the payload or ?columns, sorted, once each */
	int column_count;
};

bool ask_read(struct arena *a, const struct rest_settings *settings, const struct catalogue *c,
	      const struct rest_request *request, struct ask *ret_ask, struct problem *ret_problem);

/* The first header of a name; .ptr NULL without it. */
struct str ask_header(const struct rest_request *request, struct str name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"

struct fault_row {
	int status, meant;
	const char *code, *error, *words;
};

/* code, error and words: supabase/storage, src/internal/errors/codes.ts. */
static const struct fault_row faults[] = {
    [FAULT_NONE] = {500, 500, "InternalError", "Internal", "Internal Server Error"},
    [FAULT_NO_BUCKET] = {400, 404, "NoSuchBucket", "Bucket not found", "Bucket not found"},
    [FAULT_NO_KEY] = {400, 404, "NoSuchKey", "not_found", "Object not found"},
    [FAULT_KEY_EXISTS] = {400, 409, "KeyAlreadyExists", "Duplicate", "The resource already exists"},
    [FAULT_BUCKET_EXISTS] = {400, 409, "BucketAlreadyExists", "Duplicate", "The resource already exists"},
    [FAULT_EXISTS] = {400, 409, "ResourceAlreadyExists", "Duplicate", "The resource already exists"},
    [FAULT_BUCKET_NOT_EMPTY] = {400, 409, "ResourceNotEmpty", NULL, "The bucket you tried to delete is not empty"},
    [FAULT_DENIED] = {400, 403, "AccessDenied", "Unauthorized", "Access denied"},
    [FAULT_DENIED_403] = {403, 403, "AccessDenied", "Unauthorized", "Access denied"},
    [FAULT_BUCKET_NAME] = {400, 400, "InvalidBucketName", "Invalid Input", "Bucket name invalid"},
    [FAULT_KEY] = {400, 400, "InvalidKey", NULL, "Invalid key"},
    [FAULT_MIME] = {400, 415, "InvalidMimeType", "invalid_mime_type", "mime type is not supported"},
    [FAULT_TOO_LARGE] = {400, 413, "EntityTooLarge", "Payload too large",
			 "The object exceeded the maximum allowed size"},
    [FAULT_SIZE_FORMAT] = {400, 400, "InvalidRequest", NULL,
			   "Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B"},
    [FAULT_INVALID] = {400, 400, "InvalidRequest", "Error", "Invalid Request"},
    [FAULT_NO_CONTENT] = {400, 400, "InvalidRequest", NULL, "No content provided"},
    [FAULT_JWT] = {400, 400, "InvalidJWT", NULL, "Invalid JWT"},
    [FAULT_SIGNATURE] = {400, 400, "InvalidSignature", NULL, "Invalid signature"},
    [FAULT_EXPIRED] = {400, 400, "ExpiredToken", NULL, "The provided token has expired."},
    [FAULT_RANGE] = {416, 416, "InvalidRange", "invalid_range", "invalid range provided"},
    [FAULT_LOCKED] = {400, 423, "ResourceLocked", NULL, "The resource is locked"},
    [FAULT_REFERENCED] = {400, 409, "ResourceReferenced", NULL,
			  "The resource could not be updated or removed due to a foreign key constraint"},
    [FAULT_RELATED] = {400, 404, "InvalidRequest", NULL, "The related resource does not exist"},
    [FAULT_SCHEMA] = {400, 503, "DatabaseSchemaMismatch", NULL,
		      "There is a database schema mismatch in a trigger or RLS policy"},
    [FAULT_DATABASE] = {500, 500, "DatabaseError", NULL, "database error"},
    [FAULT_DATABASE_BUSY] = {503, 503, "SlowDown", "too_many_connections", "The database is not answering; try again"},
    [FAULT_TIMEOUT] = {544, 544, "DatabaseTimeout", NULL, "The connection to the database timed out"},
    [FAULT_DISK_FULL] = {500, 507, "InternalError", NULL, "The disk of this server is full"},
    [FAULT_PLACE] = {503, 503, "SlowDown", NULL, "Where this file lies does not answer now; try again"},
    [FAULT_INTERNAL] = {500, 500, "InternalError", NULL, "Internal server error"},
    [FAULT_FULL] = {400, 413, "EntityTooLarge", "Payload too large", "The request needs more memory than is set aside"},
    [FAULT_NO_UPLOAD] = {404, 404, "NoSuchUpload", NULL, "Upload not found"},
    [FAULT_UPLOAD_ID] = {400, 400, "InvalidUploadId", NULL, "Invalid upload id"},
    [FAULT_IMAGE] = {400, 400, "InvalidRequest", NULL, "The source image is invalid or unsupported for rendering"},
    [FAULT_IMAGE_LATE] = {400, 408, "InvalidRequest", NULL, "Image request timed out"},
    [FAULT_IMAGES_BUSY] = {429, 429, "SlowDown", "Too Many Requests", "Too many pictures are being made; try again"},
    [FAULT_NOT_SERVED] = {501, 501, "NotSupported", "not_implemented", "Freehold does not serve this yet"},
    [FAULT_NO_ROUTE] = {404, 404, "InvalidRequest", "Not Found", "There is no such path below /storage/v1"},
    [FAULT_NO_SIGNATURE] = {403, 403, "AccessDenied", NULL,
			    "The request is not signed. Sign it with a key of this app (freehold storage APP key add)"},
    [FAULT_SIGNATURE_FORM] = {400, 400, "AuthorizationHeaderMalformed", NULL,
			      "The signature is malformed; Signature Version 4 (s3v4) is expected"},
    [FAULT_SIGNATURE_DIFFERS] = {403, 403, "SignatureDoesNotMatch", NULL,
				 "The request signature we calculated does not match the signature you provided. Check "
				 "your key and signing method."},
    [FAULT_ACCESS_KEY] = {403, 403, "InvalidAccessKeyId", NULL,
			  "The AWS Access Key Id you provided does not exist in our records."},
    [FAULT_SESSION_TOKEN] = {403, 403, "InvalidToken", NULL, "The session token is no valid token of this app"},
    [FAULT_SKEWED] = {403, 403, "RequestTimeTooSkewed", NULL,
		      "The difference between the request time and the server's time is too large."},
    [FAULT_PRESIGNED_OVER] = {403, 403, "AccessDenied", NULL, "Request has expired"},
    [FAULT_CHUNKS] = {400, 400, "InvalidRequest", NULL, "The body is not aws-chunked as its head says"},
    [FAULT_INCOMPLETE] = {400, 400, "IncompleteBody", NULL,
			  "You did not provide the number of bytes specified by the Content-Length HTTP header"},
    [FAULT_SHA256] = {400, 400, "XAmzContentSHA256Mismatch", NULL,
		      "The provided 'x-amz-content-sha256' header does not match what was computed."},
    [FAULT_DIGEST] = {400, 400, "BadDigest", NULL, "The checksum you specified did not match what we received."},
    [FAULT_XML] = {400, 400, "MalformedXML", NULL, "The XML you provided was not well-formed"},
    [FAULT_PRECONDITION] = {412, 412, "PreconditionFailed", NULL,
			    "At least one of the pre-conditions you specified did not hold"},
    [FAULT_PART] = {400, 400, "InvalidPart", NULL,
		    "One or more of the specified parts could not be found, or has another ETag."},
    [FAULT_PART_ORDER] = {400, 400, "InvalidPartOrder", NULL, "The list of parts was not in ascending order."},
    [FAULT_ARGUMENT] = {400, 400, "InvalidArgument", NULL, "Invalid Argument"},
};

bool storage_problem_set(struct storage_problem *problem, enum storage_fault fault, const char *fmt, ...)
{
	problem->fault = fault;
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(problem->message, sizeof problem->message, fmt, args);
	va_end(args);
	return false;
}

bool storage_problem_pg(struct storage_problem *p, const struct pg_error *e)
{
	const char *state = e->sqlstate;
	if (strcmp(state, "42501") == 0)
		return storage_problem_set(p, FAULT_DENIED, "%s",
					   strstr(e->message, "row-level security") != NULL
					       ? "new row violates row-level security policy"
					       : e->message);
	if (strcmp(state, "23505") == 0) return storage_problem_set(p, FAULT_EXISTS, "%s", "");
	if (strcmp(state, "23503") == 0) {
		bool is_held = strstr(e->detail, "is still referenced from table") != NULL;
		return storage_problem_set(p, is_held ? FAULT_REFERENCED : FAULT_RELATED, "%s", "");
	}
	if (strcmp(state, "55P03") == 0) return storage_problem_set(p, FAULT_LOCKED, "%s", "");
	if (strcmp(state, "57014") == 0) return storage_problem_set(p, FAULT_TIMEOUT, "%s", "");
	if (strcmp(state, "22P02") == 0) return storage_problem_set(p, FAULT_INVALID, "%s", e->message);
	if (strcmp(state, "42P01") == 0 || strcmp(state, "42703") == 0 || strcmp(state, "42P17") == 0)
		return storage_problem_set(p, FAULT_SCHEMA, "%s: %s", faults[FAULT_SCHEMA].words, e->message);
	if (state[0] == '\0') return storage_problem_set(p, FAULT_DATABASE_BUSY, "%s", "");
	return storage_problem_set(p, FAULT_DATABASE, "database error, code: %s", state);
}

int storage_problem_status(const struct storage_problem *problem)
{
	return faults[problem->fault].status;
}

int storage_problem_meant(const struct storage_problem *problem)
{
	return faults[problem->fault].meant;
}

const char *storage_problem_code(const struct storage_problem *problem)
{
	return faults[problem->fault].code;
}

const char *storage_problem_words(const struct storage_problem *problem)
{
	return problem->message[0] != '\0' ? problem->message : faults[problem->fault].words;
}

char *storage_problem_body(struct arena *a, const struct storage_problem *problem)
{
	const struct fault_row *row = &faults[problem->fault];
	char meant[12];
	(void)snprintf(meant, sizeof meant, "%d", row->meant);
	json_t *o JSON_CLEANUP = json_object();
	(void)json_object_set_new(o, "statusCode", json_string(meant));
	(void)json_object_set_new(o, "error", json_string(row->error != NULL ? row->error : row->code));
	json_t *words = json_string(storage_problem_words(problem));
	(void)json_object_set_new(o, "message",
				  words != NULL ? words : json_string(row->words)); /* cut in a character */
	(void)json_object_set_new(o, "code", json_string(row->code));
	char *text = json_text(o);
	char *copy = arena_strdup(a, text);
	free(text);
	return copy;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/answer.h"

#include <stdio.h>
#include <string.h>

#define METHOD_MAX 32
#define NAME_MAX_BYTES 64
#define WHY_MAX 600
#define BODY_SIZE 1024

static const struct {
	int status;
	const char *phrase, *code, *message;
} answers[] = {
    [ANSWER_UNKNOWN] = {404, "Not Found", "NOT_FOUND", "Requested function was not found"},
    [ANSWER_BOOT] = {503, "Service Unavailable", "BOOT_ERROR", "Function failed to start (please check logs)"},
    [ANSWER_BUSY] = {503, "Service Unavailable", "WORKER_BUSY", "All that may run at one time are busy; try again"},
    [ANSWER_ERROR] = {500, "Internal Server Error", "WORKER_ERROR",
		      "Function exited due to an error (please check logs)"},
    [ANSWER_LIMIT] = {546, "Worker Limit", "WORKER_LIMIT",
		      "Function failed due to not having enough compute resources (please check logs)"},
};

/* JSON (RFC 8259) within quotes; what is no text is left out. */
static void put_quoted(const char *text, size_t max, char *to, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; text[i] != '\0' && i < max && n + 3 < size; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x20 || c >= 0x7f) continue;
		if (c == '"' || c == '\\') to[n++] = '\\';
		to[n++] = (char)c;
	}
	to[n] = '\0';
}

size_t answer_text(enum answer answer, const char *why, char ret_text[ANSWER_SIZE])
{
	char body[BODY_SIZE], quoted[WHY_MAX];
	put_quoted(why, WHY_MAX, quoted, sizeof quoted);
	int len = snprintf(body, sizeof body, "{\"code\":\"%s\",\"message\":\"%s\"%s%s%s}", answers[answer].code,
			   answers[answer].message, *quoted != '\0' ? ",\"hint\":\"" : "", quoted,
			   *quoted != '\0' ? "\"" : "");
	int all = snprintf(ret_text, ANSWER_SIZE,
			   "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
			   "X-Relay-Error: true\r\nX-Freehold-Function: %s\r\nAccess-Control-Allow-Origin: *\r\n"
			   "Access-Control-Expose-Headers: x-relay-error\r\nCache-Control: no-store\r\n"
			   "Connection: close\r\n\r\n%s",
			   answers[answer].status, answers[answer].phrase, len, answers[answer].code, body);
	return (size_t)all;
}

enum answer_line answer_name(struct str head, struct str *ret_name)
{
	size_t at = 0;
	while (at < head.len && at < METHOD_MAX && head.ptr[at] >= 'A' && head.ptr[at] <= 'Z') at++;
	if (at == head.len && at < METHOD_MAX) return LINE_SHORT;
	if (at == 0 || at >= METHOD_MAX || head.ptr[at] != ' ') return LINE_WRONG;
	if (++at == head.len) return LINE_SHORT;
	if (head.ptr[at++] != '/') return LINE_WRONG;
	for (size_t end = at; end - at <= NAME_MAX_BYTES; end++) {
		if (end == head.len) return LINE_SHORT;
		char c = head.ptr[end];
		if (c != '/' && c != '?' && c != ' ' && c != '\r' && c != '\n') continue;
		*ret_name = str_sub(head, at, end);
		return LINE_WHOLE;
	}
	return LINE_WRONG;
}

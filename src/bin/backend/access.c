/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/access.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

#define LINE_MAX_BYTES (80u << 10)

bool access_is_logged(enum log_level least, unsigned status)
{
	return status >= 500 ? least <= LOG_ERROR : status >= 400 ? least <= LOG_WARN : least <= LOG_INFO;
}

/* Nothing in it may end the line or the quotes. */
static void put_clean(struct buf *b, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F)
			buf_printf(b, "\\x%02X", c);
		else
			buf_putc(b, (char)c);
	}
}

void access_log(const struct http_request *http, struct str role, unsigned status, int64_t bytes)
{
	BUF_CLEANUP struct buf b;
	char address[64], when[40];
	time_t now = time(NULL);
	struct tm local;
	buf_init(&b, LINE_MAX_BYTES);
	(void)localtime_r(&now, &local);
	(void)strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S %z", &local);
	bool has_address = http_peer_address(http, address, sizeof address);
	buf_printf(&b, "%s - ", has_address ? address : "-");
	put_clean(&b, role.len > 0 ? role : STR("-"));
	buf_printf(&b, " [%s] \"", when);
	put_clean(&b, http_method(http));
	buf_putc(&b, ' ');
	put_clean(&b, http_path(http));
	if (http_query(http).len > 0) buf_putc(&b, '?');
	put_clean(&b, http_query(http));
	buf_printf(&b, " HTTP/1.1\" %u ", status);
	if (bytes >= 0)
		buf_printf(&b, "%lld \"", (long long)bytes);
	else
		buf_puts(&b, "- \"");
	put_clean(&b, http_header(http, STR("Referer")));
	buf_puts(&b, "\" \"");
	put_clean(&b, http_header(http, STR("User-Agent")));
	buf_puts(&b, "\"\n");
	/* One write, so that lines of several processes do not mix. Nobody can be told if it fails. */
	if (buf_is_ok(&b) && write(STDOUT_FILENO, b.ptr, b.len) < 0) return;
}

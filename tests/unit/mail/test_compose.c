/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/compose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "codec/json.h"
#include "mail/header.h"
#include "mail/plain.h"

static struct arena *arena;

static const struct mail_values values = {.confirmation_url = "https://a.example/auth/v1/verify?token=t&type=signup",
					  .token = "123456",
					  .site_url = "https://a.example",
					  .email = "ada@x.example",
					  .new_email = "new@x.example"};

static int begin(void **state)
{
	(void)state;
	arena = arena_new(4 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void test_defaults(void **state)
{
	(void)state;
	struct mail_message m;
	struct err err;
	const char *fault;
	for (int i = 0; i < MAIL_KINDS; i++) {
		assert_true(mail_compose(NULL, (enum mail_kind)i, "ada@x.example", &values, arena, &m, &fault, &err));
		assert_null(fault);
		assert_true(strlen(m.subject) > 5 && strstr(m.subject, "{{") == NULL);
		assert_null(strstr(m.html, "{{"));
		assert_null(strchr(m.text, '<'));
	}
	assert_true(mail_compose(NULL, MAIL_CONFIRMATION, "ada@x.example", &values, arena, &m, &fault, &err));
	assert_non_null(strstr(m.html, "href=\"https://a.example/auth/v1/verify?token=t&amp;type=signup\""));
	assert_non_null(strstr(m.text, "Confirm my address: https://a.example/auth/v1/verify?token=t&type=signup\n"));
	assert_non_null(strstr(m.text, "123456"));
	assert_string_equal(m.link, values.confirmation_url);
	assert_true(mail_compose(NULL, MAIL_REAUTHENTICATION, "ada@x.example", &values, arena, &m, &fault, &err));
	assert_string_equal(m.subject, "123456 is your code");
}

static void test_own(void **state)
{
	(void)state;
	struct mail_texts texts = {0};
	struct mail_message m;
	struct err err;
	const char *fault;
	texts.of[MAIL_RECOVERY] = (struct mail_text){"Hi\r\nBcc: x@y.example", "<p>{{ .Token }}</p>"};
	texts.of[MAIL_INVITE] = (struct mail_text){"Only a subject & {{ .Email }}", NULL};
	texts.of[MAIL_MAGIC_LINK] = (struct mail_text){NULL, "{{ if }}"};
	assert_true(mail_compose(&texts, MAIL_RECOVERY, "ada@x.example", &values, arena, &m, &fault, &err));
	assert_string_equal(m.subject, "Hi  Bcc: x@y.example");
	assert_string_equal(m.html, "<p>123456</p>");
	assert_string_equal(m.text, "123456\n");
	assert_true(mail_compose(&texts, MAIL_INVITE, "ada@x.example", &values, arena, &m, &fault, &err));
	assert_string_equal(m.subject, "Only a subject & ada@x.example");
	assert_true(mail_compose(&texts, MAIL_MAGIC_LINK, "ada@x.example", &values, arena, &m, &fault, &err));
	assert_non_null(strstr(fault, "template magic_link: body: line 1: a value is missing"));
	assert_non_null(strstr(m.html, "verify?token=t"));
	assert_false(mail_text_check(MAIL_MAGIC_LINK, &texts.of[MAIL_MAGIC_LINK], &err));
	assert_true(mail_text_check(MAIL_INVITE, &texts.of[MAIL_INVITE], &err));
}

static void test_addresses(void **state)
{
	(void)state;
	static const char *const good[] = {"a@b.c", "a.b+c@d-e.example", "o'x@y.z", "j\xC3\xBCrg@x.example",
					   "a@localhost"};
	static const char *const bad[] = {"",
					  "a",
					  "@b.c",
					  "a@",
					  "a@b\r\nRCPT TO:<x@y.z>",
					  "a b@c.d",
					  "<a@b.c>",
					  "a@b.c,d@e.f",
					  "a@b@c",
					  "\"a\"@b.c",
					  "a\x01@b.c",
					  "a@[127.0.0.1]",
					  "a@-x.example",
					  "\xFF@b.c",
					  "a;b@c.d"};
	struct mail_message m;
	struct err err;
	const char *fault;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(mail_address_is_sound(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (mail_address_is_sound(bad[i])) fail_msg("%s is taken", bad[i]);
		assert_false(mail_compose(NULL, MAIL_RECOVERY, bad[i], &values, arena, &m, &fault, &err));
	}
}

static void check_plain(const char *html, const char *want)
{
	BUF_CLEANUP struct buf out;
	buf_init(&out, 4096);
	mail_plain_from_html(str_from(html), &out);
	if (strcmp(buf_cstr(&out), want) != 0) fail_msg("%s\n gives %s\n  not %s", html, buf_cstr(&out), want);
}

static void test_plain(void **state)
{
	(void)state;
	check_plain("<p>a  b\n c</p><p>d</p>", "a b c\n\nd\n");
	check_plain("x<br>y<br/>z", "x\ny\nz\n");
	check_plain("<head><title>t</title></head><style>p{}</style><body>x</body>", "x\n");
	check_plain("<a href=\"https://x.example/?a=1&amp;b=2\">Go</a> now", "Go: https://x.example/?a=1&b=2\nnow\n");
	check_plain("<a href='https://x.example'>https://x.example</a>.", "https://x.example.\n");
	check_plain("<ul><li>one</li><li>two</li></ul>", "- one\n- two\n");
	check_plain("&lt;b&gt; &amp;amp; &#65;&#x42; &bogus; &", "<b> &amp; AB &bogus; &\n");
	check_plain("<!-- <p>no</p> -->yes", "yes\n");
	check_plain("<a title=\">\" href=x>y</a>", "y: x\n");
}

static const char *line_of(struct buf *b)
{
	return buf_cstr(b);
}

static void test_headers(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf b;
	buf_init(&b, 8192);
	mail_header_text("Subject", STR("Plain"), &b);
	assert_string_equal(line_of(&b), "Subject: Plain");
	buf_clear(&b);
	mail_header_text("Subject", STR("a\r\nBcc: x"), &b);
	assert_null(strstr(line_of(&b), "Bcc"));
	buf_clear(&b);
	mail_header_text("Subject",
			 STR("Gr\xC3\xBC\xC3\x9F"
			     "e"),
			 &b);
	assert_string_equal(line_of(&b), "Subject: =?UTF-8?B?R3LDvMOfZQ==?=");
	buf_clear(&b);
	mail_header_address("From", STR("A \"b\""), "a@b.c", &b);
	assert_string_equal(line_of(&b), "From: \"A \\\"b\\\"\" <a@b.c>");
	buf_clear(&b);
	mail_header_date(1796026054, &b);
	assert_string_equal(line_of(&b), "Date: Mon, 30 Nov 2026 08:07:34 +0000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_defaults, begin, end),
	    cmocka_unit_test_setup_teardown(test_own, begin, end),
	    cmocka_unit_test_setup_teardown(test_addresses, begin, end),
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

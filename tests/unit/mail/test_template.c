/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"

static const char values_text[] =
    "{\"ConfirmationURL\":\"https://a.example/verify?token=t&type=signup\",\"Token\":\"123456\",\"Email\":"
    "\"a'b@x.example\",\"RedirectTo\":\"https://a.example/x?y=1&z=2\",\"SiteURL\":\"https://a.example\",\"Data\":{"
    "\"name\":\"<b>Ada</b>\",\"lang\":\"en\",\"age\":42,\"tags\":[\"a\",\"b\"],\"admin\":true,\"none\":null,\"evil\":"
    "\"javascript:alert(1)\",\"deep\":{\"er\":\"x\"},\"first-name\":\"Ada\",\"css\":\"red;}\"}}";

static char out[4096];

static bool render(const char *text, enum mail_form form, struct err *err)
{
	struct arena *a = arena_new(1 << 20);
	json_t *values JSON_CLEANUP = NULL;
	const struct mail_template *t;
	struct buf to;
	buf_init(&to, sizeof out - 1);
	assert_true(json_parse(str_from(values_text), &values, err));
	bool ok = mail_template_parse(str_from(text), a, &t, err) && mail_template_render(t, values, form, &to, err);
	(void)snprintf(out, sizeof out, "%s", buf_cstr(&to));
	buf_done(&to);
	arena_free(a);
	return ok;
}

struct row {
	const char *template, *want;
};

static void check(const struct row *rows, size_t count, enum mail_form form)
{
	struct err err = {0};
	for (size_t i = 0; i < count; i++) {
		if (!render(rows[i].template, form, &err)) fail_msg("%s: %s", rows[i].template, err.msg);
		if (strcmp(out, rows[i].want) != 0)
			fail_msg("%s\n gives %s\n  not %s", rows[i].template, out, rows[i].want);
	}
}

static void test_language(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"plain", "plain"},
	    {"{{ .Token }}{{.Token}}", "123456123456"},
	    {"a {{- .Token -}} b", "a123456b"},
	    {"{{/* a }} comment */}}x", "x"},
	    {"{{ .Data.lang }}/{{ .Data.deep.er }}/{{ .Data.missing }}/{{ .Data.missing.more }}/{{ .Nothing }}",
	     "en/x///"},
	    {"{{ if .Data.admin }}yes{{ else }}no{{ end }}", "yes"},
	    {"{{ if .Data.none }}yes{{ else }}no{{ end }}", "no"},
	    {"{{ if eq .Data.lang \"de\" }}de{{ else if eq .Data.lang \"fr\" \"en\" }}en{{ else }}x{{ end }}", "en"},
	    {"{{ if and .Data.admin (not .Data.none) }}1{{ end }}{{ if or .Data.none .Token }}2{{ end }}", "12"},
	    {"{{ if gt .Data.age 18 }}old{{ end }}{{ if le .Data.age 42 }}er{{ end }}", "older"},
	    {"{{ with .Data }}{{ .lang }}{{ $.Token }}{{ end }}", "en123456"},
	    {"{{ range $i, $t := .Data.tags }}{{ $i }}{{ $t }};{{ end }}", "0a;1b;"},
	    {"{{ range .Data.none }}x{{ else }}empty{{ end }}", "empty"},
	    {"{{ $n := .Data.lang }}{{ $n }}{{ if true }}{{ $n := .Token }}{{ $n }}{{ end }}{{ $n }}", "en123456en"},
	    {"{{ index .Data \"first-name\" }}{{ index .Data.tags 1 }}", "Adab"},
	    {"{{ printf \"%s is %d%%\" .Data.lang .Data.age }}", "en is 42%"},
	    {"{{ .Data.lang | printf \"<%s>\" }}{{ len .Data.tags }}", "<en>2"},
	    {"{{ (index .Data \"deep\").er }}", "x"},
	    {"{{ \"}}\" }}{{ `raw \"` }}", "}}raw \""},
	    {"{{ .RedirectTo | urlquery }}", "https%3A%2F%2Fa.example%2Fx%3Fy%3D1%26z%3D2"},
	};
	check(rows, sizeof rows / sizeof *rows, MAIL_PLAIN);
}

static void test_escaping(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"<p>{{ .Data.name }}</p>", "<p>&lt;b&gt;Ada&lt;/b&gt;</p>"},
	    {"<p title=\"{{ .Email }}\">", "<p title=\"a&#39;b@x.example\">"},
	    {"<p title={{ .Data.name }}>", "<p title=&lt;b&gt;Ada&lt;/b&gt;>"},
	    {"<a href=\"{{ .ConfirmationURL }}\">", "<a href=\"https://a.example/verify?token=t&amp;type=signup\">"},
	    {"<a href=\"{{ .SiteURL }}/c?next={{ .RedirectTo }}\">",
	     "<a href=\"https://a.example/c?next=https%3A%2F%2Fa.example%2Fx%3Fy%3D1%26z%3D2\">"},
	    {"<a href='{{ .Data.evil }}'>", "<a href='#ZgotmplZ'>"},
	    {"<a href='/x/{{ .Data.evil }}'>", "<a href='/x/javascript:alert%281%29'>"},
	    {"<a\nhref = {{ .SiteURL }} class=x>{{ .Data.name }}",
	     "<a\nhref = https://a.example class=x>&lt;b&gt;Ada&lt;/b&gt;"},
	    {"<p style=\"color:{{ .Data.css }}\">", "<p style=\"color:ZgotmplZ\">"},
	    {"<p style=\"width:{{ .Data.age }}px\">", "<p style=\"width:42px\">"},
	    {"<style>p { width: {{ .Data.css }} }</style>{{ .Data.lang }}", "<style>p { width: ZgotmplZ }</style>en"},
	    {"<!-- {{ .Data.name }} -->{{ .Data.lang }}", "<!-- &lt;b&gt;Ada&lt;/b&gt; -->en"},
	    {"<{{ .Data.name }}>", "<ZgotmplZ>"},
	    {"a < b {{ .Data.name }}", "a < b &lt;b&gt;Ada&lt;/b&gt;"},
	    {"{{ .Data.name | html }}", "&lt;b&gt;Ada&lt;/b&gt;"},
	    {"<a href=\"?x={{ .RedirectTo | urlquery }}\">",
	     "<a href=\"?x=https%3A%2F%2Fa.example%2Fx%3Fy%3D1%26z%3D2\">"},
	};
	check(rows, sizeof rows / sizeof *rows, MAIL_HTML);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"x\n{{ .Token ", "line 2: {{ is not closed"},
	    {"{{ if .Token }}x", "{{ end }} is missing"},
	    {"{{ end }}", "without an {{ if }}"},
	    {"{{ else }}", "without an {{ if }}"},
	    {"{{ Token }}", "there is no function \"Token\"; a value is written with a dot"},
	    {"{{ .Token .Email }}", "only a function takes arguments"},
	    {"{{ }}", "a value is missing"},
	    {"{{ \"x }}", "{{ is not closed"},
	    {"{{ (.Token }}", "( is not closed"},
	    {"{{ define \"x\" }}{{ end }}", "are not for mails"},
	    {"{{ eq .Token }}", "a comparison needs two values"},
	    {"{{ printf \"%x\" 1 }}", "printf knows"},
	    {"<script>var x = {{ .Token }}</script>", "a value stands in a script"},
	    {"<p onclick=\"{{ .Token }}\">", "a value stands in the attribute \"onclick\""},
	    {"{{ .Token | .Email }}", "behind | there must be a function"},
	};
	struct err err;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (render(rows[i].template, MAIL_HTML, &err)) fail_msg("%s is taken", rows[i].template);
		if (strstr(err.msg, rows[i].want) == NULL) fail_msg("%s: %s", rows[i].template, err.msg);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	struct err err;
	char text[8192] = "";
	for (int i = 0; i < 40; i++) (void)strcat(text, "{{ if true }}");
	assert_false(render(text, MAIL_HTML, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	text[0] = '\0';
	for (int i = 0; i < 500; i++) (void)strcat(text, "{{.Email}}");
	assert_false(render(text, MAIL_HTML, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	(void)snprintf(text, sizeof text, "{{ .Token | %s }}", "print");
	assert_true(render(text, MAIL_HTML, &err));
	assert_string_equal(out, "123456");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_language), cmocka_unit_test(test_escaping),
					   cmocka_unit_test(test_refusals), cmocka_unit_test(test_bounds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

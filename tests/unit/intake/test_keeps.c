/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "intake/keeps.h"

/* Paths with their kinds, in the order found: "uploads folder, a.db file". */
static void expect(const char *text, const char *wanted)
{
	char got[600] = "";
	json_t *keeps JSON_CLEANUP = json_array(), *one;
	size_t i, len = 0;
	keeps_scan(keeps, "server/a.ts", str_from(text));
	json_array_foreach(keeps, i, one) len +=
	    (size_t)snprintf(got + len, sizeof got - len, "%s%s %s", i > 0 ? ", " : "", json_str(one, "path", ""),
			     json_str(one, "kind", ""));
	assert_string_equal(got, wanted);
}

static void test_found(void **state)
{
	(void)state;
	expect("import multer from 'multer';\nconst up = multer({ dest: './uploads/' });", "uploads folder");
	expect("multer.diskStorage({ destination: (r, f, cb) => cb(null, 'public/uploads') })",
	       "public/uploads folder");
	expect("const DIR = path.join(process.cwd(), 'data', \"files\");\nfs.mkdirSync(DIR, { recursive: true });",
	       "data/files folder");
	expect("fs.writeFileSync(path.join(__dirname, '..', 'votes.json'), x)", "votes.json file");
	expect("import Database from 'better-sqlite3'; const db = new Database('shop.db');", "shop.db file");
	expect("createWriteStream('logs/a.log'); await mkdir('logs')", "logs folder");
	expect("mkdir('logs'); createWriteStream('logs/a.log')", "logs folder");
}

static void test_left_alone(void **state)
{
	(void)state;
	static const char *const texts[] = {"fs.mkdirSync('dist/public')",
					    "fs.mkdirSync('public')",
					    "fs.mkdirSync('src')",
					    "fs.writeFileSync('/etc/passwd')",
					    "fs.mkdirSync('../other')",
					    "fs.mkdirSync('a/../../b')",
					    "fs.mkdirSync(path.join(__dirname, 'x'))",
					    "fs.mkdirSync(path.join(__dirname, '..', '..', 'x'))",
					    "fs.mkdirSync(`${base}/x`)",
					    "fs.mkdirSync(dir)",
					    "fs.mkdirSync('')",
					    "fs.mkdirSync('./')",
					    "({ dest: 'uploads' })",
					    "new Database('a.db')"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) expect(texts[i], "");
}

static void test_in_an_inspection(void **state)
{
	fixture_tree(*state, (const char *const[][2]){{"package.json", "{\"scripts\":{\"start\":\"node server.js\"}}"},
						      {"server.js", "// mkdirSync('comment')\nfs.mkdirSync('uploads')"},
						      {"scripts/make.js", "fs.mkdirSync('made')"},
						      {"vite.config.js", "fs.mkdirSync('configured')"},
						      {NULL, NULL}});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *keeps = json_object_get(i, "keeps");
	assert_int_equal(json_array_size(keeps), 1);
	assert_string_equal(json_str(json_array_get(keeps, 0), "path", ""), "uploads");
	assert_int_equal(json_int(json_array_get(keeps, 0), "line", 0), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_found),
	    cmocka_unit_test(test_left_alone),
	    cmocka_unit_test(test_in_an_inspection),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds that want to harm: each is contained, says so in clear words, and leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/bind.h"
#include "codec/json.h"
#include "harness.h"
#include "os/proc.h"

#define PACKAGE(build) "{\"name\":\"evil\",\"version\":\"1.0.0\",\"scripts\":{\"build\":\"" build "\"}}"

static struct harness h;

/* The app asks for the machine's own Node, or each of these would first fetch another under its small limits. */
static void wish_own_node(void)
{
	char version[32] = "";
	FILE *f = popen("node --version", "r");
	assert_non_null(f);
	assert_non_null(fgets(version, sizeof version, f));
	assert_int_equal(pclose(f), 0);
	harness_write(&h, ".nvmrc", version);
}

static void begin(const char *package, const char *script)
{
	harness_init(&h, "evil", NULL);
	wish_own_node();
	harness_write(&h, "package.json", package);
	if (script != NULL) harness_write(&h, "evil.js", script);
	h.job.limits.deadline_ms = 60000;
}

static void expect_built(void)
{
	if (!harness_build(&h)) fail_msg("%s\n%s", h.err.msg, buf_cstr(&h.output));
}

static void expect_refused(enum err_code code, const char *words)
{
	if (harness_build(&h)) fail_msg("it was built:\n%s", buf_cstr(&h.output));
	if (h.err.code != code || strstr(h.err.msg, words) == NULL)
		fail_msg("%s: %s\n%s", err_code_word(h.err.code), h.err.msg, buf_cstr(&h.output));
	char path[FILE_PATH_SIZE];
	struct err err;
	assert_true(file_path(path, &err, "%s/public", h.release));
	assert_false(file_exists(path));
}

static bool has_output(const char *text)
{
	return strstr(buf_cstr(&h.output), text) != NULL;
}

/* Is a process of the build's user alive, beside this one? One that only waits to be reaped is not. */
static bool has_stray(void)
{
	bool found = false;
	DIR *d = opendir("/proc");
	for (struct dirent *e; !found && (e = readdir(d)) != NULL;) {
		struct stat st;
		struct err err;
		struct proc_id id;
		char path[300];
		int pid = atoi(e->d_name);
		(void)snprintf(path, sizeof path, "/proc/%s", e->d_name);
		if (pid <= 1 || pid == getpid() || stat(path, &st) != 0 || st.st_uid != HARNESS_UID) continue;
		found = proc_identify(pid, &id, &err) && proc_is_alive(&id);
	}
	(void)closedir(d);
	return found;
}

#define LOOK                                                                                                           \
	"const fs=require('fs');"                                                                                      \
	"function look(p){try{const "                                                                                  \
	"s=fs.statSync(p).isDirectory()?fs.readdirSync(p).join():fs.readFileSync(p,'utf8');"                           \
	"console.log('READ '+p+' '+s.slice(0,60))}catch(e){console.log('DENIED '+p+' '+e.code)}}"                      \
	"function put(p){try{fs.writeFileSync(p,'x');console.log('WROTE '+p)}catch(e){console.log('KEPT '+p+' "        \
	"'+e.code)}}"

static void test_reads_the_host(void **state)
{
	(void)state;
	begin(PACKAGE("node evil.js"), LOOK);
	char script[4096], other[FILE_PATH_SIZE], secret[FILE_PATH_SIZE];
	struct err err;
	assert_true(file_path(other, &err, "%s/cache/apps/other", h.top) && file_mkdirs(other, 0755, &err));
	assert_true(file_path(secret, &err, "%s/secret.txt", other) && file_write(secret, STR("hunter2"), 0644, &err));
	(void)setenv("FREEHOLD_TEST_SECRET", "hunter2", 1);
	(void)snprintf(script, sizeof script,
		       LOOK
		       "['/etc/shadow','/root','/home','/var/lib','/run','%s','%s','/proc/1/environ','%s/install.json']"
		       ".forEach(look);['/etc/x','/usr/x','/x','/dev/x','%s/x','/tools/x'].forEach(put);"
		       "console.log('ENV '+Object.keys(process.env).join(' ')+' '+JSON.stringify(process.env));"
		       "console.log('USERS '+fs.readFileSync('/etc/passwd','utf8').split('\\n').length);"
		       "require('net').connect(80,'1.1.1.1').on('error',e=>console.log('NET '+e.code));"
		       "fs.mkdirSync('dist');fs.writeFileSync('dist/index.html','<p>ok</p>')",
		       other, secret, h.work, h.release);
	harness_write(&h, "evil.js", script);
	expect_built();
	assert_false(has_output("READ /etc/shadow") || has_output("READ /root") || has_output("READ /home"));
	assert_false(has_output("READ /var/lib") || has_output("READ /run"));
	assert_false(has_output("WROTE") || has_output("hunter2") || has_output("FREEHOLD_TEST_SECRET"));
	assert_true(has_output("DENIED /etc/shadow ENOENT") && has_output("USERS 2") && has_output("NET ENETUNREACH"));
	harness_done(&h);
}

/* An install has the network, so no script of anybody runs in it; what the app itself wants to run then runs without.
 */
static void test_scripts_of_an_install(void **state)
{
	(void)state;
	begin("{\"name\":\"evil\",\"version\":\"1.0.0\",\"scripts\":{\"build\":\"node ok.js\",\"preinstall\":\"node "
	      "evil.js pre\","
	      "\"postinstall\":\"node evil.js post\"},\"dependencies\":{\"bad\":\"file:./bad\"}}",
	      LOOK "console.log('SCRIPT '+process.argv[2]);look('/etc/shadow');look('/cache');"
		   "require('net').connect(80,'1.1.1.1').on('error',e=>{console.log('NET '+e.code);process.exit(3)})");
	harness_write(&h, "bad/package.json",
		      "{\"name\":\"bad\",\"version\":\"1.0.0\",\"scripts\":{\"postinstall\":\"touch /app/ran\"}}");
	harness_write(&h, "ok.js",
		      "const fs=require('fs');console.log('RAN '+fs.existsSync('ran'));"
		      "fs.mkdirSync('dist');fs.writeFileSync('dist/index.html','<p>ok</p>')");
	expect_built();
	assert_true(has_output("SCRIPT post") && !has_output("SCRIPT pre") && has_output("RAN false"));
	assert_true(has_output("DENIED /etc/shadow") && has_output("DENIED /cache ENOENT") &&
		    has_output("NET ENETUNREACH"));
	char *notes = json_dumps(json_object_get(h.install, "notes"), 0);
	assert_non_null(strstr(notes, "postinstall script failed"));
	free(notes);
	assert_int_equal(json_array_size(json_object_get(h.install, "scripts_not_run")), 1);
	harness_done(&h);
}

static void test_eats_memory(void **state)
{
	(void)state;
	begin(PACKAGE("node evil.js"),
	      "const a=[];for(let i=0;i<200;i++){a.push(Buffer.alloc(100<<20,1));}console.log('ATE')");
	h.job.limits.memory_bytes = 512 << 20;
	expect_refused(ERR_LIMIT, "memory");
	assert_false(has_output("ATE"));
	assert_false(has_stray());
	harness_done(&h);
	/* Many small ones. */
	begin(PACKAGE("node evil.js"),
	      "const c=require('child_process');if(process.argv[2]){const a=Buffer.alloc(100<<20,1);"
	      "setTimeout(()=>a,60000)}else for(let i=0;i<20;i++)c.spawn(process.argv[0],['evil.js','x'],"
	      "{stdio:'inherit'})");
	h.job.limits.memory_bytes = 512 << 20;
	expect_refused(ERR_LIMIT, "memory");
	assert_false(has_stray());
	harness_done(&h);
}

static void test_forks(void **state)
{
	(void)state;
	begin(PACKAGE("bash evil.js"), "bomb() { bomb | bomb & }; bomb; sleep 100");
	int64_t began_ms = clock_now_ms();
	expect_refused(ERR_LIMIT, "processes");
	assert_true(clock_now_ms() - began_ms < 30000);
	assert_false(has_stray());
	harness_done(&h);
}

static void test_never_ends(void **state)
{
	(void)state;
	begin(PACKAGE("node evil.js"), "process.on('SIGTERM',()=>{});for(;;);");
	h.job.limits.deadline_ms = 4000;
	expect_refused(ERR_TIMEOUT, "did not end within 4 seconds");
	assert_false(has_stray());
	harness_done(&h);
}

static void test_fills(void **state)
{
	(void)state;
	begin(PACKAGE("bash evil.js"),
	      "head -c 2000000000 /dev/zero >/tmp/x || echo FULL; head -c 3000000000 /dev/zero >/app/x");
	h.job.limits.file_bytes = 300 << 20;
	expect_refused(ERR_LIMIT, "wrote a file of more than");
	assert_true(has_output("FULL"));
	harness_done(&h);
	/* The machine's disk is kept from running full: here everything is below the reserve from the start. */
	begin(PACKAGE("sleep 50"), NULL);
	uint64_t left;
	struct err err;
	assert_true(file_disk_free(h.work, &left, &err));
	h.job.limits.disk_reserve_bytes = left * 2;
	expect_refused(ERR_LIMIT, "of disk was left");
	harness_done(&h);
}

static void test_lingers(void **state)
{
	(void)state;
	begin(PACKAGE("bash evil.js"),
	      "mkdir dist; echo '<p>ok</p>' >dist/index.html; (setsid bash -c 'trap \"\" TERM HUP; while :; "
	      "do echo late >dist/late.html; ln -sf /etc/passwd dist/p; done' >/dev/null 2>&1 &); sleep 0.3; "
	      "rm -f dist/p");
	/* It goes on writing until it is killed: then a link may be there (refused) or not, but nobody is left. It is
	 * p, or the one of another name that ln(1) makes first and renames. */
	bool is_built = harness_build(&h);
	if (!is_built && strstr(h.err.msg, "a link, p") == NULL && strstr(h.err.msg, "a link, Cu") == NULL)
		fail_msg("%s", h.err.msg);
	assert_false(has_stray());
	harness_done(&h);
}

static void test_links_in_the_output(void **state)
{
	(void)state;
	static const struct {
		const char *script, *words;
	} cases[] = {
	    {"mkdir dist; echo x >dist/index.html; ln -s /etc/passwd dist/users.txt", "a link, users.txt"},
	    {"mkdir -p dist/a; echo x >dist/index.html; ln -s ../../.. dist/a/up", "a link, a/up"},
	    {"mkdir x; echo x >x/index.html; ln -s x dist", "a link, dist"},
	    {"mkdir dist; echo x >dist/index.html; mkfifo dist/pipe", "a pipe, pipe"},
	    {"mkdir dist; ln -s /etc/passwd dist/index.html", "neither pages (an index.html"},
	    {"mkdir dist; echo x >dist/index.html; echo x >$'dist/a\\xff.txt'", "not UTF-8"},
	    {"mkdir dist", "neither pages (an index.html"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(PACKAGE("bash evil.js"), cases[i].script);
		expect_refused(strstr(cases[i].words, "index.html") != NULL ? ERR_FAILED : ERR_REFUSED, cases[i].words);
		harness_done(&h);
	}
}

static void test_keys_in_the_output(void **state)
{
	(void)state;
	begin(PACKAGE("node evil.js"),
	      "const b=o=>Buffer.from(JSON.stringify(o)).toString('base64url');require('fs').mkdirSync('dist');"
	      "require('fs').writeFileSync('dist/index.html','<script>k=\"'+b({alg:'HS256',typ:'JWT'})+'.'+"
	      "b({role:'service_role',ref:'abcdefghijklmnopqrst'})+'.c2lnbmF0dXJlLW9mLXNvbWUta2luZA\"</script>')");
	expect_refused(ERR_REFUSED, "index.html, line 1, holds a service_role key");
	harness_done(&h);
	begin(PACKAGE("true"), NULL);
	harness_write(&h, ".env", "VITE_A=1\nVITE_SUPABASE_SERVICE_ROLE_KEY=abc\n");
	expect_refused(ERR_REFUSED, ".env, line 2");
	harness_done(&h);
}

static void test_dots_are_left_out(void **state)
{
	(void)state;
	begin(PACKAGE("bash evil.js"),
	      "mkdir -p dist/.git dist/.well-known; echo x | tee dist/index.html dist/.env dist/.git/config "
	      "dist/.well-known/a >/dev/null; chmod 6777 dist/index.html");
	expect_built();
	char path[FILE_PATH_SIZE];
	struct err err;
	struct stat st;
	assert_true(file_path(path, &err, "%s/public/.env", h.release) && !file_exists(path));
	assert_true(file_path(path, &err, "%s/public/.git", h.release) && !file_exists(path));
	assert_true(file_path(path, &err, "%s/public/.well-known/a", h.release) && file_exists(path));
	assert_true(file_path(path, &err, "%s/public/index.html", h.release));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(json_array_size(json_object_get(h.package, "left_out")), 2);
	harness_done(&h);
}

static void test_says_why_it_failed(void **state)
{
	(void)state;
	begin(PACKAGE("node evil.js"),
	      "console.log('transforming');console.error('src/App.tsx:3:1: error TS1005: \\u001b[31m; "
	      "expected');process.exit(2)");
	expect_refused(ERR_FAILED, "src/App.tsx:3:1: error TS1005: ; expected");
	harness_done(&h);
	begin(PACKAGE("node evil.js"),
	      "fetch('https://fonts.example.com').catch(e=>{console.error(e.cause);process.exit(1)})");
	expect_refused(ERR_FAILED, "--network");
	harness_done(&h);
}

static int run_all(void)
{
	printf("user %d\n", (int)geteuid());
	(void)fflush(stdout);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads_the_host),
	    cmocka_unit_test(test_scripts_of_an_install),
	    cmocka_unit_test(test_eats_memory),
	    cmocka_unit_test(test_forks),
	    cmocka_unit_test(test_never_ends),
	    cmocka_unit_test(test_fills),
	    cmocka_unit_test(test_lingers),
	    cmocka_unit_test(test_links_in_the_output),
	    cmocka_unit_test(test_keys_in_the_output),
	    cmocka_unit_test(test_dots_are_left_out),
	    cmocka_unit_test(test_says_why_it_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Twice when root starts it: as root that drops to a user, and as a user with a home of its own. */
int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	int failed = run_all(), status = 0;
	if (geteuid() != 0) return failed;
	char home[] = "/tmp/freehold-home-XXXXXX";
	if (mkdtemp(home) == NULL || chown(home, HARNESS_UID, HARNESS_UID) != 0) return 1;
	pid_t pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || setresgid(HARNESS_UID, HARNESS_UID, HARNESS_UID) != 0 ||
		    setresuid(HARNESS_UID, HARNESS_UID, HARNESS_UID) != 0)
			_exit(99);
		(void)prctl(PR_SET_DUMPABLE, 1);
		(void)setenv("HOME", home, 1);
		exit(run_all());
	}
	(void)waitpid(pid, &status, 0);
	struct err err;
	(void)file_remove_tree(home, &err);
	return failed != 0 || status != 0;
}

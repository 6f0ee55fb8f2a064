/* SPDX-License-Identifier: Apache-2.0
 *
 * The hashes were made by others: bcrypt by libxcrypt through Python, argon2 by Debian's argon2(1), Firebase's by
 * Node's scrypt and aes-256-ctr. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auth/hash.h"
#include "auth/password.h"
#include "base/clock.h"

#define RIGHT "correct horse"
#define BCRYPT "$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
#define ARGON2ID "$argon2id$v=19$m=1024,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$tsO6Y2aSBljG2z0xzqpPrCfUfGL6p4s+3/dK55iDYUs"
#define ARGON2I "$argon2i$v=19$m=1024,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$fOhNrVAigg/8uUOZ2vRsD3ywCOU/jC5uwk4kI3nOJPE"
#define ARGON2D "$argon2d$v=19$m=1024,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$IHKxPwhAfU8in+rWyS93RUhmp0M5wD12DViyoefo78w"
#define FBSCRYPT                                                                                                       \
	"$fbscrypt$v=1,n=10,r=8,p=1,ss=Qnc=,sk=Y4Rm1IrOwHkNbGRbpYKDwwIwGfdYnuH064sQpr/"                                \
	"VEsQPvNO81wCGlZ4JUpRPVqG8jyO2V7RXu9594m+irfIR/"                                                               \
	"A==$cGVwcGVyIGFuZCBzYWx0IQ==$db5hqHEwYmatGBfX0cEA5InsJXmW2uE+zl3bU/"                                          \
	"KFrgzb23YC6FtNyw0ztl45BUC3FVt6/+OdK3OQjH1e8Z3H8w=="

static const char *const hashes[] = {"$2a" BCRYPT, "$2b" BCRYPT, "$2y" BCRYPT, ARGON2ID, ARGON2I, FBSCRYPT};
#define HASHES (sizeof hashes / sizeof *hashes)

static void test_right_and_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < HASHES; i++) {
		struct err err;
		size_t memory = 0;
		if (!auth_hash_check(str_from(hashes[i]), &memory, &err)) fail_msg("%s: %s", hashes[i], err.msg);
		assert_true(memory > 0);
		assert_true(auth_hash_matches(str_from(hashes[i]), STR(RIGHT)));
		assert_false(auth_hash_matches(str_from(hashes[i]), STR("correct horsE")));
		assert_false(auth_hash_matches(str_from(hashes[i]), STR("")));
	}
}

/* A digit more or less anywhere is another hash or none. */
static void test_changed(void **state)
{
	(void)state;
	for (size_t i = 0; i < HASHES; i++) {
		char text[AUTH_STORED_HASH_SIZE];
		size_t len = strlen(hashes[i]);
		for (size_t at = 4; at < len; at += 7) {
			(void)snprintf(text, sizeof text, "%s", hashes[i]);
			text[at] = text[at] == '3' ? '4' : '3';
			bool is_cost =
			    strncmp(text, "$2", 2) == 0 && at < 7; /* a bcrypt of high cost would take long */
			if (!is_cost && auth_hash_matches(str_from(text), STR(RIGHT))) fail_msg("%s", text);
		}
		assert_false(auth_hash_matches(str_sub(str_from(hashes[i]), 0, len - 4), STR(RIGHT)));
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *hash;
		enum err_code code;
	} cases[] = {
	    {"", ERR_INVALID},
	    {"plain", ERR_INVALID},
	    {"$1$abc$def", ERR_INVALID},
	    {ARGON2D, ERR_INVALID},
	    {"$2a$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", ERR_LIMIT},
	    {"$2a$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", ERR_INVALID},
	    {"$2a$10$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc!e", ERR_INVALID},
	    {"$argon2id$v=19$m=4194304,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$tsO6Y2aSBljG2z0xzqpPrA", ERR_LIMIT}, /* 4 GB */
	    {"$argon2id$v=19$m=1024,t=21,p=2$c29tZXNhbHRzb21lc2FsdA$tsO6Y2aSBljG2z0xzqpPrA", ERR_LIMIT},
	    {"$argon2id$v=19$m=1024,t=2,p=17$c29tZXNhbHRzb21lc2FsdA$tsO6Y2aSBljG2z0xzqpPrA", ERR_LIMIT},
	    {"$argon2id$v=16$m=1024,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$tsO6Y2aSBljG2z0xzqpPrA", ERR_INVALID},
	    {"$argon2id$v=19$m=1024,t=2,p=2,keyid=x$c29tZXNhbHRzb21lc2FsdA$tsO6Y2aSBljG2z0xzqpPrA", ERR_INVALID},
	    {"$argon2id$v=19$m=-1,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$tsO6Y2aSBljG2z0xzqpPrA", ERR_INVALID},
	    {"$argon2id$v=19$m=1024,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$", ERR_INVALID},
	    {"$argon2id$v=19$m=1024,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$tsO6Y2aSBljG2z0xzqpPrA$x", ERR_INVALID},
	    {"$fbscrypt$v=1,n=40,r=8,p=1,sk=AAAA$AAAA$AAAA", ERR_LIMIT},
	    {"$fbscrypt$v=1,n=19,r=8,p=1,sk=AAAA$AAAA$AAAA", ERR_LIMIT}, /* 512 MB */
	    {"$fbscrypt$v=1,n=63,r=9223372036854775807,p=1,sk=AAAA$AAAA$AAAA", ERR_LIMIT},
	    {"$fbscrypt$v=2,n=10,r=8,p=1,sk=AAAA$AAAA$AAAA", ERR_INVALID},
	    {"$fbscrypt$v=1,n=10,r=8,p=1$AAAA$AAAA", ERR_INVALID},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {0};
		size_t memory = 0;
		if (auth_hash_check(str_from(cases[i].hash), &memory, &err)) fail_msg("%s", cases[i].hash);
		if (err.code != cases[i].code) fail_msg("%s: %s", cases[i].hash, err.msg);
		assert_false(auth_hash_matches(str_from(cases[i].hash), STR(RIGHT)));
	}
}

/* On the pool. */

struct counts {
	int right, wrong, hashed;
	char hash[AUTH_STORED_HASH_SIZE];
};

static void on_verified(void *arg, bool is_right)
{
	struct counts *c = arg;
	if (is_right)
		c->right++;
	else
		c->wrong++;
}

static void on_hash(void *arg, const char *hash)
{
	struct counts *c = arg;
	assert_non_null(hash);
	(void)snprintf(c->hash, sizeof c->hash, "%s", hash);
	c->hashed++;
}

/* The process that hashes: our only child. */
static pid_t hasher_pid(void)
{
	int pid = 0;
	FILE *children = fopen("/proc/thread-self/children", "r");
	assert_non_null(children);
	assert_int_equal(fscanf(children, "%d", &pid), 1);
	(void)fclose(children);
	return pid;
}

/* Which of two sessions has the processor is decided before what a thread of them may have. True where the kernel
 * groups none. */
static bool is_last_session(pid_t pid)
{
	char path[64], text[200] = "";
	(void)snprintf(path, sizeof path, "/proc/%d/autogroup", (int)pid);
	FILE *autogroup = fopen(path, "r");
	if (autogroup == NULL) return true;
	assert_non_null(fgets(text, sizeof text, autogroup));
	(void)fclose(autogroup);
	return strstr(text, " nice 19") != NULL;
}

/* Of its first thread; 0 where the kernel knows none (before 6.12). */
static uint64_t slice_ns(pid_t pid)
{
	uint64_t attributes[6] = {0}; /* of sched_getattr(2): the fourth is the slice */
	assert_int_equal(syscall(SYS_sched_getattr, pid, attributes, sizeof attributes, 0), 0);
	return attributes[3];
}

static void test_pool(void **state)
{
	(void)state;
	uv_loop_t loop;
	struct err err = {0};
	struct counts c = {0};
	assert_int_equal(uv_loop_init(&loop), 0);
	struct auth_passwords *p = auth_passwords_new(&loop, 10);
	assert_true(auth_password_hash(p, STR(RIGHT), on_hash, &c, &err));
	/* Each asks for 200 MB of 256: one behind the other. */
	static const char big[] = "$argon2id$v=19$m=204800,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$tsO6Y2aSBljG2z0xzqpPrA";
	for (int i = 0; i < 3; i++) assert_true(auth_password_verify(p, STR(RIGHT), big, on_verified, &c, &err));
	for (size_t i = 0; i < 6; i++)
		assert_true(auth_password_verify(p, STR(RIGHT), hashes[i], on_verified, &c, &err));
	assert_false(auth_password_verify(p, STR(RIGHT), NULL, on_verified, &c, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(c.right, 6);
	assert_int_equal(c.wrong, 3);
	assert_int_equal(c.hashed, 1);
	assert_true(auth_password_verify(p, STR(RIGHT), c.hash, on_verified, &c, &err));
	assert_true(auth_password_verify(p, STR(RIGHT), NULL, on_verified, &c, &err));
	assert_true(auth_password_verify(p, STR("x"), "$2a$31$aaa", on_verified, &c, &err));
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(c.right, 7);
	assert_int_equal(c.wrong, 5);
	auth_passwords_free(p);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void verify_some(uv_loop_t *loop, struct auth_passwords *p, int count)
{
	struct counts c = {0};
	struct err err;
	for (int i = 0; i < count; i++)
		assert_true(auth_password_verify(p, STR(RIGHT), hashes[0], on_verified, &c, &err));
	(void)uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(c.right, count);
}

/* A hasher that gets no turn at all is one that is stopped: the answers come all the same, each once. */
static void test_full_machine(void **state)
{
	(void)state;
	uv_loop_t loop;
	assert_int_equal(uv_loop_init(&loop), 0);
	struct auth_passwords *p = auth_passwords_new(&loop, 20);
	pid_t pid = hasher_pid();
	verify_some(&loop, p, 1);
	/* It comes to that in its own time: on a full machine what was late may have been done here before. */
	for (int i = 0; getsid(pid) != pid || !is_last_session(pid) || getpriority(PRIO_PROCESS, (id_t)pid) != 19;
	     i++) {
		assert_true(i < 5000); /* the kernel takes few such changes a second */
		verify_some(&loop, p, 1);
	}
	/* Whoever wakes must not wait for the end of its turn. */
	if (slice_ns(0) > 0) assert_int_equal(slice_ns(pid), 3000000);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	int64_t began_ms = clock_now_ms();
	verify_some(&loop, p, 5);
	assert_true(clock_now_ms() - began_ms >= AUTH_PASSWORD_LATE_MS);
	assert_int_equal(kill(pid, SIGCONT), 0);
	verify_some(&loop, p, 5);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	verify_some(&loop, p, 5);
	auth_passwords_free(p);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_right_and_wrong), cmocka_unit_test(test_changed),
	    cmocka_unit_test(test_refused),         cmocka_unit_test(test_pool),
	    cmocka_unit_test(test_full_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

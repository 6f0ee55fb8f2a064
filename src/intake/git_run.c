/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/git_run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/json.h"
#include "intake/extract.h"
#include "intake/git_ssh.h"
#include "os/file.h"
#include "os/proc.h"

#define OUTPUT_MAX_BYTES 65536
#define ARGS_MAX 60
#define ENV_MAX 20
#define STEP_DEADLINE_MS 590000
#define ZERO_ID "0000000000000000000000000000000000000000"

/* Takes all attributes away that change bytes on their way in or out of a tree; this file comes before every
 * .gitattributes. */
#define PLAIN_ATTRIBUTES "* -text -filter -ident -working-tree-encoding -export-ignore -export-subst\n"

struct git {
	const char *argv[ARGS_MAX];
	size_t argc;
	const char *env[ENV_MAX];
	size_t env_count;
};

static void arg(struct git *g, const char *text)
{
	if (g->argc + 1 < ARGS_MAX) g->argv[g->argc++] = text;
}

static void env(struct git *g, const char *text)
{
	if (g->env_count + 1 < ENV_MAX) g->env[g->env_count++] = text;
}

/* git with nothing read but what stands here. */
static struct git git_new(bool is_file)
{
	static const char *const settings[] = {"protocol.allow=never",
					       "protocol.https.allow=always",
					       "protocol.ssh.allow=always",
					       "core.hooksPath=/dev/null",
					       "core.excludesFile=/dev/null",
					       "core.attributesFile=/dev/null",
					       "core.autocrlf=false",
					       "core.fsmonitor=false",
					       "submodule.recurse=false",
					       "gc.auto=0",
					       "safe.directory=*"};
	static const char *const surroundings[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
						   "HOME=/tmp/home",
						   "LC_ALL=C.UTF-8",
						   "GIT_CONFIG_NOSYSTEM=1",
						   "GIT_CONFIG_GLOBAL=/dev/null",
						   "GIT_TERMINAL_PROMPT=0",
						   "GIT_ASKPASS=/bin/false",
						   "GIT_ATTR_NOSYSTEM=1"};
	struct git g = {.argc = 0};
	arg(&g, "git");
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) arg(&g, "-c"), arg(&g, settings[i]);
	if (is_file) arg(&g, "-c"), arg(&g, "protocol.file.allow=always");
	for (size_t i = 0; i < sizeof surroundings / sizeof *surroundings; i++) env(&g, surroundings[i]);
	return g;
}

/* Runs it; ret_line (may be NULL) gets the one line it prints. */
static bool run(struct git *g, struct str input, char ret_line[GIT_ID_SIZE], struct err *err)
{
	struct buf output BUF_CLEANUP;
	buf_init(&output, OUTPUT_MAX_BYTES);
	struct proc_spec spec = {.argv = g->argv, .env = g->env, .input = input, .deadline_ms = STEP_DEADLINE_MS};
	if (!proc_run_ok(&spec, &output, err)) return false;
	struct str line = str_trim(buf_view(&output));
	if (ret_line != NULL) (void)snprintf(ret_line, GIT_ID_SIZE, "%.*s", STR_FMT(line));
	return true;
}

static bool write_attributes(const char *git_dir, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/info", git_dir) && file_mkdirs(path, 0755, err) &&
	       file_path(path, err, "%s/info/attributes", git_dir) &&
	       file_write(path, STR(PLAIN_ATTRIBUTES), 0644, err);
}

/* Fetching. */

/* What git printed can repeat the address with its password: it goes to the owner without. */
static bool clean_failure(const char *url, struct err *err)
{
	char shown[GIT_URL_SIZE], message[ERR_MSG_SIZE];
	struct err ignored;
	const char *at = strstr(err->msg, "fatal: ");
	(void)snprintf(message, sizeof message, "%s", at != NULL ? at + 7 : err->msg);
	if (!git_url_check(url, true, shown, &ignored)) shown[0] = '\0';
	for (char *c = message; (c = strstr(c, "://")) != NULL;) {
		c += 3;
		char *stop = strpbrk(c, "/ '\n"), *user_end = strchr(c, '@');
		if (user_end != NULL && (stop == NULL || user_end < stop))
			memmove(c, user_end + 1, strlen(user_end + 1) + 1);
	}
	return err_set(err, ERR_FAILED, "git could not fetch it: %s", message);
}

static bool read_source(int fd, json_t **ret_source, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, GIT_SOURCE_MAX_BYTES);
	char chunk[4096];
	ssize_t got;
	while ((got = read(fd, chunk, sizeof chunk)) > 0) buf_append(&text, chunk, (size_t)got);
	if (got < 0) return err_set_errno(err, "read the address");
	if (!buf_is_ok(&text)) return err_set(err, ERR_LIMIT, "address and key are too long");
	return json_parse(buf_view(&text), ret_source, err) || err_wrap(err, "read the address");
}

/* The address comes by the environment, which only the same user can read, never as an argument. */
static bool clone(const char *url, const char *git_dir, bool is_file, const char *ref, const struct git_ssh *ssh,
		  struct err *err)
{
	struct git g = git_new(is_file);
	char key[GIT_URL_SIZE + 64];
	env(&g, ssh->command);
	(void)snprintf(key, sizeof key, "GIT_CONFIG_KEY_0=url.%s.insteadOf", url);
	env(&g, "GIT_CONFIG_COUNT=1");
	env(&g, key);
	env(&g, "GIT_CONFIG_VALUE_0=freehold-source:");
	static const char *const words[] = {
	    "clone", "--quiet", "--bare", "--depth=1", "--no-tags", "--single-branch", "--no-recurse-submodules"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) arg(&g, words[i]);
	if (ref[0] != '\0') arg(&g, "--branch"), arg(&g, ref);
	arg(&g, "--"), arg(&g, "freehold-source:"), arg(&g, git_dir);
	if (run(&g, (struct str){0}, NULL, err)) return true;
	return !git_ssh_explain(ssh, err) && clean_failure(url, err);
}

static bool write_tree(const char *git_dir, const char *tar, bool is_file, char ret_commit[GIT_ID_SIZE],
		       struct err *err)
{
	char output[FILE_PATH_SIZE];
	struct git name = git_new(is_file), pack = git_new(is_file);
	arg(&name, "--git-dir"), arg(&name, git_dir), arg(&name, "rev-parse"), arg(&name, "HEAD^{commit}");
	arg(&pack, "--git-dir"), arg(&pack, git_dir), arg(&pack, "archive"), arg(&pack, "--format=tar");
	if (!file_path(output, err, "--output=%s", tar)) return false;
	arg(&pack, output), arg(&pack, "HEAD");
	return run(&name, (struct str){0}, ret_commit, err) && run(&pack, (struct str){0}, NULL, err);
}

static bool extract_tar(const char *tar, const char *target, const struct intake_limits *limits,
			struct intake_unpacked *ret_unpacked, struct err *err)
{
	int fd = open(tar, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", tar);
	bool ok = extract_archive(fd, target, limits, false, ret_unpacked, err);
	(void)close(fd);
	return ok;
}

static bool fetch(const json_t *source, const struct git_run_fetch *f, struct intake_unpacked *ret_unpacked,
		  char ret_commit[GIT_ID_SIZE], struct buf *ret_known_hosts, struct err *err)
{
	char shown[GIT_URL_SIZE], git_dir[FILE_PATH_SIZE], tar[FILE_PATH_SIZE];
	const char *url = json_str(source, "url", "");
	struct git_ssh ssh;
	if (!git_url_check(url, f->is_file, shown, err) || !file_path(git_dir, err, "%s/.git", f->target) ||
	    !file_path(tar, err, "%s/.git/source.tar", f->target))
		return false;
	bool ok = git_ssh_begin(&ssh, json_str(source, "key", ""), json_str(source, "known_hosts", ""), err) &&
		  clone(url, git_dir, f->is_file, f->ref, &ssh, err) && git_ssh_known_hosts(&ssh, ret_known_hosts, err);
	git_ssh_end(&ssh);
	return ok && write_attributes(git_dir, err) && write_tree(git_dir, tar, f->is_file, ret_commit, err) &&
	       extract_tar(tar, f->target, f->limits, ret_unpacked, err) && file_remove_tree(git_dir, err);
}

bool git_run_fetch(int fd, const struct git_run_fetch *f, struct intake_unpacked *ret_unpacked,
		   char ret_commit[GIT_ID_SIZE], struct buf *ret_known_hosts, struct err *err)
{
	json_t *source JSON_CLEANUP = NULL;
	return read_source(fd, &source, err) && fetch(source, f, ret_unpacked, ret_commit, ret_known_hosts, err);
}

/* Committing. */

struct place {
	char git_dir[FILE_PATH_SIZE + 16], work_tree[FILE_PATH_SIZE + 16], index[FILE_PATH_SIZE + 32];
};

static struct git git_at(const struct place *p)
{
	struct git g = git_new(false);
	env(&g, p->git_dir), env(&g, p->work_tree), env(&g, p->index);
	return g;
}

static bool make_repo(const char *repo, struct err *err)
{
	char head[FILE_PATH_SIZE], config[FILE_PATH_SIZE];
	if (!file_path(head, err, "%s/HEAD", repo) || !file_path(config, err, "%s/config", repo)) return false;
	if (file_exists(head) && file_exists(config)) return write_attributes(repo, err);
	struct git g = git_new(false);
	arg(&g, "init"), arg(&g, "--quiet"), arg(&g, "--bare"), arg(&g, "--initial-branch=main"), arg(&g, repo);
	return run(&g, (struct str){0}, NULL, err) && write_attributes(repo, err);
}

static bool make_tree(const struct place *p, char ret_tree[GIT_ID_SIZE], struct err *err)
{
	struct git add = git_at(p), tree = git_at(p);
	arg(&add, "add"), arg(&add, "--all"), arg(&add, "--force"), arg(&add, "--"), arg(&add, ".");
	arg(&tree, "write-tree");
	return run(&add, (struct str){0}, NULL, err) && run(&tree, (struct str){0}, ret_tree, err);
}

static void find_parent(const struct place *p, char ret_parent[GIT_ID_SIZE])
{
	struct git g = git_at(p);
	struct err ignored;
	arg(&g, "rev-parse"), arg(&g, "--verify"), arg(&g, "--quiet"), arg(&g, "refs/heads/main");
	if (!run(&g, (struct str){0}, ret_parent, &ignored)) ret_parent[0] = '\0';
}

static bool make_commit(const struct place *p, const struct git_run_commit *c, const char *tree, const char *parent,
			char ret_id[GIT_ID_SIZE], struct err *err)
{
	char texts[4][512];
	const char *const pairs[4][2] = {{"GIT_AUTHOR_NAME=", c->author_name},
					 {"GIT_AUTHOR_EMAIL=", c->author_email},
					 {"GIT_AUTHOR_DATE=", c->time},
					 {"GIT_COMMITTER_DATE=", c->time}};
	struct git g = git_at(p);
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(texts[i], sizeof texts[i], "%s%.400s", pairs[i][0], pairs[i][1]);
		env(&g, texts[i]);
	}
	env(&g, "GIT_COMMITTER_NAME=Freehold"), env(&g, "GIT_COMMITTER_EMAIL=freehold@localhost");
	arg(&g, "commit-tree"), arg(&g, "-F"), arg(&g, "-");
	if (parent[0] != '\0') arg(&g, "-p"), arg(&g, parent);
	arg(&g, tree);
	return run(&g, str_from(c->message), ret_id, err);
}

static bool move_main(const struct place *p, const char *id, const char *parent, struct err *err)
{
	struct git g = git_at(p);
	arg(&g, "update-ref"), arg(&g, "refs/heads/main"), arg(&g, id);
	arg(&g, parent[0] != '\0' ? parent : ZERO_ID);
	return run(&g, (struct str){0}, NULL, err);
}

/* One deployment of an app at a time: a lock that lies here was left by a killed run, and would stop every later one.
 */
static void drop_locks(const char *repo)
{
	static const char *const locks[] = {"HEAD.lock", "config.lock", "packed-refs.lock", "refs/heads/main.lock",
					    "freehold-index.lock"};
	char path[FILE_PATH_SIZE];
	struct err ignored;
	for (size_t i = 0; i < sizeof locks / sizeof *locks; i++)
		if (file_path(path, &ignored, "%s/%s", repo, locks[i])) (void)unlink(path);
}

bool git_run_commit(const struct git_run_commit *c, char ret_id[GIT_ID_SIZE], struct err *err)
{
	struct place p;
	char tree[GIT_ID_SIZE], parent[GIT_ID_SIZE], id[GIT_ID_SIZE];
	(void)snprintf(p.git_dir, sizeof p.git_dir, "GIT_DIR=%s", c->repo);
	(void)snprintf(p.work_tree, sizeof p.work_tree, "GIT_WORK_TREE=%s", c->source);
	(void)snprintf(p.index, sizeof p.index, "GIT_INDEX_FILE=%s/freehold-index", c->repo);
	const char *index = p.index + strlen("GIT_INDEX_FILE=");
	/* One that a killed run left behind is no use to anybody. */
	(void)unlink(index);
	drop_locks(c->repo);
	if (chdir(c->source) != 0) return err_set_errno(err, "%s", c->source);
	if (!make_repo(c->repo, err)) return false;
	find_parent(&p, parent);
	bool ok =
	    make_tree(&p, tree, err) && make_commit(&p, c, tree, parent, id, err) && move_main(&p, id, parent, err);
	(void)unlink(index);
	if (ok) (void)snprintf(ret_id, GIT_ID_SIZE, "%s", id);
	return ok;
}

/* Packing. */

#define LEFT_OVER_S (24 * 3600) /* what is older and half written was left by a killed run */
#define LOWEST_NICE 19

struct counted {
	uint64_t loose, packs;
};

static void look_at_object(const char *dir, const char *name, uint64_t *ret_count)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	struct stat st;
	if (strncmp(name, "tmp_", 4) != 0) {
		size_t len = strlen(name);
		*ret_count += len == 38 || len == 62 || (len > 5 && strcmp(name + len - 5, ".pack") == 0);
		return;
	}
	if (file_path(path, &ignored, "%s/%s", dir, name) && lstat(path, &st) == 0 &&
	    st.st_mtime < time(NULL) - LEFT_OVER_S)
		(void)unlink(path);
}

static void look_at_folder(const char *dir, uint64_t *ret_count)
{
	DIR *d = opendir(dir);
	if (d == NULL) return;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.') look_at_object(dir, e->d_name, ret_count);
	(void)closedir(d);
}

static struct counted count(const char *repo)
{
	struct counted c = {0};
	char dir[FILE_PATH_SIZE];
	struct err ignored;
	for (int i = 0; i < 256; i++)
		if (file_path(dir, &ignored, "%s/objects/%02x", repo, i)) look_at_folder(dir, &c.loose);
	if (file_path(dir, &ignored, "%s/objects/pack", repo)) look_at_folder(dir, &c.packs);
	return c;
}

/* Bounded in memory, whatever was deployed: one thread, small windows, and large files as they are. */
static bool repack(const char *repo, bool is_merging, struct err *err)
{
	static const char *const bounds[] = {"pack.threads=1",
					     "pack.windowMemory=128m",
					     "pack.deltaCacheSize=64m",
					     "core.bigFileThreshold=16m",
					     "core.packedGitWindowSize=32m",
					     "core.packedGitLimit=256m",
					     "repack.updateServerInfo=false"};
	struct git g = git_new(false);
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) arg(&g, "-c"), arg(&g, bounds[i]);
	arg(&g, "--git-dir"), arg(&g, repo), arg(&g, "repack"), arg(&g, "-d"), arg(&g, "-q");
	if (is_merging) arg(&g, "--geometric=2");
	return run(&g, (struct str){0}, NULL, err);
}

bool git_run_pack(const char *repo, uint64_t packs_max, struct intake_packed *ret_packed, struct err *err)
{
	(void)setpriority(PRIO_PROCESS, 0, LOWEST_NICE);
	struct counted before = count(repo);
	if (!repack(repo, before.packs >= packs_max, err)) return false;
	struct counted after = count(repo);
	*ret_packed = (struct intake_packed){.loose_before = before.loose, .loose = after.loose, .packs = after.packs};
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_MAX_BYTES 4096

/* The number behind "Key:" at the start of a line; 0 where there is none. */
static uint64_t number_of(struct str text, struct str key)
{
	struct str line, name, value, digits;
	int64_t number;
	while (str_next(&text, '\n', &line)) {
		if (!str_cut(line, ':', &name, &value) || !str_eq(name, key)) continue;
		value = str_trim(value);
		digits = value;
		(void)str_cut(value, ' ', &digits, &value);
		return str_to_int(digits, &number) && number > 0 ? (uint64_t)number : 0;
	}
	return 0;
}

static uint64_t kib(struct str text, struct str key)
{
	uint64_t number = number_of(text, key);
	return number < UINT64_MAX / 1024 ? number * 1024 : 0;
}

void usage_add_status(struct str text, struct usage *inout_usage)
{
	inout_usage->memory_bytes += kib(text, STR("RssAnon")) + kib(text, STR("RssShmem"));
	inout_usage->processes += (uint32_t)number_of(text, STR("Threads"));
}

void usage_add_io(struct str text, struct usage *inout_usage)
{
	inout_usage->written_bytes += number_of(text, STR("write_bytes"));
}

static struct str read_into(const char *pid, const char *name, char space[FILE_MAX_BYTES])
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%.20s/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, space, FILE_MAX_BYTES) : 0;
	if (fd >= 0) (void)close(fd);
	return (struct str){space, got > 0 ? (size_t)got : 0};
}

void usage_read(struct usage *ret_usage)
{
	struct usage u = {0};
	char space[FILE_MAX_BYTES];
	DIR *d = opendir("/proc");
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		int64_t pid;
		if (!str_to_int(str_from(e->d_name), &pid) || pid == 1) continue;
		usage_add_status(read_into(e->d_name, "status", space), &u);
		usage_add_io(read_into(e->d_name, "io", space), &u);
	}
	if (d != NULL) (void)closedir(d);
	*ret_usage = u;
}

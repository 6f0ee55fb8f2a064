/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "os/file.h"

#define CONTROL_BYTES 8192
#define STRUCT_MAX_BYTES 512

static uint32_t crc_step(uint32_t crc, uint8_t byte)
{
	crc ^= byte;
	for (int i = 0; i < 8; i++) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
	return crc;
}

uint32_t identity_crc32c(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t crc = ~0u;
	for (size_t i = 0; i < len; i++) crc = crc_step(crc, at[i]);
	return ~crc;
}

bool identity_replace(uint8_t *control, size_t len, uint64_t identifier)
{
	uint32_t crc = ~0u, stored;
	for (size_t at = 0; at + sizeof stored <= len && at < STRUCT_MAX_BYTES; at++) {
		memcpy(&stored, control + at, sizeof stored);
		if (at >= 64 && at % 4 == 0 && stored == ~crc) {
			memcpy(control, &identifier, sizeof identifier);
			stored = identity_crc32c(control, at);
			memcpy(control + at, &stored, sizeof stored);
			return true;
		}
		crc = crc_step(crc, control[at]);
	}
	return false;
}

bool identity_renew(const char *data_dir, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_path(path, err, "%s/global/pg_control", data_dir)) return false;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return err_set_errno(err, "%s", path);
	uint8_t control[CONTROL_BYTES];
	uint64_t identifier = ((uint64_t)time(NULL) << 32) | randombytes_random();
	bool ok;
	if (pread(fd, control, sizeof control, 0) != (ssize_t)sizeof control ||
	    !identity_replace(control, sizeof control, identifier))
		ok = err_set(err, ERR_INTERNAL, "%s is not laid out as expected", path);
	else
		ok = (pwrite(fd, control, sizeof control, 0) == (ssize_t)sizeof control && fsync(fd) == 0) ||
		     err_set_errno(err, "write %s", path);
	(void)close(fd);
	return ok;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS_MAX 32
#define LINK_SIZE 4096
#define LINE_SIZE 512
#define STATE_LISTEN 0x0A

bool port_is_free(uint16_t port)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return true;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	bool is_taken = bind(fd, (struct sockaddr *)&at, sizeof at) != 0 && errno == EADDRINUSE;
	(void)close(fd);
	return !is_taken;
}

/* The kernel's numbers of the sockets that listen on the port. */
struct sockets {
	unsigned long inodes[SOCKETS_MAX];
	int count;
};

/* Of loopback or of all addresses: another one's listener is in nobody's way here. */
static bool is_in_the_way(const char *address)
{
	static const char *const these[] = {"0100007F", "00000000", "00000000000000000000000000000000",
					    "0000000000000000FFFF00000100007F"};
	for (size_t i = 0; i < sizeof these / sizeof *these; i++)
		if (strcmp(address, these[i]) == 0) return true;
	return false;
}

static void add_listeners(struct sockets *s, const char *table, uint16_t port)
{
	char line[LINE_SIZE], address[40];
	unsigned local_port, state;
	unsigned long inode;
	FILE *in = fopen(table, "re");
	if (in == NULL) return;
	while (s->count < SOCKETS_MAX && fgets(line, sizeof line, in) != NULL)
		if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*s %*s %lu", address, &local_port,
			   &state, &inode) == 4 &&
		    state == STATE_LISTEN && local_port == port && is_in_the_way(address))
			s->inodes[s->count++] = inode;
	(void)fclose(in);
}

static struct sockets listeners(uint16_t port)
{
	struct sockets s = {.count = 0};
	add_listeners(&s, "/proc/net/tcp", port);
	add_listeners(&s, "/proc/net/tcp6", port);
	return s;
}

/* Calls is_it with what each descriptor of the process leads to, until it says yes. */
static bool any_descriptor(pid_t pid, bool (*is_it)(const void *arg, const char *target), const void *arg)
{
	char path[64], target[LINK_SIZE];
	const struct dirent *entry;
	bool found = false;
	(void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	if (dir == NULL) return false;
	while (!found && (entry = readdir(dir)) != NULL) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
		if (len < 0) continue;
		target[len] = '\0';
		found = is_it(arg, target);
	}
	(void)closedir(dir);
	return found;
}

static bool is_one_of(const void *arg, const char *target)
{
	const struct sockets *s = arg;
	unsigned long inode;
	if (sscanf(target, "socket:[%lu]", &inode) != 1) return false;
	for (int i = 0; i < s->count; i++)
		if (s->inodes[i] == inode) return true;
	return false;
}

bool port_is_held_by(uint16_t port, pid_t pid)
{
	struct sockets s = listeners(port);
	return s.count > 0 && any_descriptor(pid, is_one_of, &s);
}

pid_t port_listener(uint16_t port)
{
	struct sockets s = listeners(port);
	const struct dirent *entry;
	pid_t first = 0;
	DIR *dir = s.count > 0 ? opendir("/proc") : NULL;
	if (dir == NULL) return 0;
	while ((entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid > 0 && (first == 0 || pid < first) && any_descriptor(pid, is_one_of, &s)) first = pid;
	}
	(void)closedir(dir);
	return first;
}

static bool is_below(const void *arg, const char *target)
{
	const char *folder = arg;
	size_t len = strlen(folder);
	return strncmp(target, folder, len) == 0 && target[len] == '/';
}

bool port_process_has_file_below(pid_t pid, const char *folder)
{
	return any_descriptor(pid, is_below, folder);
}

void port_program(pid_t pid, char ret_text[PORT_PROGRAM_SIZE])
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t len = fd >= 0 ? read(fd, ret_text, PORT_PROGRAM_SIZE - 1) : 0;
	if (fd >= 0) (void)close(fd);
	for (ssize_t i = 0; i < len; i++)
		if ((unsigned char)ret_text[i] < ' ') ret_text[i] = ' ';
	while (len > 0 && ret_text[len - 1] == ' ') len--;
	if (len > 0)
		ret_text[len] = '\0';
	else
		(void)snprintf(ret_text, PORT_PROGRAM_SIZE, "a program of another user");
}

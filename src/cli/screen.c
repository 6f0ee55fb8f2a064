/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"

#define DRAW_MAX (8 * 1024 * 1024)

void screen_write(struct str text)
{
	while (text.len > 0) {
		ssize_t len = write(STDOUT_FILENO, text.ptr, text.len);
		if (len < 0 && errno == EINTR) continue;
		if (len < 0) return;
		text = str_sub(text, (size_t)len, text.len);
	}
}

void screen_draw(struct str stays, struct str live)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, DRAW_MAX);
	buf_puts(&b, "\r\033[K"); /* EL: to the end of the line */
	buf_str(&b, stays);
	buf_str(&b, live);
	screen_write(buf_view(&b));
}

static sigset_t only_sigint(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	return set;
}

bool interrupt_begin(struct interrupt *i, struct err *err)
{
	sigset_t set = only_sigint();
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0) return err_set_errno(err, "Ctrl-C cannot be watched");
	i->fd = fd;
	return true;
}

void interrupt_end(struct interrupt *i)
{
	sigset_t set = only_sigint();
	close(i->fd);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool interrupt_came(const struct interrupt *i)
{
	struct signalfd_siginfo info;
	return read(i->fd, &info, sizeof info) == (ssize_t)sizeof info;
}

bool screen_can_ask(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* A line may be typed, or Ctrl-C: then the terminal must not stay without its echo. */
static bool is_line_there(void)
{
	struct interrupt interrupt;
	struct err ignored;
	if (!interrupt_begin(&interrupt, &ignored)) return true;
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = interrupt.fd, .events = POLLIN}};
	(void)poll(fds, 2, -1);
	bool is_line = fds[1].revents == 0;
	if (!is_line) (void)interrupt_came(&interrupt);
	interrupt_end(&interrupt);
	return is_line;
}

bool screen_ask(const char *question, bool is_hidden, char *ret_line, size_t size)
{
	struct termios before, quiet;
	bool is_quiet = is_hidden && tcgetattr(STDIN_FILENO, &before) == 0;
	if (is_quiet) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	(void)fputs(question, stderr);
	(void)fflush(stderr);
	bool ok = (!is_quiet || is_line_there()) && fgets(ret_line, (int)size, stdin) != NULL;
	if (is_quiet) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		(void)fputc('\n', stderr);
	}
	if (ok) ret_line[strcspn(ret_line, "\r\n")] = '\0';
	return ok;
}

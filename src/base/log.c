/* log.c: one line per event of the program itself, for whoever runs it. */
#include "drillbook/base.h"

#include <string.h>
#include <unistd.h>

static int log_fd = 2;
static enum log_level log_least = LOG_INFO;

void log_to(int fd, enum log_level least)
{
	log_fd = fd;
	log_least = least;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	char line[2048], stamp[32];
	va_list args;

	if (level < log_least || log_fd < 0)
		return;
	int n = snprintf(line, sizeof(line), "%s %s ", wall_format(stamp, sizeof(stamp), wall_now()),
		names[level]);
	va_start(args, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, args);
	va_end(args);
	const size_t len = strlen(line);
	line[len] = '\n';
	struct err err;
	if (write_all(log_fd, line, len + 1, &err) != ERR_NONE)
		return; /* nowhere left to say so */
}

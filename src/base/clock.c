/* clock.c: the two clocks, and putting others in their place for tests. */
#include "drillbook/base.h"

#include <string.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

static struct mono (*injected_mono)(void);
static struct wall (*injected_wall)(void);
static const char *injected_boot;

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t) != 0)
		base_die("clock_gettime failed");
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct mono mono_now(void)
{
	return injected_mono ? injected_mono() : (struct mono){read_clock(CLOCK_BOOTTIME)};
}

struct wall wall_now(void)
{
	return injected_wall ? injected_wall() : (struct wall){read_clock(CLOCK_REALTIME)};
}

const char *boot_id(void)
{
	static char id[40];

	if (injected_boot != NULL)
		return injected_boot;
	if (id[0] == '\0') {
		const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
		const ssize_t n = fd < 0 ? -1 : read(fd, id, 36);
		if (fd >= 0)
			close(fd);
		if (n != 36) /* no /proc: never equal to a real one, so durations fall back to wall time */
			strcpy(id, "00000000-0000-0000-0000-000000000000");
	}
	return id;
}

int64_t mono_ms_since(struct mono start)
{
	return (mono_now().ns - start.ns) / 1000000;
}

void clock_inject(struct mono (*mono)(void), struct wall (*wall)(void), const char *boot)
{
	injected_mono = mono;
	injected_wall = wall;
	injected_boot = boot;
}

char *wall_format(char *buf, size_t size, struct wall t)
{
	int64_t s = t.ns / 1000000000, ms = t.ns % 1000000000 / 1000000;
	struct tm tm;

	if (t.ns < 0 && t.ns % 1000000000 != 0) {
		s--;
		ms = (t.ns - s * 1000000000) / 1000000;
	}
	const time_t seconds = (time_t)s;
	gmtime_r(&seconds, &tm);
	snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
	return buf;
}

/* Takes the digits and marks of "0000-00-00T00:00:00"; NULL when another character stands where one must. */
static const char *take_fields(const char *s, int fields[6])
{
	static const char shape[] = "0000-00-00T00:00:00";
	size_t field = 0;

	for (const char *mark = shape; *mark != '\0'; mark++, s++) {
		if (*mark == '0' ? *s < '0' || *s > '9' : *s != *mark)
			return NULL;
		if (*mark == '0')
			fields[field] = fields[field] * 10 + (*s - '0');
		else
			field++;
	}
	return s;
}

static bool date_exists(const struct tm *tm)
{
	struct tm copy = *tm; /* timegm would make 2 March of 30 February */

	copy.tm_hour = copy.tm_min = copy.tm_sec = 0;
	timegm(&copy);
	return copy.tm_mon == tm->tm_mon && copy.tm_mday == tm->tm_mday;
}

enum err_code wall_parse(const char *s, struct wall *out, struct err *err)
{
	int fields[6] = {0}, millis = 0;

	if (s != NULL)
		s = take_fields(s, fields);
	if (s == NULL)
		goto bad;
	struct tm tm = {.tm_year = fields[0] - 1900, .tm_mon = fields[1] - 1, .tm_mday = fields[2],
		.tm_hour = fields[3], .tm_min = fields[4], .tm_sec = fields[5]};
	if (*s == '.') {
		int digits = 0, scale = 100;
		for (s++; *s >= '0' && *s <= '9'; s++, digits++, scale /= 10)
			millis += (*s - '0') * scale;
		if (digits == 0)
			goto bad;
	}
	/* 1678 to 2261 are the whole years that nanoseconds in 64 bits reach */
	if (strcmp(s, "Z") != 0 || fields[0] < 1678 || fields[0] > 2261 || !date_exists(&tm) ||
		tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		goto bad;
	out->ns = (int64_t)timegm(&tm) * 1000000000 + (int64_t)millis * 1000000;
	return ERR_NONE;
bad:
	return err_set(err, ERR_USAGE, "not a time: write 2026-11-18T14:02:31Z");
}

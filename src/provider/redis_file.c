/* redis_file.c: the fence of a server that is down: in its configuration file, on its own host.
 *
 * Lines are appended and none is changed: the last directive of a name is the one that counts,
 * the file keeps its owner and mode, and the server tidies it up with its next CONFIG REWRITE.
 */
#include "redis.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 4 << 20, LAG_DEFAULT_S = 10 };

/* The last value of a directive; fallback when it is not there. */
static int64_t directive(const char *text, const char *name, int64_t fallback)
{
	const size_t len = strlen(name);
	int64_t value = fallback;

	for (const char *line = text; line != NULL && *line != '\0';) {
		line += strspn(line, " \t");
		if (strncasecmp(line, name, len) == 0 &&
			(line[len] == ' ' || line[len] == '\t'))
			value = strtoll(line + len, NULL, 10);
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return value;
}

void redis_parse_file(const char *text, struct redis_node *out)
{
	*out = (struct redis_node){
		.min_replicas = directive(text, "min-replicas-to-write", 0),
		.max_lag_s = directive(text, "min-replicas-max-lag", LAG_DEFAULT_S),
	};
}

enum err_code redis_file_look(struct call *call, struct redis_node *out, struct err *err)
{
	const char *path = setting_string(call, "config_file");
	struct buf text;

	buf_init(&text, FILE_MAX);
	const enum err_code code = file_read(path, FILE_MAX, &text, err);
	if (code == ERR_NONE)
		redis_parse_file(text.data, out);
	buf_release(&text);
	return code;
}

enum err_code redis_file_fence(struct call *call, bool on, struct err *err)
{
	const char *path = setting_string(call, "config_file");
	int64_t min_replicas, max_lag_s;
	struct redis_node node;
	char lines[200];

	TRY(redis_file_look(call, &node, err));
	if (redis_is_fenced(&node) == on)
		return ERR_NONE;
	if (on)
		redis_fence_values(&node, &min_replicas, &max_lag_s);
	else
		redis_before_fence(&node, &min_replicas, &max_lag_s);
	snprintf(lines, sizeof(lines),
		"\n# drillbook: failover.%s\nmin-replicas-to-write %" PRId64
		"\nmin-replicas-max-lag %" PRId64 "\n",
		on ? "fence" : "unfence", min_replicas, max_lag_s);
	const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot write to \"%s\"", path);
	enum err_code code = write_all(fd, lines, strlen(lines), err);
	if (code == ERR_NONE && fsync(fd) != 0)
		code = err_errno(err, "cannot sync \"%s\"", path);
	close(fd);
	if (code != ERR_NONE)
		err->world = WORLD_UNKNOWN;
	return code;
}

/* rest.c: kept contents (J6), persons (J7) and output files (section 5). */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void check_contents(struct check *check)
{
	sqlite3_stmt *rows;
	unsigned char digest[DIGEST];
	int step;

	if (sqlite3_prepare_v2(check->db, "SELECT sha, bytes FROM content", -1, &rows, NULL) !=
		SQLITE_OK)
		quit(EXIT_CANNOT_READ, "cannot read the contents", sqlite3_errmsg(check->db));
	while ((step = sqlite3_step(rows)) == SQLITE_ROW) {
		const unsigned char *sha = digest_column(rows, 0);
		char hex[HEX + 1] = "(no digest)";
		check->contents++;
		if (sha != NULL)
			to_hex(sha, hex);
		if (sqlite3_column_type(rows, 1) == SQLITE_NULL) {
			check->contents_erased++;
			continue;
		}
		const void *bytes = sqlite3_column_blob(rows, 1);
		sha_of(bytes != NULL ? bytes : "", (size_t)sqlite3_column_bytes(rows, 1),
			digest);
		if (sha == NULL || memcmp(sha, digest, DIGEST) != 0) /* J6 */
			found(&check->problems, -1, -1,
				text_of("kept content %.16s%s: its bytes are not those of its "
					"digest",
					hex, "…"));
	}
	if (step != SQLITE_DONE)
		problem(check, -1, -1, sqlite3_errmsg(check->db));
	sqlite3_finalize(rows);
}

void check_persons(struct check *check)
{
	sqlite3_stmt *rows;
	unsigned char digest[DIGEST];
	int step;

	if (sqlite3_prepare_v2(check->db, "SELECT digest, salt, uid, name FROM person", -1,
		    &rows, NULL) != SQLITE_OK)
		quit(EXIT_CANNOT_READ, "cannot read the persons", sqlite3_errmsg(check->db));
	while ((step = sqlite3_step(rows)) == SQLITE_ROW) {
		struct sha sha;
		int gone = 0;
		char uid[24];
		const unsigned char *kept = digest_column(rows, 0);
		check->persons++;
		for (int i = 1; i <= 3; i++)
			gone += sqlite3_column_type(rows, i) == SQLITE_NULL;
		if (gone == 3) {
			check->persons_erased++;
			continue;
		}
		const char *name = (const char *)sqlite3_column_text(rows, 3);
		sha_begin(&sha);
		sha_add(&sha, sqlite3_column_blob(rows, 1),
			(size_t)sqlite3_column_bytes(rows, 1));
		snprintf(uid, sizeof(uid), "%lld ", (long long)sqlite3_column_int64(rows, 2));
		sha_add(&sha, uid, strlen(uid));
		sha_add(&sha, name != NULL ? name : "", (size_t)sqlite3_column_bytes(rows, 3));
		sha_end(&sha, digest);
		if (gone > 0 || kept == NULL || memcmp(kept, digest, DIGEST) != 0) /* J7 */
			found(&check->problems, -1, -1,
				text_of("the row of person \"%.64s\" was changed%s",
					name != NULL ? name : "", ""));
	}
	if (step != SQLITE_DONE)
		problem(check, -1, -1, sqlite3_errmsg(check->db));
	sqlite3_finalize(rows);
}

void check_output(struct check *check, const struct output *output)
{
	static unsigned char chunk[1 << 16];
	char *path = text_of("%s/%s", check->outputs_dir, output->file), hex[HEX + 1];
	unsigned char digest[DIGEST];
	struct stat st = { 0 };
	struct sha sha;
	ssize_t n = 0;
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	free(path);
	if (fd < 0 && errno == ENOENT) {
		found(&check->notes, output->run, output->pos,
			text_of("output \"%s\" is erased or not here%s", output->file, ""));
		return;
	}
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		sha_begin(&sha);
		while ((n = read(fd, chunk, sizeof(chunk))) > 0)
			sha_add(&sha, chunk, (size_t)n);
		sha_end(&sha, digest);
		to_hex(digest, hex);
		check->output_files++;
	}
	if (fd < 0 || n < 0 || !S_ISREG(st.st_mode))
		found(&check->problems, output->run, output->pos,
			text_of("output \"%s\" cannot be read: %s", output->file,
				strerror(errno)));
	else if (st.st_size != output->bytes || strcmp(hex, output->sha) != 0)
		found(&check->problems, output->run, output->pos,
			text_of("output \"%s\" was changed after it was recorded%s",
				output->file, ""));
	if (fd >= 0)
		close(fd);
}

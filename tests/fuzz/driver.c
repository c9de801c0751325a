/* driver.c: runs a fuzz target without libFuzzer: its corpus, then mutations of it by lot.
 *
 *   fuzz_NAME [-n MUTATIONS] [-s SEED] FILE|DIRECTORY…
 *
 * The targets have libFuzzer's own signature: with clang's runtime at hand they can be linked with
 * -fsanitize=fuzzer instead of this file.  A crash leaves the input in ./crash-NAME. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16, CORPUS_MAX = 4096 };

static struct input {
	uint8_t *data;
	size_t size;
} corpus[CORPUS_MAX];
static size_t corpus_count;
static uint8_t current[INPUT_MAX];
static size_t current_size;
static uint64_t lot = 20261125;

static uint32_t chance(uint32_t below)
{
	lot = lot * 6364136223846793005ULL + 1442695040888963407ULL;
	return below > 0 ? (uint32_t)(lot >> 33) % below : 0;
}

static void on_crash(int number)
{
	const int fd = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd >= 0 && write(fd, current, current_size) >= 0)
		close(fd);
	signal(number, SIG_DFL);
	raise(number);
}

static void take_file(const char *path)
{
	FILE *file = fopen(path, "re");

	if (file == NULL || corpus_count == CORPUS_MAX) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(2);
	}
	struct input *in = &corpus[corpus_count++];
	in->data = malloc(INPUT_MAX);
	in->size = fread(in->data, 1, INPUT_MAX, file);
	fclose(file);
}

static void take(const char *path)
{
	struct stat st;
	struct dirent *row;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		take_file(path);
		return;
	}
	DIR *dir = opendir(path);
	while (dir != NULL && (row = readdir(dir)) != NULL) {
		char name[4096];
		if (row->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, row->d_name);
		take_file(name);
	}
	if (dir != NULL)
		closedir(dir);
}

static void flip_bit(void)
{
	if (current_size > 0)
		current[chance((uint32_t)current_size)] ^= (uint8_t)(1u << chance(8));
}

static void put_byte(void)
{
	static const uint8_t nasty[] = {0, '\n', '\r', '"', '\\', '{', '[', ':', '-', ' ', '\t', '&', '*', '!', 0x1b, 0x80, 0xff};

	if (current_size > 0)
		current[chance((uint32_t)current_size)] = nasty[chance(sizeof(nasty))];
}

static void cut(void)
{
	const size_t at = chance((uint32_t)current_size + 1), len = chance((uint32_t)(current_size - at) + 1);

	memmove(current + at, current + at + len, current_size - at - len);
	current_size -= len;
}

static void repeat_part(void)
{
	const size_t at = chance((uint32_t)current_size + 1), len = chance((uint32_t)(current_size - at) + 1);

	if (current_size + len > INPUT_MAX)
		return;
	memmove(current + at + len, current + at, current_size - at);
	current_size += len;
}

static void join_other(void)
{
	const struct input *other = &corpus[chance((uint32_t)corpus_count)];
	const size_t from = chance((uint32_t)other->size + 1), at = chance((uint32_t)current_size + 1);
	size_t len = other->size - from;

	if (at + len > INPUT_MAX)
		len = INPUT_MAX - at;
	memcpy(current + at, other->data + from, len);
	current_size = at + len;
}

static void (*const mutations[])(void) = {flip_bit, put_byte, cut, repeat_part, join_other};

static void mutate(void)
{
	const struct input *in = &corpus[chance((uint32_t)corpus_count)];

	memcpy(current, in->data, in->size);
	current_size = in->size;
	for (uint32_t n = 1 + chance(6); n > 0; n--)
		mutations[chance(sizeof(mutations) / sizeof(mutations[0]))]();
}

static void run(void)
{
	uint8_t *exact = malloc(current_size + 1); /* so that a sanitizer sees every byte too far */

	memcpy(exact, current, current_size);
	LLVMFuzzerTestOneInput(exact, current_size);
	free(exact);
}

int main(int argc, char **argv)
{
	long count = 0, done = 0;
	int option;

	while ((option = getopt(argc, argv, "n:s:")) != -1) {
		if (option == 'n')
			count = strtol(optarg, NULL, 10);
		else if (option == 's')
			lot = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	signal(SIGABRT, on_crash);
	signal(SIGSEGV, on_crash);
	for (int i = optind; i < argc; i++)
		take(argv[i]);
	if (corpus_count == 0) {
		fprintf(stderr, "no corpus\n");
		return 2;
	}
	for (size_t i = 0; i < corpus_count; i++, done++) {
		memcpy(current, corpus[i].data, corpus[i].size);
		current_size = corpus[i].size;
		run();
	}
	for (long i = 0; i < count; i++, done++) {
		mutate();
		run();
	}
	for (size_t i = 0; i < corpus_count; i++)
		free(corpus[i].data);
	printf("%ld executions, %zu of them the corpus, 0 findings\n", done, corpus_count);
	return 0;
}

/* memory.c: checked allocation, arenas, capped buffers. */
#include "drillbook/base.h"

#include <stdlib.h>
#include <string.h>

void *xmalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (p == NULL)
		base_die("out of memory (%zu bytes)", size);
	return p;
}

void *xrealloc(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);

	if (q == NULL)
		base_die("out of memory (%zu bytes)", size);
	return q;
}

char *xstrdup(const char *s)
{
	if (s == NULL)
		return NULL;
	const size_t size = strlen(s) + 1;

	return memcpy(xmalloc(size), s, size);
}

static char *vformat(const char *fmt, va_list args)
{
	va_list again;

	va_copy(again, args);
	const int len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		base_die("bad format \"%s\"", fmt);
	char *s = xmalloc((size_t)len + 1);
	vsnprintf(s, (size_t)len + 1, fmt, args);
	return s;
}

char *xasprintf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	char *s = vformat(fmt, args);
	va_end(args);
	return s;
}

/* ------------------------------------------------------------------ arenas */

enum { ARENA_ALIGN = 16, ARENA_BLOCK = 16384, ARENA_BLOCK_MAX = 1 << 20 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(ARENA_ALIGN) char data[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
	*arena = (struct arena){.limit_bytes = limit_bytes};
}

static struct arena_block *block_new(const struct arena *arena, size_t size)
{
	size_t want = arena->head ? arena->head->size * 2 : ARENA_BLOCK;

	if (want > ARENA_BLOCK_MAX)
		want = ARENA_BLOCK_MAX;
	if (want < size)
		want = size;
	struct arena_block *block = calloc(1, sizeof(*block) + want);
	if (block == NULL)
		base_die("out of memory (%zu bytes)", want);
	block->size = want;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (arena->limit_bytes && arena->used_bytes + size > arena->limit_bytes)
		return NULL;
	if (arena->head == NULL || arena->head->size - arena->head->used < size) {
		struct arena_block *block = block_new(arena, size);
		block->next = arena->head;
		arena->head = block;
	}
	void *p = arena->head->data + arena->head->used;
	arena->head->used += size;
	arena->used_bytes += size;
	return p;
}

char *arena_strndup(struct arena *arena, const char *s, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	if (copy != NULL)
		memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return s == NULL ? NULL : arena_strndup(arena, s, strlen(s));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	char *s = vformat(fmt, args);
	va_end(args);
	char *copy = arena_strdup(arena, s);
	free(s);
	return copy;
}

void arena_release(struct arena *arena)
{
	while (arena->head != NULL) {
		struct arena_block *next = arena->head->next;
		free(arena->head);
		arena->head = next;
	}
	arena->used_bytes = 0;
}

/* ------------------------------------------------------------------ buffers */

void buf_init(struct buf *buf, size_t max_bytes)
{
	*buf = (struct buf){.max_bytes = max_bytes};
}

static enum err_code buf_reserve(struct buf *buf, size_t more, struct err *err)
{
	if (more > buf->max_bytes || buf->len > buf->max_bytes - more)
		return err_set(err, ERR_LIMIT, "more than %zu bytes", buf->max_bytes);
	const size_t need = buf->len + more + 1;
	if (need <= buf->cap)
		return ERR_NONE;
	size_t cap = buf->cap ? buf->cap : 256;
	while (cap < need)
		cap *= 2;
	buf->data = xrealloc(buf->data, cap);
	buf->cap = cap;
	return ERR_NONE;
}

enum err_code buf_add(struct buf *buf, const void *data, size_t len, struct err *err)
{
	TRY(buf_reserve(buf, len, err));
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return ERR_NONE;
}

enum err_code buf_addf(struct buf *buf, struct err *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	char *s = vformat(fmt, args);
	va_end(args);
	const enum err_code code = buf_add(buf, s, strlen(s), err);
	free(s);
	return code;
}

void buf_consume(struct buf *buf, size_t len)
{
	if (len > buf->len)
		len = buf->len;
	if (len == 0)
		return;
	memmove(buf->data, buf->data + len, buf->len - len + 1);
	buf->len -= len;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

void buf_release(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){.max_bytes = buf->max_bytes};
}

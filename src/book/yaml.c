/* yaml.c: from libyaml's events straight into nodes.
 *
 * libyaml 0.2.5 takes time quadratic in the depth of brackets and lets aliases and duplicate keys
 * pass; so events are taken one by one and the parser is not fed any further once a limit is met. */
#include "yaml.h"
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 32, TEXT_CHUNK = 32768, NODE_CHUNK = 128, SORT_FROM = 12 };

/* One open map or list. */
struct level {
	struct node *node, *last;
	const char *key; /* of the member that comes next; NULL = a key is awaited */
	uint32_t key_line, key_column;
};

struct loader {
	yaml_parser_t parser;
	struct arena *arena;
	const char *file;
	const struct yaml_limits *limits;
	struct problems *problems;
	struct level stack[DEPTH_MAX + 1];
	unsigned depth;
	struct node *root;
	size_t nodes;
	struct node *spare; /* nodes and text are cut from larger pieces of the arena */
	size_t spare_nodes;
	char *text;
	size_t text_left;
};

static struct place at(const struct loader *l, yaml_mark_t mark)
{
	return (struct place){l->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* ------------------------------------------------------------------ what libyaml says */

static const struct {
	const char *theirs, *ours;
} syntax_words[] = {
	{"found character that cannot start any token",
		"a value cannot start with this character: indent with spaces, never tabs, and put "
		"text that starts with @ ` or % in quotes"},
	{"mapping values are not allowed in this context",
		"a second \": \" on one line: put the text in quotes, or write a script after |"},
	{"could not find expected ':'",
		"this line is no \"key: value\": add the colon, or check its indentation"},
	{"did not find expected key",
		"a key was expected here: indent this line like its neighbours, and put text that "
		"goes on after a quote into one pair of quotes"},
	{"did not find expected '-' indicator",
		"an item \"- \" was expected here: indent the items of a list alike"},
	{"block sequence entries are not allowed in this context",
		"a list cannot start on the line of its key: write \"- \" on the next line"},
	{"did not find expected ',' or '}'", "a { is not closed: write , or }"},
	{"did not find expected ',' or ']'", "a [ is not closed: write , or ]"},
	{"found unexpected end of stream", "a quote is not closed"},
	{"did not find expected node content",
		"a value was expected here: a [ or { before it is not closed"},
	{"found unknown escape character",
		"this escape does not exist: write \\\\ for a backslash, or use single quotes"},
	{"found duplicate %YAML directive", "%YAML twice: keep one"},
	{"did not find expected alphabetic or numeric character",
		"text that starts with * or & must stand in quotes"},
	{"control characters are not allowed", "a control character: remove it"},
	{"invalid leading UTF-8 octet", "not UTF-8: save the file as UTF-8"},
	{"invalid trailing UTF-8 octet", "not UTF-8: save the file as UTF-8"},
	{"incomplete UTF-8 octet sequence", "not UTF-8: save the file as UTF-8"},
};

static const char *own_words(const char *theirs)
{
	for (size_t i = 0; theirs != NULL && i < COUNT_OF(syntax_words); i++)
		if (strcmp(syntax_words[i].theirs, theirs) == 0)
			return syntax_words[i].ours;
	return theirs != NULL ? theirs : "cannot be read";
}

/* The reader knows only the offset of a bad byte. */
static struct place place_of_offset(
	const struct loader *l, const char *bytes, size_t len, size_t offset)
{
	struct place place = {l->file, 1, 1};

	for (size_t i = 0; i < offset && i < len; i++) {
		place.column++;
		if (bytes[i] == '\n') {
			place.line++;
			place.column = 1;
		}
	}
	return place;
}

static const char *line_of(const char *bytes, size_t len, unsigned line, size_t *line_len)
{
	const char *at = bytes, *end = bytes + len;

	for (; line > 1 && at < end; line--) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		at = newline != NULL ? newline + 1 : end;
	}
	const char *newline = memchr(at, '\n', (size_t)(end - at));
	*line_len = (size_t)((newline != NULL ? newline : end) - at);
	return at;
}

/* The commonest reasons for a { that is not closed; NULL when it is none of them. */
static const char *why_not_closed(const char *bytes, size_t len, struct place place)
{
	size_t line_len, column = place.column;
	const char *line = line_of(bytes, len, place.line, &line_len);

	if (memmem(line, line_len, "${", 2) != NULL)
		return "in { } put ${NAME} in quotes: \"${NAME}\"";
	if (column > 1 && column <= line_len && line[column - 1] == '[' && isalnum((unsigned char)line[column - 2]))
		return "in { } put a path with [ ] in quotes: \"each[0].name\"";
	return NULL;
}

static void report_syntax(struct loader *l, const char *bytes, size_t len)
{
	const yaml_parser_t *p = &l->parser;
	const struct place place = p->error == YAML_READER_ERROR
		? place_of_offset(l, bytes, len, p->problem_offset)
		: at(l, p->problem_mark);

	const char *words = own_words(p->problem);
	const char *why = strstr(words, "is not closed") != NULL ? why_not_closed(bytes, len, place) : NULL;
	if (why != NULL)
		words = why;
	problems_add(l->problems, RULE_YAML, place, "%s", words);
}

/* ------------------------------------------------------------------ building */

static bool too_large(struct loader *l, yaml_mark_t mark)
{
	problems_add(l->problems, RULE_LIMIT, at(l, mark),
		"more than %zu values: split the file", l->limits->max_nodes);
	return false;
}

static char *keep_text(struct loader *l, const yaml_char_t *value, size_t len)
{
	if (len >= TEXT_CHUNK / 4)
		return arena_strndup(l->arena, (const char *)value, len);
	if (l->text_left <= len) {
		l->text = arena_alloc(l->arena, TEXT_CHUNK);
		l->text_left = l->text != NULL ? TEXT_CHUNK : 0;
		if (l->text == NULL)
			return NULL;
	}
	char *copy = l->text;
	memcpy(copy, value, len); /* the arena is zeroed: the end is there */
	l->text += len + 1;
	l->text_left -= len + 1;
	return copy;
}

static struct node *new_node(struct loader *l)
{
	if (l->spare_nodes == 0) {
		l->spare = arena_alloc(l->arena, NODE_CHUNK * sizeof(*l->spare));
		if (l->spare == NULL)
			return NULL;
		l->spare_nodes = NODE_CHUNK;
	}
	l->spare_nodes--;
	return l->spare++;
}

/* Hangs a new value where the innermost open container wants it. */
static struct node *add_node(struct loader *l, enum node_kind kind, yaml_mark_t mark)
{
	struct node *node = l->nodes++ < l->limits->max_nodes ? new_node(l) : NULL;

	if (node == NULL) {
		too_large(l, mark);
		return NULL;
	}
	node->kind = (uint8_t)kind;
	node->line = (uint32_t)mark.line + 1;
	node->column = (uint32_t)mark.column + 1;
	if (l->depth == 0) {
		l->root = node;
		return node;
	}
	struct level *level = &l->stack[l->depth - 1];
	if (level->last == NULL)
		level->node->first = node;
	else
		level->last->next = node;
	level->last = node;
	level->node->count++;
	node->key = level->key;
	node->key_line = level->key_line;
	node->key_column = level->key_column;
	level->key = NULL;
	return node;
}

static bool awaits_key(const struct loader *l)
{
	return l->depth > 0 && l->stack[l->depth - 1].node->kind == NODE_MAP &&
	       l->stack[l->depth - 1].key == NULL;
}

static bool refuse_feature(struct loader *l, yaml_mark_t mark, const char *what)
{
	problems_add(l->problems, RULE_YAML_FEATURE, at(l, mark), "%s", what);
	return false;
}

static const char no_anchors[] =
	"anchors (&name) are not read here: write the value where it is needed, or put text that "
	"starts with & in quotes";
static const char no_tags[] = "tags (!name) are not read here: put text that starts with ! in quotes";

static bool open_level(
	struct loader *l, enum node_kind kind, yaml_mark_t mark, bool anchored, bool tagged)
{
	if (anchored)
		return refuse_feature(l, mark, no_anchors);
	if (tagged)
		return refuse_feature(l, mark, no_tags);
	if (awaits_key(l))
		return refuse_feature(
			l, mark, "a key must be plain text: put { and [ in quotes");
	if (l->depth >= l->limits->max_depth || l->depth >= DEPTH_MAX) {
		problems_add(l->problems, RULE_LIMIT, at(l, mark),
			"nested deeper than %u levels", l->limits->max_depth);
		return false;
	}
	struct node *node = add_node(l, kind, mark);
	if (node == NULL)
		return false;
	l->stack[l->depth++] = (struct level){.node = node};
	return true;
}

static enum node_style style_of(const yaml_event_t *event)
{
	switch (event->data.scalar.style) {
	case YAML_LITERAL_SCALAR_STYLE:
		return STYLE_LITERAL;
	case YAML_FOLDED_SCALAR_STYLE:
		return STYLE_FOLDED;
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		return STYLE_QUOTED;
	default:
		return STYLE_PLAIN;
	}
}

static bool add_scalar(struct loader *l, const yaml_event_t *event)
{
	const yaml_char_t *value = event->data.scalar.value;
	const size_t len = event->data.scalar.length;
	const yaml_mark_t mark = event->start_mark;

	if (event->data.scalar.anchor != NULL)
		return refuse_feature(l, mark, no_anchors);
	if (event->data.scalar.tag != NULL)
		return refuse_feature(l, mark, no_tags);
	if (memchr(value, 0, len) != NULL) {
		problems_add(l->problems, RULE_YAML, at(l, mark), "a zero byte in a text: remove it");
		return false;
	}
	char *text = keep_text(l, value, len);
	if (text == NULL)
		return too_large(l, mark);
	if (awaits_key(l)) {
		struct level *level = &l->stack[l->depth - 1];
		if (strcmp(text, "<<") == 0)
			return refuse_feature(l, mark, "merge keys (<<) are not read here");
		if (l->nodes++ >= l->limits->max_nodes)
			return too_large(l, mark);
		level->key = text;
		level->key_line = (uint32_t)mark.line + 1;
		level->key_column = (uint32_t)mark.column + 1;
		return true;
	}
	struct node *node = add_node(l, NODE_SCALAR, mark);
	if (node == NULL)
		return false;
	node->text = text;
	node->len = (uint32_t)len;
	node->style = (uint8_t)style_of(event);
	return true;
}

/* ------------------------------------------------------------------ duplicate keys */

static int by_key_and_place(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
	const int order = strcmp(x->key, y->key);

	if (order != 0)
		return order;
	if (x->key_line != y->key_line)
		return x->key_line < y->key_line ? -1 : 1;
	return x->key_column < y->key_column ? -1 : x->key_column > y->key_column;
}

static void report_duplicate(struct loader *l, const struct node *twice, const struct node *first)
{
	problems_add(l->problems, RULE_DUPLICATE_KEY,
		(struct place){l->file, twice->key_line, twice->key_column},
		"\"%s\" is already there in line %u: keep one of the two", twice->key,
		first->key_line);
}

/* Small maps by comparing all pairs, large ones by sorting: a hostile file gains nothing. */
static void check_duplicates(struct loader *l, const struct node *map)
{
	if (map->count <= SORT_FROM) {
		for (const struct node *b = map->first; b != NULL; b = b->next) {
			const struct node *a = map->first;
			while (a != b && (a->key[0] != b->key[0] || strcmp(a->key, b->key) != 0))
				a = a->next;
			if (a != b)
				report_duplicate(l, b, a);
		}
		return;
	}
	const struct node **sorted = xmalloc(map->count * sizeof(*sorted));
	size_t count = 0;
	for (const struct node *n = map->first; n != NULL; n = n->next)
		sorted[count++] = n;
	qsort(sorted, count, sizeof(*sorted), by_key_and_place);
	for (size_t i = 1; i < count; i++)
		if (strcmp(sorted[i]->key, sorted[i - 1]->key) == 0)
			report_duplicate(l, sorted[i], sorted[i - 1]);
	free(sorted);
}

static bool close_level(struct loader *l)
{
	const struct node *node = l->stack[--l->depth].node;

	if (node->kind == NODE_MAP)
		check_duplicates(l, node);
	return true;
}

/* ------------------------------------------------------------------ events */

static bool take_document(struct loader *l, const yaml_event_t *event)
{
	if (l->root != NULL)
		return refuse_feature(
			l, event->start_mark, "a second document (---) in the file: make it a file");
	if (event->data.document_start.tag_directives.start !=
		event->data.document_start.tag_directives.end)
		return refuse_feature(l, event->start_mark, no_tags);
	return true;
}

/* False ends the loading: problems has the reason. */
static bool take_event(struct loader *l, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return add_scalar(l, event);
	case YAML_MAPPING_START_EVENT:
		return open_level(l, NODE_MAP, event->start_mark,
			event->data.mapping_start.anchor != NULL,
			event->data.mapping_start.tag != NULL);
	case YAML_SEQUENCE_START_EVENT:
		return open_level(l, NODE_LIST, event->start_mark,
			event->data.sequence_start.anchor != NULL,
			event->data.sequence_start.tag != NULL);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return close_level(l);
	case YAML_ALIAS_EVENT:
		return refuse_feature(l, event->start_mark,
			"aliases (*name) are not read here: write the value out, or put text that "
			"starts with * in quotes");
	case YAML_DOCUMENT_START_EVENT:
		return take_document(l, event);
	default:
		return true;
	}
}

static void start(struct loader *l, const char *bytes, size_t len)
{
	if (!yaml_parser_initialize(&l->parser))
		base_die("out of memory");
	yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l->parser, (const unsigned char *)bytes, len);
}

struct node *yaml_load(struct arena *arena, const char *file, const char *bytes, size_t len,
	const struct yaml_limits *limits, struct problems *problems)
{
	struct loader l = {.arena = arena, .file = file, .limits = limits, .problems = problems};
	yaml_event_t event;
	bool going = true, ended = false;

	if (len > limits->max_bytes) {
		problems_add(problems, RULE_LIMIT, (struct place){file, 0, 0},
			"larger than %zu KiB: split the file", limits->max_bytes / 1024);
		return NULL;
	}
	start(&l, bytes, len);
	while (going && !ended) {
		if (!yaml_parser_parse(&l.parser, &event)) {
			report_syntax(&l, bytes, len);
			going = false;
			break;
		}
		going = take_event(&l, &event);
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&l.parser);
	if (going && l.root == NULL)
		problems_add(problems, RULE_YAML, (struct place){file, 0, 0}, "the file is empty");
	return going ? l.root : NULL;
}

int64_t yaml_peek_int(const char *bytes, size_t len, const char *key, int64_t fallback)
{
	struct loader l = {0};
	yaml_event_t event;
	int depth = 0;
	bool is_key = true, wanted = false, done = false;

	start(&l, bytes, len);
	while (!done && depth >= 0 && depth <= DEPTH_MAX && yaml_parser_parse(&l.parser, &event)) {
		if (event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT) {
			done = depth == 0 && event.type == YAML_SEQUENCE_START_EVENT;
			depth++;
			wanted = false;
		} else if (event.type == YAML_MAPPING_END_EVENT ||
			   event.type == YAML_SEQUENCE_END_EVENT) {
			depth--;
			is_key = depth == 1 ? true : is_key;
		} else if (event.type == YAML_SCALAR_EVENT && depth == 1) {
			const char *text = (const char *)event.data.scalar.value;
			const struct node value = {.text = text, .kind = NODE_SCALAR,
				.len = (uint32_t)event.data.scalar.length};
			done = wanted;
			if (wanted)
				node_int(&value, &fallback); /* which stays when it is none */
			wanted = is_key && strcmp(text, key) == 0;
			is_key = !is_key;
		}
		done = done || event.type == YAML_STREAM_END_EVENT || event.type == YAML_ALIAS_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&l.parser);
	return fallback;
}

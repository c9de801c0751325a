/* document.c: documents that a screen shows and somebody else makes: asked for once, kept until
 * another is wanted. */
#include "screen.h"

#include <string.h>

static enum tag tag_of(enum document_kind kind)
{
	return (enum tag)(TAG_LOOK + (int)kind);
}

void document_forget(struct screen *screen, enum document_kind kind)
{
	struct document *document = &screen->documents[kind];

	json_decref(document->json);
	*document = (struct document){ 0 };
	screen->stamp++;
}

void document_want(struct screen *screen, enum document_kind kind, const char *about,
	const char *what, json_t *body)
{
	struct document *document = &screen->documents[kind];

	if (document->asked && str_eq(document->about, about)) {
		json_decref(body);
		return;
	}
	document_forget(screen, kind);
	snprintf(document->about, sizeof(document->about), "%s", about);
	document->asked = true;
	json_put_str(body, "about", about); /* the answer says it again */
	screen_request(screen, tag_of(kind), what, body);
}

void document_answer(struct screen *screen, enum tag tag, const json_t *message)
{
	struct document *document = &screen->documents[tag - TAG_LOOK];
	const json_t *error = json_object_get(message, "error");

	if (!str_eq(json_str(message, "about", ""), document->about))
		return; /* of what was wanted before */
	screen->stamp++;
	if (error != NULL) {
		snprintf(document->error, sizeof(document->error), "%s",
			json_str(error, "text", "it cannot be shown"));
		return;
	}
	json_decref(document->json);
	document->json = json_incref(json_object_get(message, "document"));
	if (tag == TAG_HOME) {
		screen->home = document->json;
		screen->home_pane = HOME_SERVICES;
		if (screen->suggest != NULL)
			screen_suggest(screen, screen->suggest);
		screen->suggest = NULL;
	}
}

bool document_missing(
	const struct screen *screen, enum document_kind kind, struct lines *lines, int width)
{
	const struct document *document = &screen->documents[kind];

	if (document->json != NULL)
		return false;
	lines_add(lines, document->error[0] ? STYLE_BAD : STYLE_DIM, width, 0,
		document->error[0] ? document->error
		: document->asked  ? "reading it ..."
				   : "nothing is chosen yet");
	return true;
}

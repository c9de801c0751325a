/* writer.c: the thread that owns the write side: group commit.
 *
 *   submit ──▶ queue ──▶ [ one transaction of all that waits ] ──▶ done ──▶ collect
 *                 SOON: for at most 2 ms, in case company comes          (wake after each)
 *
 * Order is kept: batches are written, and come out, as they were submitted.  A batch that
 * cannot follow what is recorded fails alone.  A transaction that cannot be written fails with
 * everything queued behind it: what the caller meant those to follow is not there.  Nothing is
 * tried again here; what is submitted later is. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	GROUP_MAX = 1024, /* batches in one transaction: bounds how long the first waits for the
			     last */
	IDLE_MS = 200,	  /* quiet for so long: move the log into the file */
	IDLE_FRAMES = 16, /* not worth it below */
};

struct batch {
	struct batch *next;
	struct journal_done done;
	json_t *keep;
	enum journal_urgency urgency;
	int64_t submitted_ns;
};

struct list {
	struct batch *first, **end;
};

struct journal_writer {
	struct journal *journal;
	void (*wake)(void *arg);
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under lock */
	struct list queue, done;
	size_t urgent; /* JOURNAL_NOW batches in the queue */
	bool stopping;
	int64_t commits, events;
};

static void list_init(struct list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void list_add(struct list *list, struct batch *batch)
{
	batch->next = NULL;
	*list->end = batch;
	list->end = &batch->next;
}

static struct batch *list_take(struct list *list)
{
	struct batch *batch = list->first;

	if (batch != NULL) {
		list->first = batch->next;
		if (list->first == NULL)
			list->end = &list->first;
	}
	return batch;
}

/* Condition variables wait on CLOCK_MONOTONIC; tests may have put another clock under mono_now.
 */
static int64_t ticks_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* False at the deadline. */
static bool wait_until(struct journal_writer *writer, int64_t deadline_ns)
{
	const struct timespec t = { .tv_sec = deadline_ns / 1000000000,
		.tv_nsec = deadline_ns % 1000000000 };

	return pthread_cond_timedwait(&writer->changed, &writer->lock, &t) == 0;
}

/* ------------------------------------------------------------------ one transaction */

static enum err_code keep_row(
	struct journal *journal, const json_t *row, bool *broken, struct err *err)
{
	const char *hex = json_str(row, "sha256", "");
	struct sha256 named, stored;
	size_t len = 0;
	unsigned char *bytes = base64_decode(json_str(row, "base64", ""), &len);
	enum err_code code;

	if (bytes == NULL || !sha256_parse(hex, &named) ||
		!sha256_eq(sha256_of(bytes, len), named)) {
		free(bytes);
		return err_set(err, ERR_PROTOCOL,
			"bytes to keep are not those of the digest \"%.64s\"", hex);
	}
	code = append_content(journal, bytes, len, &stored, err);
	*broken = code != ERR_NONE && code != ERR_LIMIT;
	free(bytes);
	return code;
}

static enum err_code write_one(
	struct journal *journal, struct batch *batch, bool *broken, struct err *err)
{
	size_t i;
	json_t *row;

	*broken = false;
	json_array_foreach(batch->keep, i, row) TRY(keep_row(journal, row, broken, err));
	return append_batch(journal, batch->done.events, batch->done.count, broken, err);
}

/* All of the group in one transaction.  An error means that none of it is on disk. */
static enum err_code write_group(struct journal *journal, struct batch *group, struct err *err)
{
	TRY(append_begin(journal, err));
	for (struct batch *batch = group; batch != NULL; batch = batch->next) {
		struct err why = { 0 };
		bool broken;
		batch->done.code = write_one(journal, batch, &broken, &why);
		if (batch->done.code == ERR_NONE)
			continue;
		batch->done.err = why;
		if (broken) {
			*err = why;
			append_rollback(journal);
			return why.code;
		}
	}
	const enum err_code code = append_commit(journal, err);
	if (code != ERR_NONE)
		append_rollback(journal);
	return code;
}

static void fail(struct batch *batch, const struct err *why)
{
	if (batch->done.code != ERR_NONE && batch->done.err.code == batch->done.code &&
		batch->done.code != why->code)
		return; /* it was refused on its own account */
	batch->done.code = why->code;
	batch->done.err = *why;
}

/* ------------------------------------------------------------------ the thread */

static struct batch *take_group(struct journal_writer *writer)
{
	struct batch *group = writer->queue.first, *last = group;

	for (size_t n = 1; last != NULL && last->next != NULL && n < GROUP_MAX; n++)
		last = last->next;
	if (last == NULL)
		return NULL;
	for (const struct batch *batch = group;; batch = batch->next) {
		writer->urgent -= batch->urgency == JOURNAL_NOW;
		if (batch == last)
			break;
	}
	writer->queue.first = last->next;
	if (last->next == NULL)
		writer->queue.end = &writer->queue.first;
	last->next = NULL;
	return group;
}

static void finish_group(struct journal_writer *writer, struct batch *group, enum err_code code,
	const struct err *why)
{
	struct batch *batch;

	while ((batch = group) != NULL) {
		group = batch->next;
		if (code != ERR_NONE)
			fail(batch, why);
		else if (batch->done.code == ERR_NONE)
			writer->events += (int64_t)batch->done.count;
		list_add(&writer->done, batch);
	}
	if (code == ERR_NONE) {
		writer->commits++;
		return;
	}
	while ((batch = list_take(&writer->queue)) != NULL) {
		fail(batch, why);
		list_add(&writer->done, batch);
	}
	writer->urgent = 0;
}

/* Waits until there is something to write; does the housekeeping of quiet moments.  False: end.
 */
static bool wait_for_work(struct journal_writer *writer)
{
	struct journal *journal = writer->journal;
	bool quiet = false; /* an IDLE_MS without work has passed */

	while (writer->queue.first == NULL) {
		if (writer->stopping)
			return false;
		if (journal->wal_frames < IDLE_FRAMES) {
			pthread_cond_wait(&writer->changed, &writer->lock);
			quiet = false;
		} else if (!quiet) {
			quiet = !wait_until(writer, ticks_ns() + IDLE_MS * (int64_t)1000000);
		} else {
			pthread_mutex_unlock(&writer->lock);
			pthread_mutex_lock(&journal->write_lock);
			wal_checkpoint(journal);
			journal->wal_frames =
				0; /* when it failed: not again before the next commit */
			pthread_mutex_unlock(&journal->write_lock);
			pthread_mutex_lock(&writer->lock);
			quiet = false;
		}
	}
	const int64_t deadline = writer->queue.first->submitted_ns + journal_tuning.soon_ns;
	while (writer->urgent == 0 && !writer->stopping && wait_until(writer, deadline))
		continue;
	return true;
}

static void *writer_main(void *arg)
{
	struct journal_writer *writer = arg;
	struct journal *journal = writer->journal;

	pthread_mutex_lock(&writer->lock);
	while (wait_for_work(writer)) {
		struct batch *group = take_group(writer);
		struct err why = { 0 };
		pthread_mutex_unlock(&writer->lock);

		pthread_mutex_lock(&journal->write_lock);
		const enum err_code code = write_group(journal, group, &why);
		pthread_mutex_unlock(&journal->write_lock);

		pthread_mutex_lock(&writer->lock);
		finish_group(writer, group, code, &why);
		pthread_mutex_unlock(&writer->lock);
		if (writer->wake != NULL)
			writer->wake(writer->arg);
		pthread_mutex_lock(
			&journal->write_lock); /* after the wake: nobody waits for this */
		if (journal->wal_frames > journal_tuning.checkpoint_frames)
			wal_checkpoint(journal);
		pthread_mutex_unlock(&journal->write_lock);
		pthread_mutex_lock(&writer->lock);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

/* ------------------------------------------------------------------ the caller's side */

enum err_code journal_writer_new(struct journal_writer **out, struct journal *journal,
	void (*wake)(void *arg), void *arg, struct err *err)
{
	struct journal_writer *writer;
	pthread_condattr_t attr;

	if (journal->mode != JOURNAL_WRITE)
		return err_set(err, ERR_FORBIDDEN, "the journal is open for reading only");
	writer = xmalloc(sizeof(*writer));
	*writer = (struct journal_writer){ .journal = journal, .wake = wake, .arg = arg };
	list_init(&writer->queue);
	list_init(&writer->done);
	pthread_mutex_init(&writer->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&writer->thread, NULL, writer_main, writer) != 0) {
		free(writer);
		return err_set(err, ERR_SYSTEM, "cannot start the journal's thread");
	}
	*out = writer;
	return ERR_NONE;
}

void journal_submit(struct journal_writer *writer, const struct event *events, size_t count,
	json_t *keep, enum journal_urgency urgency, void *token)
{
	struct batch *batch = xmalloc(sizeof(*batch));

	*batch = (struct batch){ .keep = keep, .urgency = urgency, .submitted_ns = ticks_ns() };
	batch->done.token = token;
	batch->done.count = count;
	batch->done.events = xmalloc((count + 1) * sizeof(*events));
	if (count > 0)
		memcpy(batch->done.events, events, count * sizeof(*events));
	pthread_mutex_lock(&writer->lock);
	list_add(&writer->queue, batch);
	writer->urgent += urgency == JOURNAL_NOW;
	pthread_cond_signal(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
}

bool journal_collect(struct journal_writer *writer, struct journal_done *out)
{
	pthread_mutex_lock(&writer->lock);
	struct batch *batch = list_take(&writer->done);
	pthread_mutex_unlock(&writer->lock);
	if (batch == NULL)
		return false;
	*out = batch->done;
	json_decref(batch->keep);
	free(batch);
	return true;
}

void journal_done_free(struct journal_done *done)
{
	for (size_t i = 0; i < done->count; i++)
		event_release(&done->events[i]);
	free(done->events);
	*done = (struct journal_done){ 0 };
}

void journal_writer_free(struct journal_writer *writer)
{
	struct journal_done done;

	if (writer == NULL)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->stopping = true;
	pthread_cond_signal(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	while (journal_collect(writer, &done))
		journal_done_free(&done);
	pthread_cond_destroy(&writer->changed);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

void journal_writer_counts(
	const struct journal_writer *writer, int64_t *commits, int64_t *events)
{
	pthread_mutex_t *lock =
		(pthread_mutex_t *)&writer->lock; /* counting changes nothing a caller sees */

	pthread_mutex_lock(lock);
	*commits = writer->commits;
	*events = writer->events;
	pthread_mutex_unlock(lock);
}

size_t writer_queued(struct journal_writer *writer)
{
	size_t count = 0;

	pthread_mutex_lock(&writer->lock);
	for (const struct batch *batch = writer->queue.first; batch != NULL; batch = batch->next)
		count++;
	pthread_mutex_unlock(&writer->lock);
	return count;
}

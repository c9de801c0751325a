/* ops.c: the part of the fold that is about operations: reads, intents and what became of them. */
#include "fold.h"

#include <stdlib.h>
#include <string.h>

/* An ordinal identifies a call within an attempt.  A key outlives attempts: the same operation proposed again
 * after an UNKNOWN or an interruption takes the place of its earlier self. */
static struct op *op_at(struct fold *fold, bool create)
{
	struct step *step = fold->step;
	const int64_t ordinal = json_int(fold->data, "ordinal", -1);
	const int64_t attempt = json_int(fold->data, "attempt", -1);
	const char *key = json_str(fold->data, "key", "");

	for (size_t i = step->op_count; i-- > 0;)
		if ((step->ops[i].ordinal == ordinal && step->ops[i].attempt == attempt) ||
			(create && key[0] != '\0' && str_eq(step->ops[i].key, key))) {
			step->ops[i].attempt = attempt;
			return &step->ops[i];
		}
	if (!create)
		return NULL;
	if ((step->op_count & (step->op_count - 1)) == 0)
		step->ops = xrealloc(step->ops,
			(step->op_count ? step->op_count * 2 : 1) * sizeof(*step->ops));
	struct op *op = &step->ops[step->op_count++];
	*op = (struct op){.attempt = attempt, .ordinal = ordinal, .key = key, .op = "", .target = "",
		.effect = "", .digest = ""};
	return op;
}

static void op_describe(struct op *op, const struct fold *fold)
{
	const json_t *data = fold->data;

	op->key = json_str(data, "key", "");
	op->op = json_str(data, "op", "");
	op->target = json_str(data, "target", "");
	op->effect = json_str(data, "effect", "read");
	op->digest = json_str(data, "digest", "");
	op->args = json_object_get(data, "args");
	op->before = json_object_get(data, "before");
	op->undo = json_object_get(data, "undo");
	op->idempotent = json_flag(data, "idempotent", false);
	op->creates = json_flag(data, "creates", false);
	op->expires.ns = json_int(data, "expires_ns", 0);
	op->compensates = json_str(data, "compensates", NULL);
	op->journaled = fold->event->wall;
}

/* What it was to take back is taken back. */
static void op_compensated(const struct fold *fold, const struct op *op)
{
	struct op *original = op->compensates != NULL ? run_op(fold->run, op->compensates) : NULL;

	if (original != NULL && op->state == OP_STATE_DONE)
		original->undone = true;
}

static void op_outcome(struct op *op, const struct fold *fold, enum op_state state)
{
	op->state = state;
	op->result = json_object_get(fold->data, "result");
	op->error = json_object_get(fold->data, "error");
	op->began.ns = json_int(fold->data, "began_ns", op->began.ns);
	op->ended.ns = json_int(fold->data, "ended_ns", fold->event->wall.ns);
	op_compensated(fold, op);
}

enum err_code fold_op_read(struct fold *fold)
{
	struct op *op = op_at(fold, true);

	op_describe(op, fold);
	op_outcome(op, fold, OP_STATE_READ);
	return ERR_NONE;
}

enum err_code fold_op_intent(struct fold *fold)
{
	struct op *op = op_at(fold, true);

	op_describe(op, fold);
	op->state = json_flag(fold->data, "allowed", false) ? OP_STATE_ALLOWED : OP_STATE_PROPOSED;
	op->settled = false;
	op->result = op->error = NULL;
	return ERR_NONE;
}

static enum err_code op_known(struct fold *fold, struct op **out)
{
	*out = op_at(fold, fold->run->private->erased);
	return *out != NULL ? ERR_NONE
			    : err_set(fold->err, ERR_PROTOCOL, "\"%s\" has no intent with ordinal %lld",
				      fold->step->id, (long long)json_int(fold->data, "ordinal", -1));
}

enum err_code fold_op_allowed(struct fold *fold)
{
	struct op *op;

	TRY(op_known(fold, &op));
	op->state = OP_STATE_ALLOWED;
	return ERR_NONE;
}

enum err_code fold_op_refused(struct fold *fold)
{
	struct op *op;

	TRY(op_known(fold, &op));
	op->state = OP_STATE_REFUSED;
	return ERR_NONE;
}

enum err_code fold_op_result(struct fold *fold)
{
	struct op *op;
	const json_t *error = json_object_get(fold->data, "error");

	TRY(op_known(fold, &op));
	if (json_flag(fold->data, "ok", false))
		op_outcome(op, fold, OP_STATE_DONE);
	else
		op_outcome(op, fold, world_from_name(json_str(error, "world", "unknown")) == WORLD_UNKNOWN
				     ? OP_STATE_UNKNOWN : OP_STATE_FAILED);
	return ERR_NONE;
}

enum err_code fold_op_unknown(struct fold *fold)
{
	struct op *op;

	TRY(op_known(fold, &op));
	op->state = OP_STATE_UNKNOWN;
	return ERR_NONE;
}

enum err_code fold_op_settled(struct fold *fold)
{
	struct op *op;

	TRY(op_known(fold, &op));
	op->settled = true;
	op->settled_by = json_str(fold->data, "by", "");
	op_outcome(op, fold, str_eq(json_str(fold->data, "verdict", ""), "done") ? OP_STATE_DONE
										  : OP_STATE_FAILED);
	return ERR_NONE;
}

enum err_code fold_debris_kept(struct fold *fold)
{
	struct op *op;

	TRY(op_known(fold, &op));
	op->kept = true;
	return ERR_NONE;
}

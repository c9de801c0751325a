/* terraform.c: infrastructure from a saved plan, with terraform or tofu: the tables of the
 * provider, outputs and the doctor.
 * Source: https://developer.hashicorp.com/terraform/cli/commands (1.11); OpenTofu speaks the
 * same. */
#include "internal.h"

#include "declared.h"
#include "terraform.h"

#include <string.h>

static enum err_code output(struct call *call, json_t *result, struct err *err)
{
	static const char *const args[] = { "output", "-json", "-no-color", NULL };
	json_t *all = NULL, *row, *outputs = json_object(), *hidden = json_array();
	const char *name;

	json_put(result, "outputs", outputs);
	json_put(result, "sensitive", hidden);
	TRY(terraform_init(call, err));
	TRY(terraform_json(call, args, &all, err));
	json_object_foreach(all, name, row) {
		if (json_flag(row, "sensitive", true))
			json_array_append_new(hidden, json_string(name));
		else
			json_put(outputs, name, declared_result(json_object_get(row, "value")));
	}
	json_decref(all);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ doctor */

static void put_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(checks, json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok,
					      "detail", json_text(detail, strlen(detail))));
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	static const char *const version[] = { "version", "-json", NULL };
	json_t *checks = json_array(), *json = NULL, *serial = NULL;
	struct err why = { 0 };
	char detail[300];

	(void)err;
	json_put(report, "checks", checks);
	bool ok = terraform_json(call, version, &json, &why) == ERR_NONE;
	snprintf(detail, sizeof(detail), "%s %s", setting_string(call, "program"),
		json_str(json, "terraform_version", "?"));
	put_check(checks, "program", ok, ok ? detail : why.text);
	json_decref(json);
	if (!ok)
		return ERR_NONE;
	why = (struct err){ 0 };
	ok = terraform_serial(call, &serial, &why) == ERR_NONE;
	snprintf(detail, sizeof(detail), "serial %lld",
		(long long)json_int(serial, "serial", 0));
	put_check(checks, "state", ok, ok ? detail : why.text);
	json_decref(serial);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = { { .name = "dir",
						 .type = FIELD_PATH,
						 .required = true,
						 .help = "the directory of the configuration" },
	{ .name = "program",
		.type = FIELD_STRING,
		.fallback = "terraform",
		.help = "terraform, tofu, or a path to one of them" },
	{ .name = "workspace", .type = FIELD_STRING, .help = "the workspace of the state" },
	{ .name = "vars",
		.type = FIELD_MAP,
		.fallback = "{}",
		.help = "variables; everybody on the machine can see them while a plan is "
			"made" },
	{ .name = "var_files", .type = FIELD_STRINGS, .help = "tfvars files, from dir" },
	{ .name = "variables",
		.type = FIELD_SECRET,
		.help = "the text of a tfvars file, handed over on a descriptor" },
	{ .name = "init",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "initialise before a plan; pinned versions stay pinned" },
	{ .name = "data_dir",
		.type = FIELD_PATH,
		.help = "instead of dir/.terraform; the saved plans are in it, too" },
	{ .name = "grace",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "20s",
		.max = 600000,
		.help = "how long it may take to put its state down when it is stopped" },
	FIELD_END };

#define TALLY                                                                                  \
	{ .name = "create", .type = FIELD_INT, .help = "how many are made" },                  \
		{ .name = "update", .type = FIELD_INT, .help = "how many change in place" },   \
		{ .name = "destroy", .type = FIELD_INT, .help = "how many are destroyed" },    \
		{ .name = "replace",                                                           \
			.type = FIELD_INT,                                                     \
			.help = "how many are destroyed and made anew" },                      \
		{ .name = "other",                                                             \
			.type = FIELD_INT,                                                     \
			.help = "how many imported, forgotten" },                              \
		{ .name = "actions",                                                           \
			.type = FIELD_ANY,                                                     \
			.help = "each: address, action; at most 200" },                        \
		{ .name = "effect",                                                            \
			.type = FIELD_STRING,                                                  \
			.help = "what applying it is: change, costly or irreversible" },       \
		{ .name = "effect_reason", .type = FIELD_STRING, .help = "why" },              \
		{ .name = "drift",                                                             \
			.type = FIELD_ANY,                                                     \
			.help = "what is not as the state says; each: address, action" },      \
	{                                                                                      \
		.name = "serial", .type = FIELD_INT, .help = "of the state it was made from"   \
	}
#define VARS                                                                                   \
	{                                                                                      \
		.name = "vars", .type = FIELD_MAP, .fallback = "{}",                           \
		.help = "variables, besides the setting's"                                     \
	}

static const struct field plan_params[] = { VARS,
	{ .name = "only",
		.type = FIELD_STRINGS,
		.help = "addresses; with what they need, nothing else" },
	{ .name = "replace",
		.type = FIELD_STRINGS,
		.help = "addresses that are to be made anew" },
	{ .name = "destroy",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "a plan to destroy everything" },
	FIELD_END };
static const struct field plan_results[] = {
	{ .name = "plan",
		.type = FIELD_STRING,
		.help = "the digest of the saved plan: what provision.apply takes" },
	{ .name = "empty", .type = FIELD_BOOL, .help = "nothing would be done" }, TALLY,
	FIELD_END
};
static const struct field check_params[] = { VARS, FIELD_END };
static const struct field check_results[] = {
	{ .name = "clean",
		.type = FIELD_BOOL,
		.help = "nothing would be done and nothing has drifted" },
	TALLY, FIELD_END
};
static const struct field output_results[] = {
	{ .name = "outputs", .type = FIELD_MAP, .help = "name -> value" },
	{ .name = "sensitive",
		.type = FIELD_STRINGS,
		.help = "names of those that are not shown" },
	FIELD_END
};
static const struct field apply_params[] = {
	{ .name = "plan",
		.type = FIELD_STRING,
		.required = true,
		.help = "the digest that provision.plan returned" },
	FIELD_END
};
static const struct field remove_params[] = {
	{ .name = "addresses",
		.type = FIELD_STRINGS,
		.required = true,
		.help = "what is destroyed; refused when anything else would be" },
	FIELD_END
};
static const struct field apply_results[] = {
	{ .name = "added", .type = FIELD_INT, .help = "how many were made" },
	{ .name = "changed", .type = FIELD_INT, .help = "how many were changed" },
	{ .name = "destroyed", .type = FIELD_INT, .help = "how many were destroyed" },
	{ .name = "outputs", .type = FIELD_MAP, .help = "those that are not sensitive" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "all of it" }, FIELD_END
};

#define STOPS "it is told to stop, finishes what it is at and puts its state down"

static const struct operation operations[] = {
	{ .capability = "provision",
		.verb = "plan",
		.effect = EFFECT_READ,
		.params = plan_params,
		.results = plan_results,
		.run = terraform_plan,
		.cancel_help = "at once",
		.timeout_ms = 600000,
		.help = "make a plan, save it and say what it would do" },
	{ .capability = "provision",
		.verb = "check",
		.effect = EFFECT_READ,
		.params = check_params,
		.results = check_results,
		.run = terraform_check,
		.cancel_help = "at once",
		.timeout_ms = 600000,
		.help = "is everything as configured, and as the state says" },
	{ .capability = "provision",
		.verb = "output",
		.effect = EFFECT_READ,
		.results = output_results,
		.run = output,
		.cancel_help = "at once",
		.timeout_ms = 120000,
		.help = "the outputs of the state" },
	{ .capability = "provision",
		.verb = "apply",
		.effect = EFFECT_IRREVERSIBLE,
		.params = apply_params,
		.results = apply_results,
		.prepare = terraform_prepare_apply,
		.run = terraform_apply,
		.verify = terraform_verify,
		.undo = "provision.apply",
		.cancel_help = STOPS,
		.timeout_ms = 3600000,
		.help = "apply exactly the plan that was shown" },
	{ .capability = "provision",
		.verb = "remove",
		.effect = EFFECT_IRREVERSIBLE,
		.params = remove_params,
		.results = apply_results,
		.prepare = terraform_prepare_remove,
		.run = terraform_apply,
		.verify = terraform_verify,
		.cancel_help = STOPS,
		.timeout_ms = 3600000,
		.help = "destroy these addresses and nothing else" },
	OPERATION_END
};

const struct provider terraform_provider = {
	.name = "terraform",
	.summary = "Terraform and OpenTofu: saved plans",
	.source = "Terraform 1.11 CLI and JSON formats",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};

/* policy.c: what the server's own configuration allows, and what was done in spite of it. */
#include "internal.h"

void live_deviate(struct live *live, const char *what, const char *rule, const char *reason,
	const char *step, const struct actor *actor)
{
	json_t *payload = json_object();

	json_put_str(payload, "what", what);
	json_put_str(payload, "rule", rule != NULL ? rule : "");
	json_put_str(payload, "reason", reason);
	json_put_str(payload, "step", step != NULL ? step : "");
	live_emit(live, EVENT_DEVIATION_RECORDED, payload, actor);
}

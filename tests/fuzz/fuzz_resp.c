/* fuzz_resp.c: what a Redis server, or somebody in its place, says. */
#include "../../src/provider/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	struct resp reply = {0};
	bool whole = false;

	if (resp_parse((const char *)data, size, &reply, &whole, &err) == ERR_NONE && whole)
		resp_release(&reply);
	return 0;
}

/* fuzz_dns.c: what a name server, or somebody in its place, says. */
#include "../../src/provider/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	struct dns_message message = {0};

	if (dns_parse_message(data, size, &message, &err) == ERR_NONE)
		dns_message_release(&message);
	return 0;
}

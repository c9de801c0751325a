/* fuzz_dns.c: what a name server, or somebody in its place, says. */
#include "../../src/provider/dns_message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	struct dns_message message = {0};

	if (dns_parse_message(data, size, &message, &err) == ERR_NONE)
		for (size_t i = 0; i < message.count; i++) {
			char *text = NULL;
			if (dns_rdata_text(&message, &message.records[i], &text, &err) == ERR_NONE)
				free(text);
		}
	dns_message_release(&message); /* also after an error */
	return 0;
}

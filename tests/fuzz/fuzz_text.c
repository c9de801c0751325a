/* fuzz_text.c: what a terminal gets to see of text from outside: nothing it would obey. */
#include "drillbook/base.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	struct buf out;

	buf_init(&out, 16 << 20);
	if (text_sanitise((const char *)data, size, &out, &err) == ERR_NONE) {
		for (size_t i = 0; i < out.len; i++) {
			const unsigned char c = (unsigned char)out.data[i];
			if (c < 0x20 || c == 0x7f)
				abort();
		}
		if (utf8_valid_prefix(out.data != NULL ? out.data : "", out.len) != out.len)
			abort();
	}
	buf_release(&out);
	return 0;
}

/* diff.h: what changed between two texts. */
#ifndef REPORT_DIFF_H
#define REPORT_DIFF_H

#include "drillbook/base.h"

/* Lines of a unified diff without its file heads: "@@ -old,n +new,n @@", " same", "-old", "+new";
 * at most `most` of them, *cut says that there were more.  Owned; empty when the texts are equal. */
json_t *diff_lines(const struct buf *a, const struct buf *b, size_t most, bool *cut);

#endif

/* graph.h: the order of steps as lanes beside their list.
 *
 *   o\   look          a lane per branch: o the step, | one that goes on, \ one that begins
 * here, o|   left          / one that ends here, + more than there is room for |o   right o/
 * fence
 */
#ifndef DRILLBOOK_TUI_GRAPH_H
#define DRILLBOOK_TUI_GRAPH_H

#include "drillbook/record.h"

enum { GRAPH_LANES = 6 };
struct graph {
	char (*rows)[GRAPH_LANES + 2]; /* one per step, without trailing blanks */
	int width;		       /* of the widest row; 1 = a plain chain */
};
void graph_make(struct graph *graph, const struct run *run);
void graph_release(struct graph *graph);

#endif

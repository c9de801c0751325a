#include "modes.h"
int zygote_main(void) { return 1; }

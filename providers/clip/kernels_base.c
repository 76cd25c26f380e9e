/* Without flags of its own: for whatever machine this is built for. */
#include "providers/clip/kernels_sets.h"

#define LANES        4
#define KERNELS      kernels_base
#define KERNELS_NAME "base"
#include "providers/clip/kernels_body.h"

#include "server/domain/lanes.h"

#if defined(__x86_64__)

#include <pthread.h>

static bool wide;
static pthread_once_t wide_once = PTHREAD_ONCE_INIT;

static void look_for_wide(void)
{
    wide = __builtin_cpu_supports("avx2");
}

bool lanes_wide(void)
{
    (void)pthread_once(&wide_once, look_for_wide);
    return wide;
}

#else

bool lanes_wide(void)
{
    return false;
}

#endif

#include "providers/cores.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* Numbers are drawn in the order of asking; those below `served` may have a core. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t served_more;
    uint64_t drawn, served;
    int wanted; /* 0: as many as are online */
    bool shared;
} cores = {.mutex = PTHREAD_MUTEX_INITIALIZER, .served_more = PTHREAD_COND_INITIALIZER};

void cores_set(int n)
{
    pthread_mutex_lock(&cores.mutex);
    cores.wanted = n;
    pthread_mutex_unlock(&cores.mutex);
}

int cores_share(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    pthread_mutex_lock(&cores.mutex);
    if (cores.wanted > 0 || n < 1)
        n = cores.wanted > 0 ? cores.wanted : 1;
    cores.served = cores.drawn + (uint64_t)n;
    cores.shared = true;
    pthread_mutex_unlock(&cores.mutex);
    return (int)n;
}

void cores_share_no_more(void)
{
    pthread_mutex_lock(&cores.mutex);
    cores.shared = false;
    pthread_mutex_unlock(&cores.mutex);
}

void cores_take(void)
{
    pthread_mutex_lock(&cores.mutex);
    if (cores.shared) {
        uint64_t mine = cores.drawn++;
        while (mine >= cores.served)
            pthread_cond_wait(&cores.served_more, &cores.mutex);
    }
    pthread_mutex_unlock(&cores.mutex);
}

void cores_give(void)
{
    pthread_mutex_lock(&cores.mutex);
    if (cores.shared) {
        cores.served++;
        pthread_cond_broadcast(&cores.served_more);
    }
    pthread_mutex_unlock(&cores.mutex);
}

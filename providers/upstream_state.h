/* What upstream.c and upstream_describe.c share. */
#ifndef MONOCEROS_PROVIDERS_UPSTREAM_STATE_H
#define MONOCEROS_PROVIDERS_UPSTREAM_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "providers/upstream.h"

/* Limits as they are in force. */
struct limits {
    int window;
    double rpm, tpm;
};

struct upstream {
    struct upstream_settings settings;
    int n;
    struct route routes[ENDPOINTS_MAX];
    atomic_int refs;
    atomic_bool stopped;

    pthread_mutex_t mutex; /* guards what follows, and the seats */
    struct endpoint endpoints[ENDPOINTS_MAX];
    struct bucket buckets[RATE_KINDS];
    struct limits limits;
    struct upstream_limits operator_limits;
    int replicas;
    struct seat *seats;
    int held;
    int turn;           /* where the search for the least busy endpoint begins */
    int64_t window_us;  /* when the window last held a call back */
    char sentence[200]; /* of the stop */
};

#endif

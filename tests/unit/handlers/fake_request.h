/* A request as the HTTP layer would hand it over, without one. */
#ifndef MONOCEROS_TESTS_HANDLERS_FAKE_REQUEST_H
#define MONOCEROS_TESTS_HANDLERS_FAKE_REQUEST_H

#include <stddef.h>
#include <string.h>

#include "handlers/operation.h"
#include "handlers/routes.h"

struct fake {
    struct req q;
    struct op_state state;
    struct app app;
};

static inline void fake_begin(struct fake *f, const char *operation_id, const char *dataset)
{
    memset(f, 0, sizeof(*f));
    for (size_t i = 0; i < n_routes; i++)
        if (strcmp(routes[i].operation_id, operation_id) == 0)
            f->q.route = &routes[i];
    f->q.arena = arena_new(16 << 20);
    f->q.params[0] = str_of(dataset);
    f->q.state = &f->state;
    f->state.caller.name = "{default}";
    f->q.app = &f->app;
    buf_init(&f->q.res.body, 16 << 20);
}

static inline void fake_query(struct fake *f, const char *name, const char *value, int64_t number)
{
    for (int i = 0; f->q.route->query[i].name; i++)
        if (strcmp(f->q.route->query[i].name, name) == 0)
            f->q.query[i] = (struct query_value){true, str_of(value), number};
}

static inline void fake_end(struct fake *f)
{
    arena_free(f->q.arena);
    buf_free(&f->q.res.body);
    for (int i = 0; i < f->state.n_arrays; i++)
        array_free(&f->state.arrays[i]);
}

#endif

#include "handlers/export_turn.h"

enum { RETRY_AFTER_S = 5 };

int export_turn_take(struct app *app, struct err *e)
{
    int most = app->config->request_threads / 2;
    if (atomic_fetch_add(&app->exports, 1) < (most > 1 ? most : 1))
        return 0;
    export_turn_end(app);
    (void)err_set(e, ERR_UNAVAILABLE, "as many exports as may be are under way already");
    e->retry_after = RETRY_AFTER_S;
    return -1;
}

void export_turn_end(struct app *app)
{
    (void)atomic_fetch_sub(&app->exports, 1);
}

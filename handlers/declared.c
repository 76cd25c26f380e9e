#include "handlers/declared.h"

#include <stdio.h>

/* The rows are in the order of the configuration: `offline` is the first. */
static int choose(const char *const *names, int n, struct str wanted, const char *pointer,
                  struct err *e)
{
    char list[120] = "";
    size_t used = 0;
    if (!wanted.p && n <= 2)
        return n - 1;
    for (int i = 0; i < n; i++) {
        if (wanted.p && str_is(wanted, names[i]))
            return i;
        int more = snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", names[i]);
        used += more > 0 && (size_t)more < sizeof(list) - used ? (size_t)more : 0;
    }
    (void)err_field(e, pointer, wanted.p ? "is not declared; there are: %s" : "must say which: %s",
                    list);
    return -1;
}

struct llm_provider *declared_provider(const struct app *app, struct str name, const char *pointer,
                                       struct err *e)
{
    const char *names[CONFIG_PROVIDERS_MAX];
    for (int i = 0; i < app->n_providers; i++)
        names[i] = llm_provider_settings(app->providers[i])->name;
    int i = choose(names, app->n_providers, name, pointer, e);
    return i < 0 ? NULL : app->providers[i];
}

struct encoder *declared_encoder(const struct app *app, struct str name, const char *pointer,
                                 struct err *e)
{
    const char *names[CONFIG_PROVIDERS_MAX];
    for (int i = 0; i < app->n_encoders; i++)
        names[i] = encoder_get_settings(app->encoders[i])->name;
    int i = choose(names, app->n_encoders, name, pointer, e);
    return i < 0 ? NULL : app->encoders[i];
}

struct encoder *encoder_named(const struct app *app, struct str name)
{
    for (int i = 0; i < app->n_encoders; i++)
        if (str_is(name, encoder_get_settings(app->encoders[i])->name))
            return app->encoders[i];
    return NULL;
}

void declared_try_again(const struct app *app)
{
    char why[200];
    for (int i = 0; i < app->n_providers; i++)
        if (llm_provider_stopped(app->providers[i], why))
            llm_provider_reset(app->providers[i]);
    for (int i = 0; i < app->n_encoders; i++)
        if (encoder_stopped(app->encoders[i], why))
            encoder_reset(app->encoders[i]);
}

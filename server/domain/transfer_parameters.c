#include "server/domain/transfer_parameters.h"

#include <stdio.h>

#include "server/json/write.h"

enum { NODES_MAX = 64 };
#define SAFE_INTEGER_MAX 9007199254740991.0 /* 2^53 - 1: exact in every JSON reader */

/* Noise that leaves most of a vector; sigma = 0.04, which others use, leaves 0.57 of 1280 values.
 */
static const double default_cosine = 0.9;

static const char *const forms[] = {"capdec", "c3", NULL};

const struct field transfer_parameter_fields[] = {
    {FIELD_BOOL, "norm", .offset = offsetof(struct transfer_parameters, norm)},
    {FIELD_BOOL, "image_mean", .offset = offsetof(struct transfer_parameters, image_mean)},
    {FIELD_NUMBER, "cosine", .offset = offsetof(struct transfer_parameters, cosine), .min = 0.01,
     .max = 1},
    {FIELD_NUMBER, "sigma", .offset = offsetof(struct transfer_parameters, sigma), .max = 10},
    {FIELD_INT, "seed", .offset = offsetof(struct transfer_parameters, seed),
     .max = SAFE_INTEGER_MAX},
    {FIELD_ENUM, "form", .offset = offsetof(struct transfer_parameters, form), .values = forms},
    {.type = FIELD_END},
};

static const struct transfer_parameters no_parameters;

static const struct transfer_parameters *parameters_of(const struct transfer_choice *c)
{
    return c->parameters ? c->parameters : &no_parameters;
}

static bool is_false(struct opt_bool v)
{
    return v.set && !v.v;
}

static bool is_true(struct opt_bool v)
{
    return v.set && v.v;
}

bool transfer_choice_needs_images(const struct transfer_choice *c)
{
    return c->method == TRANSFER_REALIGN ||
           (c->method == TRANSFER_MEAN_SHIFT && is_true(parameters_of(c)->image_mean));
}

static void foreign(const struct transfer_choice *c, bool given, const char *name,
                    enum transfer_method owner, const char *pointer, struct err *e)
{
    char where[120];
    if (!given || c->method == owner)
        return;
    (void)snprintf(where, sizeof(where), "%s/parameters/%s", pointer, name);
    (void)err_field(e, where, "is a parameter of %s", transfer_methods[owner]);
}

int transfer_choice_check(const struct transfer_choice *c, const char *pointer, struct err *e)
{
    const struct transfer_parameters *p = parameters_of(c);
    bool needs = transfer_choice_needs_images(c);
    char where[120];
    foreign(c, p->norm.set, "norm", TRANSFER_MEAN_SHIFT, pointer, e);
    foreign(c, p->image_mean.set, "image_mean", TRANSFER_MEAN_SHIFT, pointer, e);
    foreign(c, p->cosine.set, "cosine", TRANSFER_NOISE, pointer, e);
    foreign(c, p->sigma.set, "sigma", TRANSFER_NOISE, pointer, e);
    foreign(c, p->seed.set, "seed", TRANSFER_NOISE, pointer, e);
    foreign(c, p->form.p, "form", TRANSFER_NOISE, pointer, e);
    if (p->cosine.set && p->sigma.set) {
        (void)snprintf(where, sizeof(where), "%s/parameters/sigma", pointer);
        (void)err_field(e, where, "says what cosine says: give one of the two");
    }
    (void)snprintf(where, sizeof(where), "%s/image_moments", pointer);
    if (needs && !c->image_moments.p)
        (void)err_field(e, where, "is required: the transfer uses the images' mean");
    if (!needs && c->image_moments.p)
        (void)err_field(e, where, "is of no use to this transfer");
    return e->code == ERR_NONE ? 0 : -1;
}

static void write_noise(const struct transfer_parameters *p, struct buf *out)
{
    json_key(out, p->sigma.set ? "sigma" : "cosine");
    json_double(out, p->sigma.set ? p->sigma.v : p->cosine.set ? p->cosine.v : default_cosine);
    if (p->seed.set && p->seed.v) {
        json_key(out, "seed");
        json_int(out, p->seed.v);
    }
    if (p->form.p && str_is(p->form, "c3")) {
        json_key(out, "form");
        json_z(out, "c3");
    }
}

void transfer_parameters_write(const struct transfer_choice *c, struct buf *out)
{
    const struct transfer_parameters *p = parameters_of(c);
    json_open(out, '{');
    if (c->method == TRANSFER_MEAN_SHIFT && is_false(p->norm)) {
        json_key(out, "norm");
        json_bool(out, false);
    }
    if (c->method == TRANSFER_MEAN_SHIFT && is_true(p->image_mean)) {
        json_key(out, "image_mean");
        json_bool(out, true);
    }
    if (c->method == TRANSFER_NOISE)
        write_noise(p, out);
    json_close(out, '}');
}

int transfer_parameters_read(struct str kept, struct arena *a, struct transfer *t, bool *images,
                             struct err *e)
{
    struct transfer_parameters p = {0};
    if (json_decode(kept, transfer_parameter_fields, NODES_MAX, a, &p, sizeof(p), e) < 0)
        return -1;
    const struct transfer_choice c = {.method = t->method, .parameters = &p};
    *images = transfer_choice_needs_images(&c);
    t->raw = is_false(p.norm);
    t->centred = p.form.p && str_is(p.form, "c3");
    t->seed = p.seed.set ? (uint64_t)p.seed.v : 0;
    if (p.sigma.set)
        t->sigma = p.sigma.v;
    else if (t->method == TRANSFER_NOISE)
        t->sigma = transfer_sigma_of_cosine(p.cosine.set ? p.cosine.v : default_cosine, t->n);
    return 0;
}

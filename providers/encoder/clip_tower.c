#include "providers/encoder/clip_tower.h"

#include <stdlib.h>

enum {
    ROWS_MIN = 96,   /* a product of fewer does not use a core well */
    ROWS_LOW = 192,  /* of a part, where a token is dear */
    ROWS_HIGH = 768, /* and where it is cheap */
};

/* About a quarter of a second on one core: so long may a brief batch wait for a core. */
static const double part_flop = 4e10;

static size_t rows_of_part(const struct clip_model *m)
{
    double rows = part_flop / clip_model_flop(m);

    return rows < ROWS_LOW ? ROWS_LOW : rows > ROWS_HIGH ? ROWS_HIGH : (size_t)rows;
}

static int open_all(struct clip_tower *t, const char *directory, struct err *e)
{
    t->model = clip_model_load(directory, e);
    if (!t->model)
        return -1;
    if (clip_model_dimension(t->model) > ENCODER_DIMENSION_MAX)
        return err_set(e, ERR_VALIDATION, "vectors of %zu numbers are more than %d",
                       clip_model_dimension(t->model), ENCODER_DIMENSION_MAX);
    t->tokenizer = clip_tokenizer_load(directory, e);
    if (t->tokenizer && (size_t)clip_tokenizer_size(t->tokenizer) > t->model->config.vocabulary)
        return err_set(e, ERR_VALIDATION, "the tokenizer has more tokens than the model");
    if (!t->tokenizer || clip_threads_hold(e) < 0)
        return -1;
    t->holds_threads = true;
    clip_weights_hash(&t->model->weights, t->hash);
    t->limits = (struct clip_pack_limits){
        .rows_min = ROWS_MIN, .rows_max = rows_of_part(t->model), .parts = clip_threads_count()};
    return 0;
}

struct clip_tower *clip_tower_open(const char *directory, struct err *e)
{
    struct clip_tower *t = calloc(1, sizeof(*t));

    if (!t) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (open_all(t, directory, e) == 0)
        return t;
    clip_tower_close(t);
    return NULL;
}

void clip_tower_close(struct clip_tower *t)
{
    if (!t)
        return;
    if (t->holds_threads)
        clip_threads_release();
    clip_tokenizer_free(t->tokenizer);
    clip_model_free(t->model);
    free(t);
}

int clip_tower_dimension(const struct clip_tower *t)
{
    return (int)clip_model_dimension(t->model);
}

const char *clip_tower_hash(const struct clip_tower *t)
{
    return t->hash;
}

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "providers/clip/model.h"
#include "providers/cores.h"

enum { ALIGNMENT = 64 };

/* One part on its way through the layers. Rows are tokens, or, after the attention of the last
 * layer, the distinct texts: of the others nothing is asked any more. */
struct pass {
    const struct clip_model *model;
    const struct clip_part *part;
    struct clip_workspace *workspace;
    size_t width, inner;
    float *x;       /* the residual stream: rows of width */
    float *y;       /* what goes into a product: rows of width */
    float *qkv;     /* rows of 3 width */
    float *hidden;  /* rows of inner */
    float *ends;    /* x, y and the queries of the texts: 3 distinct rows of width */
    float *vectors; /* distinct rows of the projection */
    float *scratch;
    uint32_t *rows; /* of the positions of the sequence that is looked at */
};

/* Processor time: what others take of the core does not count. */
static double used_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* y = keep * y + x W', rows of y `stride` apart. The bias is added by whoever reads y. */
static void multiply(const struct pass *p, const struct clip_linear *l, const float *x, size_t rows,
                     float keep, float *y, size_t stride)
{
    double start_s = used_s();

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)l->out, (int)l->in, 1, x,
                (int)l->in, l->weight, (int)l->in, keep, y, (int)stride);
    p->workspace->products_s += used_s() - start_s;
    p->workspace->products_flop += 2.0 * (double)rows * (double)l->out * (double)l->in;
}

static void normalise(const struct pass *p, const struct clip_norm *n, float *x, const float *bias,
                      size_t rows, float *y)
{
    p->model->kernels->normalise(x, bias, n->scale, n->shift, p->model->config.epsilon, rows,
                                 p->width, y);
}

static void embed(const struct pass *p)
{
    const struct clip_weights *w = &p->model->weights;
    float *x = p->x;

    for (size_t i = 0; i < p->part->n; i++) {
        const struct clip_sequence *s = &p->part->sequences[i];
        for (size_t at = s->shared; at < s->n; at++, x += p->width) {
            clip_row_copy(w->tokens, (size_t)s->ids[at], p->width, x);
            clip_row_add(w->positions, at, p->width, x);
        }
    }
}

/* The rows of a sequence: those that it shares are still there from the one before. */
static void place(const struct pass *p, const struct clip_sequence *s, uint32_t *next)
{
    for (size_t at = s->shared; at < s->n; at++)
        p->rows[at] = (*next)++;
}

static void attend(const struct pass *p, struct attention *a, const float *q, float *out)
{
    const struct clip_config *c = &p->model->config;

    for (size_t h = 0; h < c->heads; h++) {
        size_t at = h * a->width;
        a->q = q + at;
        a->k = p->qkv + p->width + at;
        a->v = p->qkv + 2 * p->width + at;
        a->out = out + at;
        p->model->kernels->attend(a);
    }
}

static struct attention attention_of(const struct pass *p)
{
    size_t width = p->width / p->model->config.heads, stride = 3 * p->width;

    return (struct attention){
        .q_stride = stride,
        .k_stride = stride,
        .v_stride = stride,
        .out_stride = p->width,
        .rows = p->rows,
        .width = width,
        .scale = 1.0F / sqrtf((float)width),
        .scratch = p->scratch,
    };
}

/* y = the attention of all tokens. */
static void attend_all(const struct pass *p)
{
    struct attention a = attention_of(p);
    uint32_t next = 0;

    for (size_t i = 0; i < p->part->n; i++) {
        const struct clip_sequence *s = &p->part->sequences[i];
        size_t first = next;
        if (s->shared == s->n)
            continue;
        place(p, s, &next);
        a.first = s->shared;
        a.len = s->n;
        attend(p, &a, p->qkv + first * 3 * p->width, p->y + first * p->width);
    }
}

/* The same for the last token of each text alone; its query is in `queries`, one a text. */
static void attend_ends(const struct pass *p, const float *queries, float *out)
{
    struct attention a = attention_of(p);
    uint32_t next = 0;

    for (size_t i = 0; i < p->part->n; i++) {
        const struct clip_sequence *s = &p->part->sequences[i];
        if (s->shared == s->n)
            continue;
        place(p, s, &next);
        a.first = s->n - 1;
        a.len = s->n;
        attend(p, &a, queries, out);
        queries += p->width;
        out += p->width;
    }
}

static void add_bias(const struct pass *p, const struct clip_linear *l, float *x, size_t rows,
                     size_t stride)
{
    if (l->bias)
        p->model->kernels->add_bias(x, l->bias, rows, l->out, stride);
}

static void project_into(const struct pass *p, const struct clip_linear *l, float *to)
{
    size_t rows = p->part->rows, stride = 3 * p->width;

    multiply(p, l, p->y, rows, 0, to, stride);
    add_bias(p, l, to, rows, stride);
}

/* x += the perceptron of y, but for the bias of its second layer. */
static void perceive(const struct pass *p, const struct clip_layer *l, float *x, const float *y,
                     size_t rows)
{
    const struct kernels *k = p->model->kernels;

    multiply(p, &l->up, y, rows, 0, p->hidden, p->inner);
    (p->model->config.quick_gelu ? k->quick_gelu : k->gelu)(p->hidden, l->up.bias, rows, p->inner);
    multiply(p, &l->down, p->hidden, rows, 1, x, p->width);
}

/* `bias` is still owed by the layer before; its own is owed to the next. */
static void run_layer(const struct pass *p, const struct clip_layer *l, const float *bias)
{
    size_t rows = p->part->rows;

    normalise(p, &l->before_attention, p->x, bias, rows, p->y);
    project_into(p, &l->query, p->qkv);
    project_into(p, &l->key, p->qkv + p->width);
    project_into(p, &l->value, p->qkv + 2 * p->width);
    attend_all(p);
    multiply(p, &l->output, p->y, rows, 1, p->x, p->width);
    normalise(p, &l->before_perceptron, p->x, l->output.bias, rows, p->y);
    perceive(p, l, p->x, p->y, rows);
}

/* The rows of the texts' last tokens, side by side. */
static void gather_ends(const struct pass *p, const float *from, float *to)
{
    uint32_t next = 0;

    for (size_t i = 0; i < p->part->n; i++) {
        const struct clip_sequence *s = &p->part->sequences[i];
        if (s->shared == s->n)
            continue;
        place(p, s, &next);
        memcpy(to, from + (next - 1) * p->width, p->width * sizeof(*to));
        to += p->width;
    }
}

/* Keys and values of all tokens, and the rest for the last token of each text. */
static void run_last_layer(const struct pass *p, const struct clip_layer *l, const float *bias)
{
    size_t n = p->part->distinct;
    float *x = p->ends, *y = x + n * p->width, *queries = y + n * p->width;

    normalise(p, &l->before_attention, p->x, bias, p->part->rows, p->y);
    project_into(p, &l->key, p->qkv + p->width);
    project_into(p, &l->value, p->qkv + 2 * p->width);
    gather_ends(p, p->x, x);
    gather_ends(p, p->y, y);
    multiply(p, &l->query, y, n, 0, queries, p->width);
    add_bias(p, &l->query, queries, n, p->width);
    attend_ends(p, queries, y);
    multiply(p, &l->output, y, n, 1, x, p->width);
    normalise(p, &l->before_perceptron, x, l->output.bias, n, y);
    perceive(p, l, x, y, n);
    normalise(p, &p->model->weights.final, x, l->down.bias, n, y);
    multiply(p, &p->model->weights.projection, y, n, 0, p->vectors,
             p->model->weights.projection.out);
}

static void hand_out(const struct pass *p, float *out)
{
    size_t dimension = p->model->weights.projection.out;
    const float *v = p->vectors;

    for (size_t i = 0; i < p->part->n; i++) {
        const struct clip_sequence *s = &p->part->sequences[i];
        v += i > 0 && s->shared < s->n ? dimension : 0;
        memcpy(out + s->item * dimension, v, dimension * sizeof(*v));
    }
}

/* Takes n floats from the workspace; with none yet, counts only. */
static float *carve(struct clip_workspace *w, size_t *used, size_t n)
{
    float *p = w->memory ? w->memory + *used : NULL;
    size_t step = ALIGNMENT / sizeof(float);

    *used += (n + step - 1) / step * step;
    return p;
}

static size_t lay_out(struct pass *p, struct clip_workspace *w)
{
    const struct clip_config *c = &p->model->config;
    size_t rows = p->part->rows, distinct = p->part->distinct, used = 0;

    p->x = carve(w, &used, rows * p->width);
    p->y = carve(w, &used, rows * p->width);
    p->qkv = carve(w, &used, rows * 3 * p->width);
    p->hidden = carve(w, &used, rows * p->inner);
    p->ends = carve(w, &used, distinct * 3 * p->width);
    p->vectors = carve(w, &used, distinct * p->model->weights.projection.out);
    p->scratch = carve(w, &used, kernel_scratch(c->positions, p->width / c->heads));
    p->rows = (void *)carve(w, &used, c->positions);
    return used;
}

static int make_room(struct pass *p, struct clip_workspace *w, struct err *e)
{
    struct clip_workspace none = {0};
    size_t n = lay_out(p, &none);

    if (!w->memory || n > w->n) {
        clip_workspace_free(w);
        w->memory = aligned_alloc(ALIGNMENT, n * sizeof(float));
        if (!w->memory)
            return err_set(e, ERR_NO_MEMORY, "no memory to compute vectors in");
        w->n = n;
    }
    lay_out(p, w);
    return 0;
}

static void offer_core(const struct clip_workspace *w)
{
    if (!w->holds_core)
        return;
    cores_give();
    cores_take();
}

int clip_model_run(const struct clip_model *m, const struct clip_part *part,
                   struct clip_workspace *w, float *out, struct err *e)
{
    struct pass p = {.model = m,
                     .part = part,
                     .workspace = w,
                     .width = m->config.width,
                     .inner = m->config.inner};
    const struct clip_layer *l = m->weights.layers;
    const float *bias = NULL;

    if (make_room(&p, w, e) < 0)
        return -1;
    embed(&p);
    for (size_t i = 0; i + 1 < m->config.layers; i++, l++) {
        run_layer(&p, l, bias);
        bias = l->down.bias;
        offer_core(w);
    }
    run_last_layer(&p, l, bias);
    hand_out(&p, out);
    return 0;
}

void clip_workspace_free(struct clip_workspace *w)
{
    free(w->memory);
    w->memory = NULL;
    w->n = 0;
}

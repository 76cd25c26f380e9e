#include "handlers/image_upload.h"

#include <stdlib.h>

#include "handlers/import_stream.h"
#include "server/base/cleanup.h"
#include "server/domain/moments.h"
#include "server/domain/vector.h"
#include "server/json/write.h"
#include "server/tensor/stream.h"

/* The same file has the same sample whenever it is sent. */
enum { CHUNK_BYTES = 65536, SAMPLE_SEED = 1 };

struct upload {
    struct req *q;
    struct work_ctx *ctx;
    struct image_side *side;
    struct import_stream in;
    struct tensor_stream *file;
    struct moments_sum sum;
    float *row;
    char chunk[CHUNK_BYTES];
};

void image_side_free(struct image_side *s)
{
    reservoir_free(&s->sample);
}

static void refuse(struct image_side *s, int64_t row, const char *reason)
{
    s->refused++;
    if (s->n_shown < REFUSED_ROWS_SHOWN)
        s->shown[s->n_shown++] = (struct refused_row){row, reason};
}

static int on_header(void *ctx, const struct tensor_header *h, struct err *e)
{
    struct upload *u = ctx;
    (void)e;
    u->side->source = h->format == TENSOR_NPY ? "npy" : "safetensors";
    return 0;
}

static int on_row(void *ctx, int64_t row, const float *v, bool finite, struct err *e)
{
    struct upload *u = ctx;
    struct image_side *s = u->side;
    uint8_t *room = NULL;
    memcpy(u->row, v, s->dimension * sizeof(*v));
    if (!finite || !vector_normalise(u->row, s->dimension) || !moments_add(&u->sum, u->row)) {
        refuse(s, row, finite ? "zero_vector" : "not_finite");
        return 0;
    }
    if (!reservoir_next(&s->sample, &room))
        return err_set(e, ERR_NO_MEMORY, "no memory for a sample of the vectors");
    if (room)
        vector_to_f16(u->row, s->dimension, room);
    return 0;
}

static ptrdiff_t read_body(void *arg, void *out, size_t n, struct err *e)
{
    return http_body_read(arg, out, n, e);
}

static int pump(struct upload *u, struct err *e)
{
    for (;;) {
        if (!request_pool_sleep(u->ctx->pool, 0))
            return err_set(e, ERR_UNAVAILABLE, "the server is ending");
        ptrdiff_t n = import_stream_read(&u->in, u->chunk, sizeof(u->chunk), e);
        if (n < 0)
            return -1;
        if (n == 0)
            return tensor_stream_end(u->file, e);
        if (tensor_stream_push(u->file, (struct str){u->chunk, (size_t)n}, e) < 0)
            return -1;
    }
}

static int read_all(struct upload *u, struct err *e)
{
    const struct tensor_stream_calls calls = {
        .ctx = u, .columns = u->side->dimension, .header = on_header, .row = on_row};
    u->file = tensor_stream_new(&calls);
    if (!u->file)
        return err_set(e, ERR_NO_MEMORY, "no memory to read a file");
    if (import_stream_open(&u->in, str_is(u->q->content_encoding, "gzip"), e) < 0)
        return -1;
    u->in.read = read_body;
    u->in.arg = u->q;
    int rc = pump(u, e);
    import_stream_close(&u->in);
    return rc;
}

static int take_moments(struct upload *u, struct err *e)
{
    struct image_side *s = u->side;
    double *mean = arena_alloc(u->q->arena, s->dimension * sizeof(*mean));
    s->count = u->sum.count;
    if (!mean)
        return err_set(e, ERR_NO_MEMORY, "no memory for a mean vector");
    if (s->count < 2)
        return err_set(e, ERR_TOO_FEW_VECTORS,
                       "the file has fewer than two vectors that can be used");
    moments_finish(&u->sum, mean, &s->trace);
    s->mean = mean;
    return 0;
}

static void upload_free(struct upload **at)
{
    struct upload *u = *at;
    if (!u)
        return;
    tensor_stream_free(u->file);
    free(u->sum.sums);
    free(u->row);
    free(u);
}

int image_upload_read(struct req *q, struct work_ctx *ctx, struct image_side *s, struct err *e)
{
    _cleanup_(upload_free) struct upload *u = calloc(1, sizeof(*u));
    if (!u)
        return err_set(e, ERR_NO_MEMORY, "no memory to read a file");
    u->q = q;
    u->ctx = ctx;
    u->side = s;
    u->sum = (struct moments_sum){.n = s->dimension,
                                  .sums = calloc(moments_doubles(s->dimension), sizeof(double))};
    u->row = calloc(s->dimension, sizeof(float));
    if (!u->sum.sums || !u->row)
        return err_set(e, ERR_NO_MEMORY, "no memory to read a file");
    reservoir_init(&s->sample, IMAGE_SAMPLE_ROWS, 2 * s->dimension, SAMPLE_SEED);
    return read_all(u, e) < 0 ? -1 : take_moments(u, e);
}

void image_upload_write(const struct image_side *s, struct buf *b)
{
    if (strcmp(s->source, "moments") == 0)
        return;
    json_key(b, "refused");
    json_int(b, s->refused);
    json_key(b, "refused_rows");
    json_open(b, '[');
    for (int i = 0; i < s->n_shown; i++) {
        json_open(b, '{');
        json_key(b, "row");
        json_int(b, s->shown[i].row);
        json_key(b, "reason");
        json_z(b, s->shown[i].reason);
        json_close(b, '}');
    }
    json_close(b, ']');
}

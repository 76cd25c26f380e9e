/* A file that is pushed: the pieces that it comes in change nothing, and what it gives is what the
 * mapped file has. */
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/tensor/map.h"
#include "server/tensor/npy.h"
#include "server/tensor/stream.h"
#include "tests/fuzz/fuzz.h"

struct outcome {
    struct tensor_header header;
    int n_headers;
    int64_t rows, ids, stop_at; /* the call for row stop_at fails */
    uint64_t hash;              /* of all that was handed out */
    int result;
    struct err e;
};

static int on_header(void *ctx, const struct tensor_header *h, struct err *e)
{
    struct outcome *o = ctx;
    (void)e;
    REQUIRE(o->n_headers++ == 0 && h->columns > 0 && h->rows >= 0);
    REQUIRE(h->id_bytes <= TENSOR_STREAM_ID_MAX);
    REQUIRE(h->id_bytes % tensor_dtype_size(h->id_dtype) == 0);
    o->header = *h;
    return 0;
}

static int on_row(void *ctx, int64_t row, const float *v, bool finite, struct err *e)
{
    struct outcome *o = ctx;
    bool all = true;
    REQUIRE(row == o->rows++ && row < o->header.rows);
    REQUIRE(o->ids == (o->header.ids_first ? o->header.rows : 0) || o->header.id_bytes == 0);
    for (size_t i = 0; i < o->header.columns; i++)
        all = all && isfinite(v[i]);
    REQUIRE(all == finite);
    o->hash = o->hash * 31 + fuzz_hash(v, o->header.columns * sizeof(*v));
    return row == o->stop_at ? err_set(e, ERR_CONFLICT, "enough") : 0;
}

static int on_id(void *ctx, int64_t row, struct str id, struct err *e)
{
    struct outcome *o = ctx;
    (void)e;
    REQUIRE(row == o->ids++ && row < o->header.rows && id.n == o->header.id_bytes);
    o->hash = o->hash * 31 + fuzz_hash(id.p, id.n);
    return 0;
}

/* A piece of its own memory, so that a read past its end is seen. */
static int push_piece(struct tensor_stream *s, const uint8_t *p, size_t n, struct err *e)
{
    char *piece = malloc(n + 1);
    REQUIRE(piece);
    memcpy(piece, p, n);
    piece = realloc(piece, n);
    int result = tensor_stream_push(s, (struct str){piece, n}, e);
    free(piece);
    return result;
}

/* Pieces of up to `piece` bytes, their sizes drawn from the input's hash. */
static struct outcome run(const uint8_t *data, size_t size, size_t piece, uint64_t choices)
{
    struct outcome o = {.stop_at = choices & 0xe0 ? -2 : (int64_t)(choices >> 8 & 3)};
    const struct tensor_stream_calls calls = {
        .ctx = &o,
        .ids = choices & 1 ? "ids" : NULL,
        .ids_required = (choices & 0x1001) == 0x1001,
        .matrix = choices & 2 ? "vectors" : NULL,
        .columns = choices & 12 ? 0 : 3,
        .finite_only = choices & 16,
        .header = on_header,
        .row = on_row,
        .id = on_id,
    };
    struct tensor_stream *s = tensor_stream_new(&calls);
    REQUIRE(s);
    uint64_t draw = choices;
    for (size_t at = 0, n; at < size && o.result == 0; at += n) {
        draw = draw * 6364136223846793005U + 1442695040888963407U;
        n = 1 + (size_t)(draw >> 33) % piece;
        if (n > size - at)
            n = size - at;
        o.result = push_piece(s, data + at, n, &o.e);
    }
    if (o.result == 0)
        o.result = tensor_stream_end(s, &o.e);
    struct err again = {.code = ERR_NONE};
    REQUIRE(tensor_stream_end(s, &again) == o.result && strcmp(again.msg, o.e.msg) == 0);
    tensor_stream_free(s);
    return o;
}

static void require_same(const struct outcome *a, const struct outcome *b)
{
    REQUIRE(a->result == b->result && strcmp(a->e.msg, b->e.msg) == 0);
    REQUIRE(a->rows == b->rows && a->ids == b->ids && a->hash == b->hash);
    REQUIRE(a->n_headers == b->n_headers);
}

/* The same rows from the mapped file. */
static void compare_with_map(const uint8_t *data, size_t size, const struct outcome *o)
{
    char path[64];
    struct err e = {.code = ERR_NONE};
    int fd = memfd_create("input", 0);
    REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct tensor_map *m = tensor_map_open(path, &e);
    REQUIRE(m);
    bool found = false;
    float *row = calloc(o->header.columns, sizeof(*row));
    REQUIRE(row);
    for (size_t i = 0; i < tensor_map_count(m) && !found && o->header.id_bytes == 0; i++) {
        const struct tensor *t = tensor_map_at(m, i);
        uint64_t hash = 0;
        if (t->dtype != o->header.dtype || t->shape.rank != 2 ||
            t->shape.size[0] != o->header.rows || t->shape.size[1] != (int64_t)o->header.columns)
            continue;
        size_t stride = o->header.columns * tensor_dtype_size(t->dtype);
        for (int64_t r = 0; r < o->header.rows; r++) {
            tensor_to_float(t->dtype, t->data + (size_t)r * stride, o->header.columns, row);
            hash = hash * 31 + fuzz_hash(row, o->header.columns * sizeof(*row));
        }
        found = hash == o->hash;
    }
    REQUIRE(found || o->header.id_bytes > 0);
    free(row);
    tensor_map_free(m);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t choices = fuzz_hash(data, size);
    struct outcome whole = run(data, size, size + 1, choices);
    struct outcome pieces = run(data, size, 1 + choices % 40, choices);
    require_same(&whole, &pieces);
    if (whole.result != 0) {
        REQUIRE(whole.e.code == (whole.rows == whole.stop_at + 1 ? ERR_CONFLICT : ERR_VALIDATION));
        REQUIRE(whole.e.msg[0]);
        return 0;
    }
    REQUIRE(whole.rows == whole.header.rows);
    REQUIRE(whole.ids == (whole.header.id_bytes > 0 ? whole.header.rows : 0));
    if (!npy_is_magic((const char *)data))
        compare_with_map(data, size, &whole);
    return 0;
}

/* The CLIP text tower without the rest of the program.
 *
 *   clip_encode vectors MODEL IDS OUT            each line of IDS the token ids of a text
 *   clip_encode texts MODEL TEXTS OUT [THREADS]  each line of TEXTS a text
 *
 * Writes the vectors to OUT as float32, one after another: as the model gives them, or, of texts,
 * which go through the encoder as in the service, of unit length. Of texts prints one line of JSON
 * with what it took, and what the same threads do in matrix products alone. */
#include <cblas.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "providers/clip/model.h"
#include "providers/clip/threads.h"
#include "providers/cores.h"
#include "providers/encoder.h"
#include "server/base/clock.h"

enum { IDS_MAX = 4096, SIDE = 2048, THREADS_MAX = 256 };

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "clip_encode: %s\n", what);
    exit(1);
}

struct lines {
    struct str *items;
    size_t n;
};

static struct lines read_lines(const char *path)
{
    struct lines l = {0};
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0, room = 0;
    ssize_t n;

    while (f && (n = getline(&line, &cap, f)) >= 0) {
        if (l.n == room) {
            room = room ? room * 2 : 1024;
            l.items = realloc(l.items, room * sizeof(*l.items));
        }
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            n--;
        if (!l.items || !(l.items[l.n].p = strndup(line, (size_t)n)))
            die("out of memory");
        l.items[l.n++].n = (size_t)n;
    }
    if (!f)
        die("cannot read the input");
    (void)fclose(f);
    free(line);
    if (l.n == 0)
        die("the input is empty");
    return l;
}

static void write_vectors(const char *path, const float *vectors, size_t n)
{
    FILE *f = fopen(path, "we");

    if (!f || fwrite(vectors, sizeof(*vectors), n, f) != n || fclose(f) != 0)
        die("cannot write the vectors");
}

static size_t parse_ids(struct str line, int32_t *ids)
{
    const char *at = line.p;
    size_t n = 0;

    for (char *end; n < IDS_MAX; at = end) {
        long id = strtol(at, &end, 10);
        if (end == at)
            break;
        ids[n++] = (int32_t)id;
    }
    return n;
}

static struct clip_sequence *read_sequences(const struct clip_model *m, const struct lines *l)
{
    const struct clip_config *c = &m->config;
    struct clip_sequence *s = calloc(l->n, sizeof(*s));

    for (size_t i = 0; s && i < l->n; i++) {
        int32_t *ids = malloc(IDS_MAX * sizeof(*ids));
        size_t n = ids ? parse_ids(l->items[i], ids) : 0;
        if (n < 1 || n > c->positions)
            die("a line has no ids, or too many");
        for (size_t k = 0; k < n; k++)
            if (ids[k] < 0 || (size_t)ids[k] >= c->vocabulary)
                die("an id is not in the vocabulary");
        s[i] = (struct clip_sequence){.ids = ids, .n = clip_config_end(c, ids, n) + 1, .item = i};
    }
    return s;
}

static int run_vectors(char **argv)
{
    struct err e = {0};
    struct clip_model *m = clip_model_load(argv[2], &e);
    struct lines l = read_lines(argv[3]);
    struct clip_workspace w = {0};
    struct clip_pack pack;

    if (!m)
        die(e.msg);
    size_t dimension = clip_model_dimension(m);
    float *out = calloc(l.n, dimension * sizeof(*out));
    struct clip_sequence *s = read_sequences(m, &l);
    const struct clip_pack_limits limits = {.rows_min = 96, .rows_max = 512, .parts = 1};
    if (!out || !s || clip_pack_make(s, l.n, &limits, &pack, &e) < 0)
        die("out of memory");
    for (size_t i = 0; i < pack.n_parts; i++)
        if (clip_model_run(m, &pack.parts[i], &w, out, &e) < 0)
            die(e.msg);
    write_vectors(argv[4], out, l.n * dimension);
    clip_pack_free(&pack);
    clip_workspace_free(&w);
    clip_model_free(m);
    return 0;
}

struct run {
    struct lines texts;
    size_t next, answered, truncated, dimension, failed;
    int64_t tokens;
    float *out;
};

static void on_reply(void *arg, const struct encoder_reply *r)
{
    struct run *run = arg;
    size_t first = (size_t)(uintptr_t)r->ctx;

    for (size_t i = 0; i < r->n; i++) {
        run->failed += r->outcome[i] != ENCODER_OK;
        run->truncated += r->truncated && r->truncated[i];
    }
    if (r->vectors)
        memcpy(run->out + first * run->dimension, r->vectors,
               r->n * run->dimension * sizeof(float));
    run->tokens += r->tokens_in;
    run->answered += r->n;
}

static void encode_all(struct engine *g, struct encoder *c, struct run *run)
{
    struct err e = {0};

    while (run->answered < run->texts.n) {
        while (run->next < run->texts.n && encoder_room(g, c) > 0) {
            size_t left = run->texts.n - run->next;
            size_t n = left < ENCODER_BATCH_MAX ? left : ENCODER_BATCH_MAX;
            if (encoder_submit(g, c, run->texts.items + run->next, n, (void *)run->next, on_reply,
                               run, &e) < 0)
                die(e.msg);
            run->next += n;
        }
        (void)engine_poll(g, 100);
    }
}

static double used_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Operations a second of square products, the best of a few. */
static void *square(void *arg)
{
    size_t n = (size_t)SIDE * SIDE;
    float *a = calloc(n, sizeof(*a)), *b = calloc(n, sizeof(*b)), *c = calloc(n, sizeof(*c));
    double *best = arg;

    if (!a || !b || !c)
        die("out of memory");
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] = (float)(i % 97) / 97;
    for (int round = 0; round < 8; round++) {
        double start_s = used_s();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE,
                    0, c, SIDE);
        double rate = 2.0 * SIDE * SIDE * SIDE / (used_s() - start_s);
        *best = rate > *best ? rate : *best;
    }
    free(a);
    free(b);
    free(c);
    return NULL;
}

static double sgemm_rate(size_t threads)
{
    pthread_t t[THREADS_MAX];
    double best[THREADS_MAX] = {0}, sum = 0;

    for (size_t i = 0; i < threads; i++)
        if (pthread_create(&t[i], NULL, square, &best[i]) != 0)
            die("cannot start a thread");
    for (size_t i = 0; i < threads; i++)
        pthread_join(t[i], NULL);
    for (size_t i = 0; i < threads; i++)
        sum += best[i];
    return sum;
}

static double process_s(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void report(const struct run *run, double seconds, double cpu_s, double load_s,
                   size_t threads)
{
    double flop, products_s;

    clip_threads_products(&flop, &products_s);
    printf("{\"texts\": %zu, \"seconds\": %.4f, \"cpu_seconds\": %.4f, \"load_seconds\": %.3f, "
           "\"tokens\": %lld, "
           "\"truncated\": %zu, \"failed\": %zu, \"dimension\": %zu, \"threads\": %zu, "
           "\"products_gflop\": %.3f, \"products_thread_seconds\": %.4f, "
           "\"sgemm_gflops\": %.1f, \"kernels\": \"%s\", \"blas\": \"%s\"}\n",
           run->texts.n, seconds, cpu_s, load_s, (long long)run->tokens, run->truncated,
           run->failed, run->dimension, threads, flop * 1e-9, products_s,
           sgemm_rate(threads) * 1e-9, kernels_best()->name, openblas_get_corename());
}

static int run_texts(int argc, char **argv)
{
    struct encoder_settings s = {.name = "clip",
                                 .kind = "clip",
                                 .path = argv[2],
                                 .batch = 1,
                                 .max_in_flight = 16,
                                 .timeout_s = 1,
                                 .connect_timeout_s = 1,
                                 .attempts = 1,
                                 .stop_after = 1};
    struct err e = {0};
    struct run run = {.texts = read_lines(argv[3])};
    int64_t start_us = clock_us();

    cores_set(argc > 5 ? (int)strtol(argv[5], NULL, 10) : 0);
    struct engine *g = engine_new(&e);
    struct encoder *c = g ? encoder_new(&s, &e) : NULL;
    if (!c)
        die(e.msg);
    double load_s = (double)(clock_us() - start_us) * 1e-6;
    run.dimension = (size_t)encoder_dimension(c);
    run.out = calloc(run.texts.n, run.dimension * sizeof(float));
    if (!run.out)
        die("out of memory");
    double cpu_s = process_s();
    start_us = clock_us();
    encode_all(g, c, &run);
    double seconds = (double)(clock_us() - start_us) * 1e-6;
    report(&run, seconds, process_s() - cpu_s, load_s, clip_threads_count());
    write_vectors(argv[4], run.out, run.texts.n * run.dimension);
    engine_free(g);
    encoder_free(c);
    return run.failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "vectors") == 0)
        return run_vectors(argv);
    if (argc >= 5 && strcmp(argv[1], "texts") == 0)
        return run_texts(argc, argv);
    die("usage: clip_encode vectors MODEL IDS OUT | texts MODEL TEXTS OUT [THREADS]");
}

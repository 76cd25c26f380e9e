/* Moments and transfers over a file of rows, without the rest of the program: what
 * bench/transfers.py times and tests/bench/test_transfers.py compares with numpy.
 *
 * Usage: transfers PASS TYPE DIMENSION SHARDS THREADS IN OUT [CONSTANTS [SIGMA SEED]]
 *   PASS       read and copy (bytes alone), moments, center, none, mean_shift, raw, to_image,
 * realign, capdec, c3 TYPE       f16 or f32, of the rows of IN and OUT SHARDS     the rows are cut
 * into so many ranges, which the threads take in turn OUT        of moments and center: float64,
 * the count, the trace, the mean CONSTANTS  float64: scale, the text mean, the image mean, the
 * center The key of a row is 16 zero bytes and its number, big-endian. Prints seconds, seconds of
 * CPU, KiB at the peak, rows that had no result. */
#include <endian.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/domain/moments.h"
#include "server/domain/transfer.h"
#include "server/domain/vector.h"

enum { BATCH = 128, THREADS_MAX = 64 };

enum pass { READ, COPY, MOMENTS, CENTER, NONE, MEAN_SHIFT, RAW, TO_IMAGE, REALIGN, CAPDEC, C3 };
static const char *const passes[] = {"read", "copy",     "moments", "center", "none", "mean_shift",
                                     "raw",  "to_image", "realign", "capdec", "c3",   NULL};

struct job {
    enum pass pass;
    size_t n, in_bytes, out_bytes, rows, shards; /* bytes of a row */
    int in, out;
    struct transfer t;
    double *constants;        /* what it points to */
    struct moments_sum *sums; /* one for each shard */
    atomic_size_t next, bad;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void *get(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        die("calloc");
    return p;
}

static size_t number(const char *text)
{
    return (size_t)strtoull(text, NULL, 10);
}

static void whole_read(int fd, void *to, size_t bytes, size_t at)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = pread(fd, (char *)to + done, bytes - done, (off_t)(at + done));
        if (got <= 0)
            die("pread");
        done += (size_t)got;
    }
}

static void whole_write(int fd, const void *from, size_t bytes, size_t at)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t put = pwrite(fd, (const char *)from + done, bytes - done, (off_t)(at + done));
        if (put <= 0)
            die("pwrite");
        done += (size_t)put;
    }
}

struct buffers {
    uint8_t *in, *out; /* BATCH rows */
    float *vector;
    double *wide;
};

static bool sum_row(struct job *j, size_t shard, struct buffers *b)
{
    struct moments_sum *m = &j->sums[shard];
    if (j->pass == MOMENTS)
        return moments_add(m, b->vector);
    return transfer_realign_half(&j->t, b->vector, b->wide) && moments_add_doubles(m, b->wide);
}

static bool apply_row(struct job *j, size_t row, struct buffers *b, uint8_t *bytes)
{
    uint8_t key[TRANSFER_KEY_BYTES] = {0};
    uint64_t big = htobe64(row);
    memcpy(key + 16, &big, sizeof(big));
    if (!transfer_apply(&j->t, key, b->vector, b->vector))
        return false;
    if (j->out_bytes == 2 * j->n)
        vector_to_f16(b->vector, j->n, bytes);
    else
        memcpy(bytes, b->vector, j->out_bytes);
    return true;
}

static void take_row(struct job *j, size_t shard, size_t row, struct buffers *b, size_t at)
{
    bool good = vector_decode_unit(b->in + at * j->in_bytes, j->in_bytes, b->vector, j->n);
    if (j->pass == MOMENTS || j->pass == CENTER)
        good = good && sum_row(j, shard, b);
    else
        good = good && apply_row(j, row, b, b->out + at * j->out_bytes);
    if (!good) {
        memset(b->out + at * j->out_bytes, 0xff, j->out_bytes); /* NaN */
        atomic_fetch_add(&j->bad, 1);
    }
}

static void take_rows(struct job *j, size_t shard, size_t first, size_t rows, struct buffers *b)
{
    whole_read(j->in, b->in, rows * j->in_bytes, first * j->in_bytes);
    for (size_t i = 0; j->pass > COPY && i < rows; i++)
        take_row(j, shard, first + i, b, i);
    if (j->pass == COPY)
        whole_write(j->out, b->in, rows * j->in_bytes, first * j->in_bytes);
    else if (j->pass >= NONE)
        whole_write(j->out, b->out, rows * j->out_bytes, first * j->out_bytes);
}

static void *work(void *payload)
{
    struct job *j = payload;
    struct buffers b = {get(BATCH, j->in_bytes), get(BATCH, j->out_bytes), get(j->n, sizeof(float)),
                        get(j->n, sizeof(double))};
    for (size_t s; (s = atomic_fetch_add(&j->next, 1)) < j->shards;) {
        size_t end = j->rows * (s + 1) / j->shards;
        for (size_t first = j->rows * s / j->shards; first < end; first += BATCH)
            take_rows(j, s, first, end - first < BATCH ? end - first : BATCH, &b);
    }
    free(b.in);
    free(b.out);
    free(b.vector);
    free(b.wide);
    return NULL;
}

static void run(struct job *j, size_t threads)
{
    pthread_t id[THREADS_MAX];
    threads = threads < THREADS_MAX ? threads : THREADS_MAX;
    for (size_t i = 0; i < threads; i++)
        if (pthread_create(&id[i], NULL, work, j) != 0)
            die("pthread_create");
    for (size_t i = 0; i < threads; i++)
        pthread_join(id[i], NULL);
}

static void sums_init(struct job *j)
{
    j->sums = get(j->shards, sizeof(*j->sums));
    for (size_t s = 0; s < j->shards; s++)
        j->sums[s] =
            (struct moments_sum){.n = j->n, .sums = get(moments_doubles(j->n), sizeof(double))};
}

static void sums_write(struct job *j)
{
    double *out = get(j->n + 2, sizeof(double));
    for (size_t s = 1; s < j->shards; s++)
        moments_merge(&j->sums[0], &j->sums[s]);
    out[0] = (double)j->sums[0].count;
    if (j->sums[0].count > 0)
        moments_finish(&j->sums[0], out + 2, out + 1);
    whole_write(j->out, out, (j->n + 2) * sizeof(double), 0);
    free(out);
}

static void constants(struct job *j, const char *path)
{
    double *c = get(1 + 3 * j->n, sizeof(double));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(path);
    whole_read(fd, c, (1 + 3 * j->n) * sizeof(double), 0);
    close(fd);
    j->constants = c;
    j->t.scale = c[0];
    j->t.mean = c + 1;
    j->t.image_mean = j->pass == MEAN_SHIFT || j->pass == RAW ? NULL : c + 1 + j->n;
    j->t.center = c + 1 + 2 * j->n;
}

static void job_free(struct job *j)
{
    for (size_t s = 0; s < j->shards; s++)
        free(j->sums[s].sums);
    free(j->sums);
    free(j->constants);
    close(j->in);
    close(j->out);
}

static enum transfer_method method_of(enum pass pass)
{
    if (pass <= NONE)
        return pass == CENTER ? TRANSFER_REALIGN : TRANSFER_NONE;
    if (pass <= TO_IMAGE)
        return TRANSFER_MEAN_SHIFT;
    return pass == REALIGN ? TRANSFER_REALIGN : TRANSFER_NOISE;
}

static void arguments(struct job *j, int argc, char **argv)
{
    struct stat s;
    while (passes[j->pass] && strcmp(passes[j->pass], argv[1]) != 0)
        j->pass++;
    j->n = number(argv[3]);
    j->in_bytes = j->n * (strcmp(argv[2], "f32") == 0 ? 4 : 2);
    j->out_bytes = j->n * (strcmp(argv[2], "f16") == 0 ? 2 : 4);
    j->shards = number(argv[4]);
    j->in = open(argv[6], O_RDONLY | O_CLOEXEC);
    j->out = open(argv[7], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (!passes[j->pass] || j->n == 0 || j->shards == 0 || j->in < 0 || j->out < 0 ||
        fstat(j->in, &s) < 0)
        die("arguments");
    j->rows = (size_t)s.st_size / j->in_bytes;
    j->t.method = method_of(j->pass);
    j->t.n = j->n;
    j->t.raw = j->pass == RAW;
    j->t.centred = j->pass == C3;
    if (argc > 8)
        constants(j, argv[8]);
    if (argc > 10) {
        j->t.sigma = strtod(argv[9], NULL);
        j->t.seed = strtoull(argv[10], NULL, 10);
    }
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of this program: what getrusage says includes the one that started it. */
static size_t peak_kib(void)
{
    char line[256];
    size_t kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = number(line + 6);
    if (status)
        fclose(status);
    return kib;
}

int main(int argc, char **argv)
{
    struct job j = {0};
    if (argc < 8) {
        fprintf(stderr, "see the head of bench/transfers.c\n");
        return 2;
    }
    arguments(&j, argc, argv);
    sums_init(&j);
    double start = seconds(CLOCK_MONOTONIC);
    run(&j, number(argv[5]));
    if (j.pass == MOMENTS || j.pass == CENTER)
        sums_write(&j);
    double took = seconds(CLOCK_MONOTONIC) - start;
    printf("%.6f %.6f %zu %zu\n", took, seconds(CLOCK_PROCESS_CPUTIME_ID), peak_kib(),
           atomic_load(&j.bad));
    job_free(&j);
    return 0;
}

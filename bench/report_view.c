/* The report of a frozen view, without the rest of the program: what
 * tests/bench/test_report_view.py holds against the rows.
 *
 * Usage: report_view DATABASE_URL DATASET NUMBER SHARDS RECIPES DIALOGUE_RECIPES [ENOUGH]
 *   RECIPES, DIALOGUE_RECIPES  as {id,id}, in order
 *   ENOUGH  captions after which no further shard is measured; all are without it
 * Prints the report, and to stderr seconds, seconds of CPU, KiB at the peak. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "handlers/report_view.h"
#include "server/base/clock.h"

enum { REPORT_BYTES = 1 << 24 };

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void print_cost(double seconds)
{
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    (void)fprintf(stderr, "%.3f %.3f %ld\n", seconds, cpu, use.ru_maxrss);
}

int main(int argc, char **argv)
{
    struct err e = {0};
    struct buf json;
    if (argc != 7 && argc != 8) {
        (void)fprintf(stderr,
                      "usage: report_view URL DATASET NUMBER SHARDS RECIPES DIALOGUE_RECIPES "
                      "[ENOUGH]\n");
        return 2;
    }
    const struct report_view v = {argv[2],
                                  strtoll(argv[3], NULL, 10),
                                  strtoll(argv[4], NULL, 10),
                                  argv[5],
                                  argv[6],
                                  argc == 8 ? strtoll(argv[7], NULL, 10) : INT64_MAX};
    int64_t started = clock_us();
    struct db *db = db_new(argv[1], "report", &e);
    buf_init(&json, REPORT_BYTES);
    if (db)
        db_prefer_indexes(db);
    bool ok = db && report_of_view(db, &v, never, NULL, &json, &e) == 0;
    if (ok) {
        (void)printf("%.*s\n", (int)json.n, json.p);
        print_cost((double)(clock_us() - started) / 1e6);
    } else {
        (void)fprintf(stderr, "%s\n", e.msg);
    }
    buf_free(&json);
    db_free(db);
    return ok ? 0 : 1;
}

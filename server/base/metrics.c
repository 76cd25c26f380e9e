#include "server/base/metrics.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/base/cleanup.h"

enum metric_type { COUNTER, GAUGE, HISTOGRAM };

static const struct {
    const char *name;
    enum metric_type type;
    bool labelled;
    const char *help;
} metrics[METRIC_COUNT] = {
    [METRIC_HTTP_REQUESTS] = {"monoceros_http_requests_total", COUNTER, true,
                              "Requests answered, by operation and status class."},
    [METRIC_HTTP_DURATION] = {"monoceros_http_request_duration_seconds", HISTOGRAM, true,
                              "Time from a request's headers to its last byte sent."},
    [METRIC_HTTP_CONNECTIONS] = {"monoceros_http_connections", GAUGE, false, "Open connections."},
    [METRIC_ITEMS] = {"monoceros_items_total", COUNTER, true,
                      "Items that ended, by stage and outcome."},
    [METRIC_FLUSHES] = {"monoceros_flushes_total", COUNTER, true, "Writes of results, by outcome."},
    [METRIC_TASKS_CLAIMED] = {"monoceros_tasks_claimed_total", COUNTER, true,
                              "Tasks claimed by this process, by stage."},
    [METRIC_LEASES] = {"monoceros_leases", GAUGE, false, "Leases held by this process."},
    [METRIC_PROVIDER_CALLS] = {"monoceros_provider_calls_total", COUNTER, true,
                               "Calls to model servers, by outcome."},
    [METRIC_PROVIDER_TOKENS] = {"monoceros_provider_tokens_total", COUNTER, true,
                                "Tokens as reported by model servers, by direction."},
    [METRIC_PROVIDER_IN_FLIGHT] = {"monoceros_provider_calls_in_flight", GAUGE, false,
                                   "Calls to model servers under way."},
    [METRIC_DATABASE_ERRORS] = {"monoceros_database_errors_total", COUNTER, false,
                                "Statements that the database failed."},
    [METRIC_SEEDS_IMPORTED] = {"monoceros_seeds_imported_total", COUNTER, true,
                               "Seeds received, by outcome."},
    [METRIC_AUDIT_ROWS] = {"monoceros_audit_rows_total", COUNTER, true,
                           "Rows of the audit log, by whether they were written or lost."},
};

enum { LABELS_MAX = 256, OTHER = LABELS_MAX, BUCKETS = 16 };

static const char other_label[] = "other=\"true\"";

/* Upper bounds in nanoseconds and as they are written; the last is infinite. */
static const struct {
    int64_t bound;
    const char *text;
} buckets[BUCKETS] = {
    {500000, "0.0005"},  {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},
    {10000000, "0.01"},  {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},
    {250000000, "0.25"}, {500000000, "0.5"},  {1000000000, "1"},   {2500000000, "2.5"},
    {5000000000, "5"},   {10000000000, "10"}, {30000000000, "30"}, {INT64_MAX, "+Inf"},
};

/* A label set is taken once, by whoever puts its text here first, and kept for good. */
static _Atomic(const char *) labels[METRIC_COUNT][LABELS_MAX];
static atomic_llong values[METRIC_COUNT][LABELS_MAX + 1]; /* of histograms: the sum in ns */
static atomic_llong observed[LABELS_MAX + 1][BUCKETS];    /* of the one histogram */

static int find_label(enum metric m, const char *label)
{
    for (int i = 0; i < LABELS_MAX; i++) {
        const char *taken = atomic_load_explicit(&labels[m][i], memory_order_acquire);
        if (taken == label)
            return i;
        if (!taken)
            break;
    }
    for (int i = 0; i < LABELS_MAX; i++) {
        const char *taken = NULL;
        if (atomic_compare_exchange_strong(&labels[m][i], &taken, label) ||
            strcmp(taken, label) == 0)
            return i;
    }
    return OTHER;
}

static int slot_of(enum metric m, const char *label)
{
    return find_label(m, label ? label : "");
}

void metric_add(enum metric m, const char *label, int64_t n)
{
    atomic_fetch_add_explicit(&values[m][slot_of(m, label)], n, memory_order_relaxed);
}

void metric_set(enum metric m, const char *label, int64_t value)
{
    atomic_store_explicit(&values[m][slot_of(m, label)], value, memory_order_relaxed);
}

void metric_observe(enum metric m, const char *label, double value)
{
    const double most = 1e9; /* seconds; keeps the sum of many within 64 bits */
    int64_t ns = value > 0 ? (int64_t)((value < most ? value : most) * 1e9) : 0;
    int slot = slot_of(m, label), bucket = 0;
    while (ns > buckets[bucket].bound)
        bucket++;
    atomic_fetch_add_explicit(&values[m][slot], ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&observed[slot][bucket], 1, memory_order_relaxed);
}

static void put_name(struct buf *out, const char *name, const char *suffix, const char *label)
{
    buf_addz(out, name);
    buf_addz(out, suffix);
    if (*label)
        buf_addf(out, "{%s}", label);
    buf_addc(out, ' ');
}

static void put_int(struct buf *out, int64_t v)
{
    buf_addi(out, v);
    buf_addc(out, '\n');
}

static void put_ns_as_seconds(struct buf *out, int64_t ns)
{
    buf_addf(out, "%lld.%09lld\n", (long long)(ns / 1000000000), (long long)(ns % 1000000000));
}

static void put_histogram(struct buf *out, enum metric m, int slot, const char *label)
{
    int64_t count = 0;
    for (int i = 0; i < BUCKETS; i++) {
        count += atomic_load_explicit(&observed[slot][i], memory_order_relaxed);
        buf_addf(out, "%s_bucket{%s%sle=\"%s\"} ", metrics[m].name, label, *label ? "," : "",
                 buckets[i].text);
        put_int(out, count);
    }
    put_name(out, metrics[m].name, "_sum", label);
    put_ns_as_seconds(out, atomic_load_explicit(&values[m][slot], memory_order_relaxed));
    put_name(out, metrics[m].name, "_count", label);
    put_int(out, count);
}

static void put_slot(struct buf *out, enum metric m, int slot, const char *label)
{
    if (metrics[m].type == HISTOGRAM) {
        put_histogram(out, m, slot, label);
        return;
    }
    put_name(out, metrics[m].name, "", label);
    put_int(out, atomic_load_explicit(&values[m][slot], memory_order_relaxed));
}

static bool overflowed(enum metric m)
{
    int64_t n = atomic_load_explicit(&values[m][OTHER], memory_order_relaxed);
    for (int i = 0; metrics[m].type == HISTOGRAM && i < BUCKETS; i++)
        n |= atomic_load_explicit(&observed[OTHER][i], memory_order_relaxed);
    return n != 0;
}

static void put_header(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_metric(struct buf *out, enum metric m)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    put_header(out, metrics[m].name, types[metrics[m].type], metrics[m].help);
    int slot = 0;
    for (; slot < LABELS_MAX; slot++) {
        const char *label = atomic_load_explicit(&labels[m][slot], memory_order_acquire);
        if (!label)
            break;
        put_slot(out, m, slot, label);
    }
    if (slot == 0 && !metrics[m].labelled)
        put_slot(out, m, 0, "");
    if (overflowed(m))
        put_slot(out, m, OTHER, other_label);
}

static void filep(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

static void dirp(DIR **d)
{
    if (*d)
        (void)closedir(*d);
}

/* The second number of the line counts resident pages. */
static int64_t resident_bytes(void)
{
    char line[128];
    _cleanup_(filep) FILE *f = fopen("/proc/self/statm", "re");
    if (!f || !fgets(line, sizeof(line), f))
        return 0;
    const char *second = strchr(line, ' ');
    return second ? strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

static int64_t open_descriptors(void)
{
    int64_t n = 0;
    _cleanup_(dirp) DIR *d = opendir("/proc/self/fd");
    for (const struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d))
        n += entry->d_name[0] != '.';
    return n > 0 ? n - 1 : 0; /* without the one that reads the folder */
}

static void put_process(struct buf *out)
{
    struct timespec cpu = {0, 0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    put_header(out, "process_cpu_seconds_total", "counter", "CPU time of the process.");
    buf_addz(out, "process_cpu_seconds_total ");
    put_ns_as_seconds(out, (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec);
    put_header(out, "process_resident_memory_bytes", "gauge", "Resident memory of the process.");
    buf_addz(out, "process_resident_memory_bytes ");
    put_int(out, resident_bytes());
    put_header(out, "process_open_fds", "gauge", "Open file descriptors of the process.");
    buf_addz(out, "process_open_fds ");
    put_int(out, open_descriptors());
}

void metrics_render(struct buf *out, const char *version)
{
    put_header(out, "monoceros_build_info", "gauge", "The version that is running.");
    buf_addf(out, "monoceros_build_info{version=\"%s\"} 1\n", version);
    for (int m = 0; m < METRIC_COUNT; m++)
        put_metric(out, (enum metric)m);
    put_process(out);
}

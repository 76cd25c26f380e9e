/* A run's budget, in slices: the runs row is written once a slice, so that the budget holds over
 * all processes without a write a call. A call starts only when its worst case fits. */
#include "server/base/clock.h"
#include "server/work/internal.h"

/* Slices shrink with what is left, so that the end is not reached with much of it in other hands.
 */
enum { SLICES = 64 };

bool budget_is_limited(const struct budget *b)
{
    return b->cost_limited || b->tokens_limited;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* 1 when the slice was granted. */
static int take(struct worker *k, struct run_info *r, int64_t cost, int64_t tokens)
{
    struct rows *rows __attribute__((cleanup(rows_freep))) = NULL;
    struct db_call c;
    struct err e = {0};
    struct budget *b = &r->budget;
    call_init(&c, STMT_BUDGET_TAKE);
    call_bytes(&c, r->id, UUID_BYTES);
    call_i64(&c, cost);
    call_i64(&c, tokens);
    if (db_run(k->db, &c, &rows, &e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return 0;
    b->cost += cost;
    b->tokens += tokens;
    b->cost_rest = rows_i64(rows, 0, 0);
    b->tokens_rest = rows_i64(rows, 0, 1);
    return 1;
}

/* A slice of what is left, or just what the call needs when there is no more. */
static int take_slice(struct worker *k, struct run_info *r, int64_t cost, int64_t tokens)
{
    const struct budget *b = &r->budget;
    int64_t need_cost = larger(cost - b->cost, 0), need_tokens = larger(tokens - b->tokens, 0);
    int64_t more_cost = larger(need_cost, b->cost_rest / SLICES);
    int64_t more_tokens = larger(need_tokens, b->tokens_rest / SLICES);
    int granted = take(k, r, b->cost_limited ? more_cost : 0, b->tokens_limited ? more_tokens : 0);
    if (granted == 0 && (more_cost > need_cost || more_tokens > need_tokens))
        granted = take(k, r, b->cost_limited ? need_cost : 0, b->tokens_limited ? need_tokens : 0);
    return granted;
}

static bool fits(const struct budget *b, int64_t cost, int64_t tokens)
{
    return (!b->cost_limited || b->cost >= cost) && (!b->tokens_limited || b->tokens >= tokens);
}

enum budget_answer budget_reserve(struct worker *k, struct run_info *r, int64_t cost,
                                  int64_t tokens)
{
    struct budget *b = &r->budget;
    enum budget_answer answer = BUDGET_OK;
    (void)pthread_mutex_lock(&r->mutex);
    int granted = fits(b, cost, tokens) ? 1 : take_slice(k, r, cost, tokens);
    if (granted == 1 && fits(b, cost, tokens)) {
        b->cost -= cost;
        b->tokens -= tokens;
        b->reserved++;
    } else {
        answer = granted < 0 || b->reserved > 0 ? BUDGET_WAIT : BUDGET_SPENT;
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return answer;
}

void budget_settle(struct run_info *r, int64_t reserved_cost, int64_t reserved_tokens, int64_t cost,
                   const struct llm_usage *u, int64_t unknown_tokens)
{
    struct budget *b = &r->budget;
    (void)pthread_mutex_lock(&r->mutex);
    b->cost += reserved_cost - cost;
    b->tokens += reserved_tokens - u->tokens_in - u->tokens_out - unknown_tokens;
    b->reserved--;
    (void)pthread_mutex_unlock(&r->mutex);
}

bool budget_is_late(struct run_info *r)
{
    if (r->budget.deadline_us == 0)
        return false;
    (void)pthread_mutex_lock(&r->mutex);
    bool late = clock_us() + r->budget.latency_us >= r->budget.deadline_us;
    (void)pthread_mutex_unlock(&r->mutex);
    return late;
}

#include "providers/clip/threads.h"

#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>

#include "providers/cores.h"

struct queue {
    struct clip_job *head, **tail;
};

struct set {
    pthread_mutex_t mutex;
    pthread_cond_t more;
    struct queue brief, other;
    bool ending;
    double products_flop, products_s;
    int n;
    pthread_t threads[];
};

static pthread_mutex_t set_mutex = PTHREAD_MUTEX_INITIALIZER; /* of both */
static struct set *set;
static int references;

/* NULL: the end. */
static struct clip_job *next_job(struct set *s)
{
    struct clip_job *j = NULL;

    pthread_mutex_lock(&s->mutex);
    while (!s->brief.head && !s->other.head && !s->ending)
        pthread_cond_wait(&s->more, &s->mutex);
    struct queue *q = s->brief.head ? &s->brief : &s->other;
    j = q->head;
    if (j) {
        q->head = j->next;
        if (!q->head)
            q->tail = &q->head;
    }
    pthread_mutex_unlock(&s->mutex);
    return j;
}

static void note_products(struct set *s, struct clip_workspace *w)
{
    pthread_mutex_lock(&s->mutex);
    s->products_flop += w->products_flop;
    s->products_s += w->products_s;
    pthread_mutex_unlock(&s->mutex);
    w->products_flop = w->products_s = 0;
}

static void *work(void *arg)
{
    struct set *s = arg;
    struct clip_workspace w = {.holds_core = true};
    struct clip_job *j;

    while ((j = next_job(s))) {
        cores_take();
        j->run(j, &w);
        cores_give();
        note_products(s, &w);
    }
    clip_workspace_free(&w);
    return NULL;
}

static void end(struct set *s)
{
    pthread_mutex_lock(&s->mutex);
    s->ending = true;
    pthread_cond_broadcast(&s->more);
    pthread_mutex_unlock(&s->mutex);
    for (int i = 0; i < s->n; i++)
        pthread_join(s->threads[i], NULL);
    pthread_cond_destroy(&s->more);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

/* The sequential build of OpenBLAS has no lock around its buffers: two threads at once get wrong
 * products, and no error. Which build is loaded is the machine's choice, not ours. */
static int check_products(int n, struct err *e)
{
    if (n == 1 || openblas_get_parallel() == OPENBLAS_THREAD)
        return 0;
    return err_set(e, ERR_VALIDATION,
                   "this OpenBLAS (libopenblas.so.0) is not made for several threads: install "
                   "libopenblas0-pthread, or set compute_threads to 1");
}

static struct set *start(struct err *e)
{
    int n = cores_share();
    if (check_products(n, e) < 0) {
        cores_share_no_more();
        return NULL;
    }
    struct set *s = calloc(1, sizeof(*s) + (size_t)n * sizeof(pthread_t));

    if (!s) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->more, NULL);
    s->brief.tail = &s->brief.head;
    s->other.tail = &s->other.head;
    /* Each product is one thread's: parts of a batch go to threads, which never wait for another.
     */
    openblas_set_num_threads(1);
    for (; s->n < n; s->n++)
        if (pthread_create(&s->threads[s->n], NULL, work, s) != 0)
            break;
    if (s->n == n)
        return s;
    err_set(e, ERR_INTERNAL, "cannot start the threads that compute vectors");
    end(s);
    return NULL;
}

int clip_threads_hold(struct err *e)
{
    pthread_mutex_lock(&set_mutex);
    if (!set)
        set = start(e);
    references += set != NULL;
    int rc = set ? 0 : -1;
    pthread_mutex_unlock(&set_mutex);
    return rc;
}

void clip_threads_release(void)
{
    pthread_mutex_lock(&set_mutex);
    if (--references == 0) {
        end(set);
        set = NULL;
        cores_share_no_more();
    }
    pthread_mutex_unlock(&set_mutex);
}

size_t clip_threads_count(void)
{
    return (size_t)set->n;
}

void clip_threads_submit(struct clip_job *j)
{
    struct queue *q = j->brief ? &set->brief : &set->other;

    j->next = NULL;
    pthread_mutex_lock(&set->mutex);
    *q->tail = j;
    q->tail = &j->next;
    pthread_cond_signal(&set->more);
    pthread_mutex_unlock(&set->mutex);
}

void clip_threads_products(double *flop, double *s)
{
    pthread_mutex_lock(&set->mutex);
    *flop = set->products_flop;
    *s = set->products_s;
    pthread_mutex_unlock(&set->mutex);
}

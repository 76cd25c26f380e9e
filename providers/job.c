#include "providers/job.h"

void job_push(struct job_queue *q, struct job *j)
{
    j->in = q;
    j->next = NULL;
    j->prev = q->tail;
    if (q->tail)
        q->tail->next = j;
    else
        q->head = j;
    q->tail = j;
}

void job_push_front(struct job_queue *q, struct job *j)
{
    j->in = q;
    j->prev = NULL;
    j->next = q->head;
    if (q->head)
        q->head->prev = j;
    else
        q->tail = j;
    q->head = j;
}

void job_unlink(struct job *j)
{
    if (j->prev)
        j->prev->next = j->next;
    else
        j->in->head = j->next;
    if (j->next)
        j->next->prev = j->prev;
    else
        j->in->tail = j->prev;
    j->in = NULL;
    j->prev = j->next = NULL;
}

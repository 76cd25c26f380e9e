/* A chat-completions server for load: one thread, epoll, thousands of connections. It answers well
 * or says no by a policy: how long an answer takes, how many it works on at a time, how many may
 * wait and what becomes of the rest. Everything it says is a pure function of the request. */
#ifndef MONOCEROS_BENCH_LLM_SERVER_H
#define MONOCEROS_BENCH_LLM_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

/* What becomes of a call that finds the slots taken and the queue full. */
enum overflow { OVERFLOW_REFUSE, OVERFLOW_HANG };

struct policy {
    double scale;             /* real seconds for each second named below */
    double least_ms, most_ms; /* of service; which between them, the prompt's hash says */
    int slots;                /* calls served at a time; 0: any number */
    int queue;                /* calls that may wait for a slot; -1: any number */
    enum overflow overflow;
    int refuse_status;
    char retry_after[32]; /* header of a refusal; empty: none */
    double slow_every_s;  /* after each such time service takes slow_by times as long; 0: never */
    double slow_by, slow_most;
};

/* A request's parts, as views into its body. Strings are as they stood in the JSON, escaped. */
struct request {
    struct str model, user, schema_name, schema, seed;
    bool stream;
    uint64_t prompt; /* hash of `user` */
    uint64_t draw;   /* hash of `user` and `seed`: decides the answer */
};

enum call_state {
    CALL_NONE,
    CALL_QUEUED,
    CALL_SERVED, /* in a slot, in the heap of what falls due */
    CALL_HUNG,
};

struct conn {
    int fd; /* -1: closed, to be freed at the end of the loop's turn */
    size_t heap_at;
    struct conn *next, *prev; /* in the queue, or among the closed */
    struct buf in, out;
    size_t out_sent, request_n; /* request_n: bytes of `in` that are the request at hand */
    enum call_state state;
    bool begun;       /* the first part of a stream has been sent */
    bool close_after; /* the client wants no other answer on this connection */
    int64_t arrived_us, due_us, end_us;
    int64_t service_us; /* as if scale were 1 and nothing were slow */
    struct request request;
};

struct counters {
    int64_t requests, answered, refused, hung, aborted, malformed;
};

/* What went on between two moments. Integrals are of microseconds times number. */
struct window {
    int64_t start_us;
    struct counters seen;
    double serving, queued, in_flight;
    int queued_most;
};

struct prompts {
    uint64_t *keys;
    uint32_t *calls;
    size_t size, n;
    uint32_t most_calls;
};

struct stats {
    struct counters all;
    int64_t since_us, moved_us; /* moved_us: up to when the integrals go */
    int64_t connections;
    int open, open_most;
    int serving, queued, hung;
    int serving_most, queued_most, in_flight_most;
    double wait_us; /* in the queue, of all that were served */
    int64_t window_us;
    struct window *windows;
    size_t n_windows, windows_cap;
    struct prompts prompts;
};

struct server {
    int epoll_fd, listen_fd;
    struct policy policy;
    int64_t policy_since_us;
    struct conn **heap; /* by due_us */
    size_t heap_n, heap_cap;
    struct conn *queue_head, *queue_tail, *closed;
    struct buf sample; /* the body of the last request */
    struct stats stats;
};

/* conn.c */
void conn_accept_all(struct server *s);
void conn_event(struct server *s, struct conn *c, uint32_t events);
/* Sends what of c->out can be sent now. */
void conn_flush(struct server *s, struct conn *c);
void conn_close(struct server *s, struct conn *c);
void conn_free_closed(struct server *s);

/* request.c: false when it is no usable request. */
bool request_read(struct str body, struct request *r);

/* answer.c, dialogue.c: the text of an answer, escaped for JSON once. */
void answer_caption(struct buf *out, const struct request *r);
void answer_dialogue(struct buf *out, const struct request *r);
/* The whole HTTP reply, or the first or last part of a streamed one. */
void answer_whole(struct buf *out, const struct conn *c);
void answer_stream_begin(struct buf *out, const struct conn *c);
void answer_stream_end(struct buf *out, const struct conn *c);
void answer_json(struct buf *out, int status, const char *extra_header, struct str body);
/* The next choice of a sequence that *draw begins: splitmix64. */
uint64_t answer_draw(uint64_t *draw);
/* A text with choices in braces; answer.c says which there are. */
void answer_fill(struct buf *out, const char *form, struct str seed, uint64_t *draw);
/* The list of words that a letter in braces means. */
const char *const *answer_words(char letter, size_t *n);

/* policy.c */
bool policy_preset(struct policy *p, const char *mode);
void policy_arrive(struct server *s, struct conn *c);
/* The client has gone: gives back what its call holds. */
void policy_abort(struct server *s, struct conn *c);
/* Ends what is due; microseconds until the next is, or -1. */
int64_t policy_due(struct server *s);

/* stats.c */
void stats_move(struct server *s, int64_t now_us);
void stats_reset(struct server *s);
bool stats_note_prompt(struct server *s, uint64_t prompt);
/* The current window's counters; add to s->stats.all as well. */
struct counters *stats_window(struct server *s);
void stats_write(struct server *s, struct buf *out);
/* Applies a JSON object of changes; false with a sentence in `problem`. */
bool stats_control(struct server *s, struct str body, char problem[160]);

static inline int stats_in_flight(const struct stats *t)
{
    return t->serving + t->queued + t->hung;
}

#define STATS_COUNT(s, member)                                                                     \
    do {                                                                                           \
        (s)->stats.all.member++;                                                                   \
        stats_window(s)->member++;                                                                 \
    } while (0)

#endif

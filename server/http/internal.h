/* What the files of server/http share; nobody else includes this.
 *
 * Threads and locks. A worker is one libmicrohttpd daemon with one thread; everything about a
 * request happens on it, except http_complete(), http_after(), http_body_read() and the functions
 * of http_answer_*(), which meet the worker under the request's mutex. Order of locks: worker,
 * request, then libmicrohttpd's own. */
#ifndef MONOCEROS_HTTP_INTERNAL_H
#define MONOCEROS_HTTP_INTERNAL_H

#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/http/http.h"

enum {
    SOCKETS_PER_WORKER = 120, /* libmicrohttpd stalls at exactly 128 ready sockets */
    SEGMENTS_MAX = 16,
    SEGMENT_BYTES_MAX = 128,
    URI_BYTES_MAX = 8192,
    QUERY_PIECES_MAX = 64,
    REQUEST_HEADERS_MAX = 100,
    PIPE_BYTES = 256 * 1024,
    KEEP_BYTES = 16 * 1024, /* of a buffer, from one request to the next */
    ARENA_BYTES = 8 * 1024 * 1024,
    RESPONSE_BYTES_MAX = 64 * 1024 * 1024,
    BODIES_BYTES_MAX = 256 * 1024 * 1024, /* collected bodies and pipes, when not set */
    DISCARD_BYTES_MAX = 1024 * 1024,      /* of a body, to keep a connection alive */
    LINGER_BYTES_MAX = 64 * 1024 * 1024, /* of a body, so that the client gets to read our answer */
    LINGER_S = 5,
    SLOW_BYTES = 64 * 1024, /* of a stream or an answer, for each body_timeout_s */
    STALL_S = 1, /* for a client to send more of a stream whose operation has ended early */
    NO_DEADLINE = 0,
    INPUT_WANTED = -1, /* no deadline, but tell when the client has left */
    RETRY_AFTER_S = 2,
};

struct router;
struct http_worker;

/* One accepted connection. */
struct http_socket {
    int fd;
    bool open;        /* under the worker's mutex: the descriptor is ours */
    atomic_bool cut;  /* the sweeper has ended it */
    int64_t requests; /* so far; this and the next of the worker's thread */
    struct http_conn *conn;
    /* > 0: input is wanted until then; 0: nothing is wanted of the client; < 0: between requests,
     * and minus the number of them. */
    _Atomic int64_t deadline_us;
    int64_t mark_deadline; /* of the sweeper: the idle period that mark_bytes belongs to */
    uint64_t mark_bytes;   /* received when that period was first seen */
    int64_t behind_us;     /* of the sweeper: since when the client is behind; 0: it is not */
    uint64_t behind_bytes; /* that it had taken by then */
};

struct http_worker {
    struct http *http;
    struct MHD_Daemon *daemon;
    atomic_int n_sockets; /* raised by the acceptor, lowered when closed */
    pthread_mutex_t mutex;
    struct http_socket sockets[SOCKETS_PER_WORKER]; /* `open` under mutex */
    struct http_conn *all;                          /* under mutex */
    struct http_conn *idle;                         /* of the worker's thread */
    uint8_t random[1024];
    size_t random_left;
};

enum op_state { OP_IDLE, OP_PENDING, OP_COMPLETE, OP_ANSWERED };

enum conn_mode {
    MODE_PLAIN,   /* no body is expected */
    MODE_JSON,    /* the body is collected */
    MODE_STREAM,  /* the body goes through the pipe */
    MODE_DISCARD, /* the answer is known; the body is read so that the connection can stay */
    MODE_LINGER,  /* the answer has been sent and the connection will be closed */
};

/* PIPE_BYTES, bounded. */
struct ring {
    char *p;
    size_t start, used;
};

/* The pipe of a BODY_STREAM request. All under the request's mutex. */
struct http_body {
    struct ring ring;
    uint64_t total;
    /* Time that readers have waited, and bytes that they got, since it last was set to zero. */
    int64_t waited_us;
    size_t taken;
    bool ended;  /* the whole body is in */
    bool broken; /* the client left, was too slow or sent too much */
    bool too_large;
    pthread_cond_t readable;
};

/* The pipe of an answer that is made while it is sent. All under the request's mutex. */
struct http_answer {
    struct ring ring;
    uint64_t length, written;
    bool begun;
    bool ended;  /* nothing more will be written */
    bool broken; /* the client left, or the server ends */
    pthread_cond_t writable;
};

/* What the headers of a request said. Values are valid as long as the request is. */
struct request_head {
    int n, hosts, lengths, encodings_transfer, types, encodings_content, traces, authorizations,
        api_keys, idempotency_keys, conditions, conditions_none, ranges, if_ranges;
    bool fault;            /* a name or value that cannot be */
    bool torn;             /* the header section is not what libmicrohttpd took it for */
    const char *next_line; /* while it is read; NULL: lines are not checked */
    bool has_body, chunked, expect;
    uint64_t length;
    struct str host, content_length, transfer_encoding, content_type, content_encoding;
    struct str accept_encoding, origin, preflight;
    struct str expectation, traceparent, if_match, if_none_match;
    struct str range, if_range, if_modified_since, if_unmodified_since;
};

/* A part of a file. */
struct range {
    uint64_t first, n;
};

/* One request. Taken from the worker's list when the request line is in, given back when
 * libmicrohttpd has done with the request and the operation has completed, whichever is later. */
struct http_conn {
    struct req q;
    struct http *http;
    struct http_worker *worker;
    struct http_conn *next_idle;
    struct http_socket *sock;   /* not after `gone` */
    struct MHD_Connection *mhd; /* not after `gone` */
    enum conn_mode mode;
    bool begun;     /* the headers are complete */
    bool streaming; /* the first bytes of a stream are in */
    bool is_head;
    bool close;        /* after the answer */
    bool at_once;      /* the answer must not wait for the body */
    bool waited;       /* for ops.admit, and the deadline has stood still */
    bool admitted;     /* ops.admit has nothing against it, or has said what */
    bool answered;     /* given to libmicrohttpd or sent */
    bool coded;        /* the body is gzip */
    bool tag_coded;    /* so was the client's copy */
    const char *tag;   /* the entity's, or NULL */
    struct range part; /* of res.file: what is sent */
    const char *allow;
    const char *origin; /* that may read the answer, or NULL */
    size_t uri_bytes;   /* as received */
    struct request_head head;
    struct buf body;
    size_t charged; /* of bodies_max */
    uint64_t discarded;
    struct http_body pipe;
    struct http_answer answer;
    void (*after)(struct req *q);

    /* From here on nothing is cleared between requests. */
    struct http_conn *prev, *next; /* in worker->all, under its mutex */
    pthread_mutex_t mutex;
    enum op_state op; /* under mutex while OP_PENDING */
    bool held;        /* under mutex: what is pending is ops.admit */
    bool suspended;   /* under mutex */
    bool gone;        /* under mutex: the client's side is over, the operation's is not */
};

struct timer_entry {
    int64_t due_us;
    struct http_conn *conn;
};

struct timer {
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop; /* these under mutex */
    struct timer_entry *heap;
    size_t n, cap;
};

struct http {
    struct http_settings s;
    struct router *router;
    struct http_worker *workers;
    int n_workers;
    int per_worker; /* connections */
    int port, listen_fd, wake_fd;
    pthread_t acceptor;
    bool accepting;
    size_t arena_max;
    size_t conns_max;
    atomic_bool draining, stopping, acceptor_waits;
    atomic_int busy;
    atomic_int refs; /* the owner and each request whose operation outlives its client */
    atomic_size_t n_conns;
    atomic_size_t body_bytes;
    pthread_mutex_t mutex; /* for quiet */
    pthread_cond_t quiet;  /* busy has become 0 */
    struct timer timer;
};

/* listener.c */
void http_log(struct http *h, const char *event, const char *detail);
void http_unref(struct http *h);
void http_not_busy(struct http *h);
void acceptor_wake(struct http *h);

/* worker.c */
int worker_start(struct http_worker *w, struct http *h, struct err *e);
/* Resumes what is suspended; nothing is suspended afterwards because http->stopping is set. */
void worker_release(struct http_worker *w);
void worker_stop(struct http_worker *w);
void worker_free(struct http_worker *w);
void worker_random(struct http_worker *w, void *out, size_t n);

/* pool.c: the request records of a worker */
struct http_conn *conn_take(struct http_worker *w);
/* On the worker's thread. */
void conn_give(struct http_conn *c);
/* On any thread; for requests that outlived their connection, and at the end. */
void conn_free(struct http_conn *c);
/* Counts bytes of body buffers over all requests; false when that would be too many. */
bool conn_charge(struct http_conn *c, size_t bytes);
void conn_discharge(struct http_conn *c);

/* conn.c: the callbacks of libmicrohttpd */
void *conn_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result conn_on_access(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **con_cls);
void conn_on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode toe);
/* The connection is over. Gives back the request that libmicrohttpd did not tell the end of: it
 * does not when it runs into a second error while it answers a first. */
void conn_on_closed(struct http_socket *s);
/* Under the request's mutex. */
void conn_resume(struct http_conn *c);

/* request.c */
void request_take_uri(struct http_conn *c, const char *uri);
/* The request line as libmicrohttpd gives it. */
struct request_line {
    const char *method, *url, *version;
};
/* Reads and checks everything but the body; leaves q.err set when the request is refused. */
void request_begin(struct http_conn *c, const struct request_line *line);
/* How long a JSON body of the route may be; 0 when it takes none. */
size_t request_json_max(const struct route *r);

/* head.c */
/* Sets q.client. */
void head_client(struct http_conn *c);
void head_read(struct http_conn *c, const struct request_line *line);
/* The header faults that make the framing doubtful. */
int head_check(struct http_conn *c, const char *version);
void head_trace(struct http_conn *c);

/* uri.c */
/* Percent-decodes once. false on bad escapes, control characters and what is not UTF-8. *out is the
 * input when nothing had to be decoded. */
bool uri_decode(struct arena *a, struct str raw, bool plus_is_space, struct str *out);
/* Splits the raw path into decoded segments; the number, or -1 with ERR_MALFORMED. More than
 * SEGMENTS_MAX are counted, not stored. */
int uri_segments(struct arena *a, struct str path, struct str *segments, struct err *e);

/* query.c */
int query_read(struct req *q, struct str raw);

/* router.c */
struct router *router_new(const struct http_settings *s, struct err *e);
void router_free(struct router *t);
struct match {
    const struct route *routes[HTTP_METHOD_COUNT];
    const char *allow;
    struct str params[HTTP_PARAMS_MAX];
    int n_params;
};
bool router_match(const struct router *r, const struct str *segments, int n, struct match *m);

/* The end of the tag of a body that was coded. */
#define CODED_TAG_END "-gzip\""

/* conditional.c */
/* Gives one resource its tag, and takes the body back from a client who has it. */
void conditional_apply(struct http_conn *c);

/* range.c */
enum range_verdict {
    RANGE_NONE,    /* the whole is wanted, or what is wanted cannot be read */
    RANGE_ONE,     /* *r */
    RANGE_BEHIND,  /* nothing of the file is in it */
    RANGE_SEVERAL, /* each of them can be read */
};
enum range_verdict range_read(struct str header, uint64_t size, struct range *r);
/* Any of the three forms of a date in HTTP. */
bool date_read(struct str s, int64_t *seconds);
enum { DATE_TEXT = 30 };
void date_write(int64_t seconds, char out[DATE_TEXT]);

/* file.c */
/* Settles what of res.file is sent: status, headers, c->tag and c->part. Without res.file it has
 * made a problem of it. */
void file_apply(struct http_conn *c);
/* Hands the descriptor over. NULL without memory. */
struct MHD_Response *file_response(struct http_conn *c);
/* Closes the descriptor that has not been handed over. */
void file_close(struct res *r);
/* The answer is not a file after all. */
void file_drop(struct http_conn *c);

/* coding.c */
/* Whether another Accept-Encoding could have had another body. */
bool coding_possible(const struct res *r);
void coding_apply(struct http_conn *c);

/* response.c */
/* Fills q.res from q.err or from nothing when need be. */
void response_render(struct http_conn *c);
enum MHD_Result response_queue(struct http_conn *c);
/* Without what comes of the body. */
void response_add_headers(struct http_conn *c, struct MHD_Response *m);
/* Writes the answer to the socket past libmicrohttpd, which cannot answer while a body is being
 * read. */
void response_send(struct http_conn *c);

/* problem.c */
int problem_status(enum err_code code);

/* ring.c */
bool ring_open(struct ring *r);
void ring_close(struct ring *r);
/* As much as there is room for, or as there is. */
size_t ring_put(struct ring *r, const char *data, size_t n);
size_t ring_take(struct ring *r, char *out, size_t n);

/* answer.c */
/* Queues the answer that has begun. */
enum MHD_Result answer_queue(struct http_conn *c);
void answer_close(struct http_conn *c);
/* Nobody will take any more of it. */
void answer_break(struct http_conn *c);

/* stream.c */
bool pipe_open(struct http_conn *c);
void pipe_close(struct http_conn *c);
/* Takes what fits. */
size_t pipe_write(struct http_conn *c, const char *data, size_t n);
void pipe_end(struct http_conn *c);
/* Unless it has ended. */
void pipe_break(struct http_conn *c, bool too_large);

/* tls.c */
/* Only suites with forward secrecy and authenticated encryption are left by these. */
#define TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
/* gnutls_certificate_retrieve_function3. */
int tls_choose(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
               gnutls_pcert_st **certs, unsigned *n, gnutls_ocsp_data_st **ocsp, unsigned *n_ocsp,
               gnutls_privkey_t *key, unsigned *flags);
/* Before its handshake. */
void tls_prepare(struct http *h, struct MHD_Connection *mhd);
/* What the socket takes without blocking, and that nothing more will come. */
void tls_send(struct MHD_Connection *mhd, const char *data, size_t n);

/* timer.c */
int timer_start(struct http *h, struct err *e);
void timer_wake(struct http *h);
void timer_stop(struct http *h);
void timer_free(struct http *h);
/* Seconds from now, NO_DEADLINE or INPUT_WANTED. */
void socket_deadline(struct http_socket *s, int seconds);
void socket_idle(struct http_socket *s);

#endif

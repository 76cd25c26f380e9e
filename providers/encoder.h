/* Text encoders: batches of texts in, unit-length float32 vectors out. */
#ifndef MONOCEROS_PROVIDERS_ENCODER_H
#define MONOCEROS_PROVIDERS_ENCODER_H

#include <stdbool.h>
#include <stddef.h>

#include "providers/engine.h"
#include "providers/waits.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/str.h"

#define OFFLINE_ENCODER_MODEL "offline-encoder-1"
enum { OFFLINE_ENCODER_DIMENSION = 1280, ENCODER_DIMENSION_MAX = 8192, ENCODER_BATCH_MAX = 256 };

/* Settings of one declared encoder; strings are owned by the caller and outlive the encoder. */
struct encoder_settings {
    const char *name;
    const char *kind; /* "openai", "tei" (TEI's own /embed), "clip" or "offline" */
    const char *url;  /* one or several, as of an LLM provider; of tei without /v1 */
    const char *path; /* clip: the model's directory as Hugging Face lays it out */
    const char *model;
    const char *revision; /* of the model, as the operator declares it; NULL: none */
    const char *api_key;
    int dimension;     /* expected; 0: taken from the first answer and then held to */
    bool matryoshka;   /* `dimension` is asked for: the model can shorten its vectors */
    int batch;         /* texts per call, at most ENCODER_BATCH_MAX; shrunk on 413 and 422 */
    int batch_bytes;   /* of a request's texts as JSON; shrunk on 413; 0: no limit */
    int batch_tokens;  /* of a request's texts, by estimate; 0: no limit */
    int max_tokens;    /* of a text that the model reads; 0: not known */
    int max_in_flight; /* calls of the process */
    int timeout_s, connect_timeout_s, attempts, stop_after;
};

enum encoder_outcome { ENCODER_OK, ENCODER_FAILED, ENCODER_RETURNED };

/* The answer for one batch; valid during the callback. Item i of the batch has vector
 * vectors + i * dimension when outcome[i] is ENCODER_OK, else reason[i] and detail. */
struct encoder_reply {
    void *ctx;
    size_t n;
    int dimension;
    const float *vectors; /* unit length, finite */
    const enum encoder_outcome *outcome;
    const char *const *reason; /* stable code or NULL: "zero_vector", "not_finite",
                                  "wrong_dimension", "http_400", "timeout", "invalid_reply" … */
    const bool *truncated; /* of each item: the model's limit cut its text off; NULL: not known */
    char detail[200];
    struct str raw; /* of a failed reply, capped at 16 KiB */
    int tokens_in;  /* of the whole batch; 0 when not reported */
    struct str model;
};

struct encoder;

struct encoder *encoder_new(const struct encoder_settings *s, struct err *e);
void encoder_free(struct encoder *c);
const struct encoder_settings *encoder_get_settings(const struct encoder *c);
/* The dimension, known from the settings or the first answer; 0 before. Thread safe. */
int encoder_dimension(struct encoder *c);
/* Lets the next answer say again what was not declared. */
void encoder_forget_dimension(struct encoder *c);
/* SHA-256 of the weights as 64 hex digits: of the one file, as sha256sum prints it, or of the
 * files' digests in the order of their names; empty where they are not at hand. Never changes. */
const char *encoder_weights_hash(const struct encoder *c);
bool encoder_stopped(struct encoder *c, char reason[200]);
/* Why calls to it wait: false when nothing outside the process holds them back. */
bool encoder_waits(struct encoder *c, struct waits *ret);
void encoder_reset(struct encoder *c);
/* As a JSON object: its settings without secrets, and what this process has learned of it. */
void encoder_describe(struct encoder *c, struct buf *out);

typedef void (*encoder_done_fn)(void *arg, const struct encoder_reply *reply);

/* Starts one batch of n texts (copied); `done` is called exactly once from engine_poll. A poisoned
 * text in a batch fails alone: the batch is split until it stands by itself. */
int encoder_submit(struct engine *g, struct encoder *c, const struct str *texts, size_t n,
                   void *ctx, encoder_done_fn done, void *arg, struct err *e);
/* Batches that may still be started now on this engine. */
int encoder_room(struct engine *g, struct encoder *c);

/* The offline encoder's vector of one text: hashed word and character n-grams under a seeded
 * random projection. out has OFFLINE_ENCODER_DIMENSION floats of unit length. false when the text
 * has no n-gram (a zero vector). */
bool offline_encode(struct str text, float *out);

#endif

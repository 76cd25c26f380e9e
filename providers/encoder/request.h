/* What an embeddings server is sent: the body of a request, and how many texts it has. */
#ifndef MONOCEROS_PROVIDERS_ENCODER_REQUEST_H
#define MONOCEROS_PROVIDERS_ENCODER_REQUEST_H

#include "providers/encoder/state.h"
#include "server/base/buf.h"

/* Of texts within a request. Bytes are exact, tokens an estimate: servers count in their own. */
struct text_size {
    size_t bytes, tokens;
};

struct text_size text_size_of(struct str text);
/* The body of a call with n texts, in the form of the encoder's kind. */
void request_write(const struct encoder_settings *s, const struct str *texts, size_t n, bool base64,
                   struct buf *out);

/* Where the call ends that begins with the text lo: as many as the limits of the settings and what
 * the server was seen to take allow, and one at least. */
size_t request_end(struct encoder *c, const struct str *texts, size_t n, size_t lo);
/* The server took no more than so many texts, or bytes of them. */
void request_learn_count(struct encoder *c, int n);
void request_learn_bytes(struct encoder *c, size_t bytes);

#endif

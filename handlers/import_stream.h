/* The bytes of an import: the body of a request, inflated when it is compressed. */
#ifndef MONOCEROS_HANDLERS_IMPORT_STREAM_H
#define MONOCEROS_HANDLERS_IMPORT_STREAM_H

#include <zlib.h>

#include "server/base/err.h"
#include "server/http/http.h"

struct import_stream {
    /* Where raw bytes come from: up to n of them, 0 at the end, -1 with an error. */
    ptrdiff_t (*read)(void *arg, void *out, size_t n, struct err *e);
    void *arg;
    bool gzip;
    bool ended;     /* no raw bytes are left */
    bool in_member; /* of a gzip stream, between header and trailer */
    bool any;       /* a member has been seen */
    z_stream z;
    unsigned char raw[32768];
};

int import_stream_open(struct import_stream *s, bool gzip, struct err *e);
void import_stream_close(struct import_stream *s);
/* Up to n bytes, 0 at the end; -1 with ERR_IMPORT_BROKEN for a compressed stream that is damaged or
 * ends too early, or with the error of `read`. Gzip members in a row are read as one stream. */
ptrdiff_t import_stream_read(struct import_stream *s, void *out, size_t n, struct err *e);

#endif

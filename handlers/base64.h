/* Base64 of RFC 4648: the standard alphabet with padding, and the URL alphabet without. */
#ifndef MONOCEROS_HANDLERS_BASE64_H
#define MONOCEROS_HANDLERS_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"

void base64_encode(struct buf *out, const void *p, size_t n);
void base64url_encode(struct buf *out, const void *p, size_t n);
/* False for anything that base64_encode does not write. */
bool base64_decode(struct buf *out, struct str text);
/* False for anything that base64url_encode does not write. */
bool base64url_decode(struct buf *out, struct str text);

#endif

/* The page that people see first of an export: README.md, in the form of a dataset card of the
 * Hugging Face hub. */
#ifndef MONOCEROS_STAGES_EXPORT_CARD_H
#define MONOCEROS_STAGES_EXPORT_CARD_H

#include "server/base/buf.h"
#include "server/base/err.h"

/* Appends the card of an export whose manifest has everything but the card itself. It follows from
 * the manifest alone. */
int export_card(struct str manifest_json, struct buf *out, struct err *e);

#endif

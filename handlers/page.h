/* Pages: a position in a list as an opaque token that is bound to the list and its filters. */
#ifndef MONOCEROS_HANDLERS_PAGE_H
#define MONOCEROS_HANDLERS_PAGE_H

#include "handlers/operation.h"

enum { PAGE_PARTS_MAX = 6 };

/* The key of the last row that was shown, as the parts that the statement takes, which stand in the
 * order of the list's key. The forms of the parts, one letter each:
 *   n shard number, -1 before the first   s variant   q sequence number   u id
 *   x bytes in hex                        t text */
struct page {
    int64_t size;
    int n_parts;
    const char *parts[PAGE_PARTS_MAX]; /* in the arena */
};

/* Reads page_size and page_token of the request and keeps the page as the operation's data. `forms`
 * describes the parts, `first` is the key in front of the first row, its parts separated by '|'.
 * NULL with ERR_PARAMETER for a token that was not made by this list with these filters. */
struct page *page_read(struct req *q, const char *forms, const char *first, int64_t default_size,
                       struct err *e);
void page_bind_key(struct db_call *c, const struct page *p);
/* One row more than the page shows tells whether there is a next one. */
void page_bind_size(struct db_call *c, const struct page *p);

/* The `next_page_token` member for the key of the last row shown. */
void page_write_token(struct req *q, struct str key);
/* Answers with items and token from rows of (JSON text, key): no row means that there is no
 * dataset, one row of NULLs an empty page. `extend`, when given, is called after each item has been
 * written and may add members to it. */
int page_render_with(struct req *q, const struct rows *r,
                     void (*extend)(struct buf *b, const struct rows *r, int row), struct err *e);
int page_render(struct req *q, const struct rows *r, struct err *e);
/* The same for a list that belongs to no dataset: no row is an empty page. */
int page_render_global(struct req *q, const struct rows *r, struct err *e);

#endif

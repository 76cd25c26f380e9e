#include "handlers/audit_uses.h"

#include <stdlib.h>
#include <string.h>

/* A key is in one of a few slots; when these are all taken, one of them makes room, which costs a
 * row and nothing else. */
enum { SLOTS = 1024, PLACES = 8 };

struct use_slot {
    struct audit_row row; /* of the uses after the first, without client and request */
    enum key_use use;
    int64_t hour;
    bool taken;
};

struct audit_uses {
    struct use_slot slots[SLOTS];
    int next; /* of audit_uses_take */
};

struct audit_uses *audit_uses_new(void)
{
    return calloc(1, sizeof(struct audit_uses));
}

void audit_uses_free(struct audit_uses *u)
{
    free(u);
}

static struct use_slot *find(struct audit_uses *u, const char *key, enum key_use use)
{
    unsigned h = (unsigned)use;
    for (const char *p = key; *p; p++)
        h = h * 31 + (unsigned char)*p;
    struct use_slot *found = NULL;
    for (unsigned i = 0; i < PLACES; i++) {
        struct use_slot *s = &u->slots[(h + i) % SLOTS];
        if (s->taken && s->use == use && strcmp(s->row.key, key) == 0)
            return s;
        if (!found || (found->taken && !s->taken))
            found = s;
    }
    return found;
}

/* What a slot has counted; the slot is free then. */
static bool empty(struct use_slot *s, struct audit_row *counted)
{
    bool any = s->taken && s->row.count > 0;
    if (any)
        *counted = s->row;
    s->taken = false;
    return any;
}

bool audit_uses_note(struct audit_uses *u, const struct audit_row *row, enum key_use use,
                     struct audit_row *counted)
{
    struct use_slot *s = find(u, row->key, use);
    int64_t hour = audit_hour(row->at_us);
    counted->count = 0;
    if (s->taken && s->use == use && s->hour == hour && strcmp(s->row.key, row->key) == 0) {
        s->row.count++;
        s->row.at_us = row->at_us;
        return false;
    }
    (void)empty(s, counted);
    *s = (struct use_slot){.row = *row, .use = use, .hour = hour, .taken = true};
    s->row.count = 0;
    s->row.client[0] = s->row.request_id[0] = '\0';
    return true;
}

bool audit_uses_take(struct audit_uses *u, int64_t hour, struct audit_row *counted)
{
    for (; u->next < SLOTS; u->next++) {
        struct use_slot *s = &u->slots[u->next];
        if (s->taken && s->hour < hour && empty(s, counted))
            return true;
    }
    u->next = 0;
    return false;
}

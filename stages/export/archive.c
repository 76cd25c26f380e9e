/* The samples as a tar archive, as WebDataset reads it: the files of a sample stand next to each
 * other and share their name up to the first dot. */
#include <stdio.h>

#include "server/domain/prompt.h"
#include "server/json/write.h"
#include "stages/export/writer.h"

enum { BLOCK_BYTES = 512 };

/* IEEE 1003.1, "ustar Interchange Format"; numbers are octal digits. */
struct tar_header {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12], mtime[12];
    char checksum[8];
    char type;
    char linkname[100];
    char magic[6], version[2];
    char owner[32], group[32];
    char device_major[8], device_minor[8];
    char prefix[155];
    char rest[12];
};
_Static_assert(sizeof(struct tar_header) == BLOCK_BYTES, "a header is one block");

static void octal(char *out, size_t n, uint64_t v)
{
    out[--n] = '\0';
    for (; n-- > 0; v >>= 3)
        out[n] = (char)('0' + (v & 7));
}

static void checksum(struct tar_header *h)
{
    const uint8_t *p = (const uint8_t *)h;
    uint64_t sum = 0;
    memset(h->checksum, ' ', sizeof(h->checksum));
    for (size_t i = 0; i < sizeof(*h); i++)
        sum += p[i];
    octal(h->checksum, sizeof(h->checksum) - 1, sum);
}

/* Nothing of who made it when. */
static void fill_header(struct tar_header *h, const char *id, const char *extension, size_t bytes)
{
    *h = (struct tar_header){.type = '0', .magic = "ustar", .version = {'0', '0'}};
    (void)snprintf(h->name, sizeof(h->name), "%s%s", id, extension);
    octal(h->mode, sizeof(h->mode), 0644);
    octal(h->uid, sizeof(h->uid), 0);
    octal(h->gid, sizeof(h->gid), 0);
    octal(h->size, sizeof(h->size), bytes);
    octal(h->mtime, sizeof(h->mtime), 0);
    octal(h->device_major, sizeof(h->device_major), 0);
    octal(h->device_minor, sizeof(h->device_minor), 0);
    checksum(h);
}

static void add_zeros(struct buf *b, size_t n)
{
    if (!buf_room(b, n))
        return;
    memset(b->p + b->n, 0, n);
    b->n += n;
}

/* A member is written behind an empty header, which is filled when its length is known. */
static size_t open_member(struct buf *b)
{
    add_zeros(b, BLOCK_BYTES);
    return b->n;
}

static void close_member(struct buf *b, size_t start, const char *id, const char *extension)
{
    size_t bytes = b->n - start;
    add_zeros(b, (BLOCK_BYTES - bytes % BLOCK_BYTES) % BLOCK_BYTES);
    if (b->failed)
        return;
    struct tar_header h;
    fill_header(&h, id, extension, bytes);
    memcpy(b->p + start - BLOCK_BYTES, &h, sizeof(h));
}

static void add_dialogue(struct buf *b, const struct sample_row *r, const struct export_dialogue *d)
{
    char id[DIALOGUE_ID_TEXT + 1];
    export_dialogue_id(r, d, id);
    json_open(b, '{');
    json_key(b, "dialogue_id");
    json_z(b, id);
    json_key(b, "task");
    json_z(b, dialogue_tasks[d->task]);
    json_key(b, "conversations");
    json_raw(b, d->conversations);
    json_close(b, '}');
}

static void add_json(const struct export_settings *s, const struct sample_row *r, struct buf *b)
{
    size_t start = open_member(b);
    buf_adds(b, STR("{\"id\":"));
    json_z(b, r->id);
    json_key(b, "caption");
    buf_adds(b, buf_str(&r->caption));
    json_key(b, "dialogues");
    json_open(b, '[');
    for (int i = 0; s->with[EXPORT_WITH_DIALOGUES] && i < r->x->n_dialogues; i++)
        add_dialogue(b, r, &r->x->dialogues[i]);
    json_close(b, ']');
    json_close(b, '}');
    close_member(b, start, r->id, ".json");
}

int archive_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                struct err *e)
{
    struct buf *b = &o->main.out;
    (void)e;
    add_json(s, r, b);
    if (s->with[EXPORT_WITH_CAPTIONS]) {
        size_t start = open_member(b);
        buf_adds(b, r->x->text);
        close_member(b, start, r->id, ".txt");
    }
    if (s->with[EXPORT_WITH_VECTORS]) {
        size_t start = open_member(b);
        npy_of_vector(s, r->x->vector, b);
        close_member(b, start, r->id, ".npy");
    }
    o->main.file.rows++;
    return 0;
}

int archive_end(const struct export_settings *s, struct output *o, struct err *e)
{
    (void)s;
    add_zeros(&o->main.out, (size_t)2 * BLOCK_BYTES);
    return artefact_wrote(&o->main, e);
}

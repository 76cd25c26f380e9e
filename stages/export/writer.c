#include "stages/export/writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/json/write.h"

const char *const export_formats[] = {
    [EXPORT_LLAVA] = "llava",
    [EXPORT_LLAVA_ARRAY] = "llava-array",
    [EXPORT_CAPTIONS] = "captions",
    [EXPORT_NPY] = "npy",
    [EXPORT_SAFETENSORS] = "safetensors",
    [EXPORT_WEBDATASET] = "webdataset",
    [EXPORT_FORMATS] = NULL,
};
const char *const export_dtypes[] = {[EXPORT_F32] = "float32",
                                     [EXPORT_F16] = "float16",
                                     [EXPORT_BF16] = "bfloat16",
                                     [EXPORT_DTYPES] = NULL};
const char *const export_parts[] = {[EXPORT_WITH_CAPTIONS] = "captions",
                                    [EXPORT_WITH_DIALOGUES] = "dialogues",
                                    [EXPORT_WITH_VECTORS] = "representations",
                                    [EXPORT_PARTS] = NULL};

static const struct form forms[] = {
    {EXPORT_LLAVA, "pretrain", ".jsonl", EXPORT_WITH_CAPTIONS, .add = pretrain_add},
    {EXPORT_LLAVA, "instruct", ".jsonl", EXPORT_WITH_DIALOGUES, .add = instruct_add},
    {EXPORT_LLAVA_ARRAY, "pretrain", ".json", EXPORT_WITH_CAPTIONS, .part = true,
     .add = pretrain_add},
    {EXPORT_LLAVA_ARRAY, "instruct", ".json", EXPORT_WITH_DIALOGUES, .part = true,
     .add = instruct_add},
    {EXPORT_CAPTIONS, "captions", ".jsonl", EXPORT_WITH_CAPTIONS, .add = captions_add},
    {EXPORT_NPY, "representations", ".npy", EXPORT_WITH_VECTORS, .in_place = true, .vectors = true,
     .begin = npy_begin, .add = npy_add, .end = npy_end},
    {EXPORT_NPY, "representations", ".ids", EXPORT_WITH_VECTORS, .add = ids_add},
    {EXPORT_SAFETENSORS, "representations", ".safetensors", EXPORT_WITH_VECTORS, .in_place = true,
     .vectors = true, .begin = safetensors_begin, .add = safetensors_add, .end = safetensors_end},
    {EXPORT_WEBDATASET, "samples", ".tar", EXPORT_PARTS, .vectors = true, .add = archive_add,
     .end = archive_end},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

struct export_writer {
    struct export_settings s;
    struct sample_row row;
    int n;
    struct output outputs[FORMS];
    bool finished;
    struct export_file files[FORMS];
};

static void name_file(const struct export_settings *s, const struct form *f, struct export_file *x)
{
    if (f->format == EXPORT_WEBDATASET)
        (void)snprintf(x->name, sizeof(x->name), "%s-%06d%s", f->stem, s->group, f->extension);
    else if (s->groups > 1 || f->part)
        (void)snprintf(x->name, sizeof(x->name), "%s-%05d-of-%05d%s", f->stem, s->group, s->groups,
                       f->extension);
    else
        (void)snprintf(x->name, sizeof(x->name), "%s%s", f->stem, f->extension);
    artefact_path(x->path, x->name, s->token);
}

static int open_output(struct export_writer *w, const struct form *f, struct err *e)
{
    struct output *o = &w->outputs[w->n];
    o->form = f;
    o->main.in_place = f->in_place;
    o->main.file = (struct export_file){
        .format = f->format,
        .served = !f->part,
        .vectors = f->vectors && w->s.with[EXPORT_WITH_VECTORS],
    };
    name_file(&w->s, f, &o->main.file);
    if (artefact_open(&o->main, w->s.directory, e) < 0)
        return -1;
    w->n++;
    return f->begin ? f->begin(&w->s, o, e) : 0;
}

static int open_outputs(struct export_writer *w, struct err *e)
{
    for (int i = 0; i < FORMS; i++) {
        bool wanted = w->s.formats[forms[i].format] &&
                      (forms[i].needs == EXPORT_PARTS || w->s.with[forms[i].needs]);
        if (wanted && open_output(w, &forms[i], e) < 0)
            return -1;
    }
    return 0;
}

struct export_writer *export_open(const struct export_settings *s, struct err *e)
{
    enum { CAPTION_BYTES_MAX = 64 << 20 };
    struct export_writer *w = calloc(1, sizeof(*w));
    if (!w) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the files of an export");
        return NULL;
    }
    w->s = *s;
    buf_init(&w->row.caption, CAPTION_BYTES_MAX);
    if (open_outputs(w, e) < 0) {
        export_free(w);
        return NULL;
    }
    return w;
}

static int add_to(const struct export_settings *s, struct output *o, const struct sample_row *r,
                  struct err *e)
{
    if (o->form->add(s, o, r, e) < 0 || artefact_wrote(&o->main, e) < 0)
        return -1;
    return o->spool.temporary[0] ? artefact_wrote(&o->spool, e) : 0;
}

int export_add(struct export_writer *w, const struct export_sample *x, struct err *e)
{
    struct sample_row *r = &w->row;
    if (w->s.with[EXPORT_WITH_VECTORS] && !x->vector)
        return err_set(e, ERR_INTERNAL, "a sample of an export of vectors has none");
    r->x = x;
    caption_id(x->seed, x->hash, r->id);
    buf_reset(&r->caption);
    json_str(&r->caption, x->text);
    if (r->caption.failed)
        return err_set(e, ERR_NO_MEMORY, "no memory for a caption");
    for (int i = 0; i < w->n; i++)
        if (add_to(&w->s, &w->outputs[i], r, e) < 0)
            return -1;
    return 0;
}

static int finish_output(struct export_writer *w, struct output *o, struct err *e)
{
    if (o->form->end && o->form->end(&w->s, o, e) < 0)
        return -1;
    return artefact_finish(&o->main, e);
}

int export_finish(struct export_writer *w, struct err *e)
{
    for (int i = 0; i < w->n; i++) {
        if (finish_output(w, &w->outputs[i], e) < 0)
            return -1;
        w->files[i] = w->outputs[i].main.file;
    }
    if (artefact_sync_directory(w->s.directory, e) < 0)
        return -1;
    w->finished = true;
    return 0;
}

int export_files(const struct export_writer *w, const struct export_file **files)
{
    *files = w->files;
    return w->finished ? w->n : 0;
}

void export_free(struct export_writer *w)
{
    if (!w)
        return;
    for (int i = 0; i < FORMS; i++) {
        artefact_close(&w->outputs[i].main, w->finished);
        artefact_close(&w->outputs[i].spool, false);
    }
    buf_free(&w->row.caption);
    free(w);
}

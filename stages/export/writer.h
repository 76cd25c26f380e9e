/* Private to the exports: the files of a group, each with what turns a sample into its bytes. */
#ifndef MONOCEROS_STAGES_EXPORT_WRITER_H
#define MONOCEROS_STAGES_EXPORT_WRITER_H

#include "stages/export/artefact.h"

/* What several files want of a sample. */
struct sample_row {
    const struct export_sample *x;
    char id[CAPTION_ID_TEXT + 1];
    struct buf caption; /* as a JSON string, with its quotes */
};

struct form;

struct output {
    const struct form *form;
    struct artefact main, spool;
    size_t start; /* bytes that are kept free for the header */
};

/* A kind of file. The functions return 0, or -1 with e set; NULL: nothing to do. */
struct form {
    enum export_format format;
    const char *stem, *extension;
    enum export_part needs; /* EXPORT_PARTS: nothing */
    bool in_place, part, vectors;
    int (*begin)(const struct export_settings *s, struct output *o, struct err *e);
    /* Appends to main.out, and to spool.out, counts the rows, and leaves writing to the caller. */
    int (*add)(const struct export_settings *s, struct output *o, const struct sample_row *r,
               struct err *e);
    int (*end)(const struct export_settings *s, struct output *o, struct err *e);
};

/* Rows of text (text.c). */
int pretrain_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                 struct err *e);
int instruct_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                 struct err *e);
int captions_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                 struct err *e);
int ids_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
            struct err *e);
/* With "<image>\n" in front of it, this is what a caption answers. */
const char *pretrain_question(struct str caption_id);
/* "<caption id>-<8 hex>" */
void export_dialogue_id(const struct sample_row *r, const struct export_dialogue *d,
                        char out[DIALOGUE_ID_TEXT + 1]);

/* Vectors (vectors.c). */
int npy_begin(const struct export_settings *s, struct output *o, struct err *e);
int npy_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
            struct err *e);
int npy_end(const struct export_settings *s, struct output *o, struct err *e);
int safetensors_begin(const struct export_settings *s, struct output *o, struct err *e);
int safetensors_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                    struct err *e);
int safetensors_end(const struct export_settings *s, struct output *o, struct err *e);
/* A file of one vector, as numpy reads it. */
void npy_of_vector(const struct export_settings *s, const float *v, struct buf *out);

/* Archives (archive.c). */
int archive_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                struct err *e);
int archive_end(const struct export_settings *s, struct output *o, struct err *e);

#endif

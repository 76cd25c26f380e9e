/* Stage export: from samples, in the order of their shards and ids, to the files of a group of
 * shards. What a file holds follows from the settings and the samples alone, to the byte. Files are
 * written under a name of the lease that makes them, and brought to the disk, before anybody hears
 * of them. */
#ifndef MONOCEROS_STAGES_EXPORT_EXPORT_H
#define MONOCEROS_STAGES_EXPORT_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/err.h"
#include "server/base/hash.h"
#include "server/domain/dialogue_schema.h"
#include "server/domain/identity.h"

enum export_format {
    EXPORT_LLAVA,       /* pretrain.jsonl, instruct.jsonl */
    EXPORT_LLAVA_ARRAY, /* pretrain.json, instruct.json: one array each, put together at the end */
    EXPORT_CAPTIONS,    /* captions.jsonl */
    EXPORT_NPY,         /* representations.npy, representations.ids */
    EXPORT_SAFETENSORS, /* representations.safetensors */
    EXPORT_WEBDATASET,  /* samples-000000.tar */
    EXPORT_FORMATS
};
extern const char *const export_formats[]; /* names by number, NULL-terminated */

enum export_dtype { EXPORT_F32, EXPORT_F16, EXPORT_BF16, EXPORT_DTYPES };
extern const char *const export_dtypes[]; /* float32, float16, bfloat16; NULL-terminated */

enum export_part { EXPORT_WITH_CAPTIONS, EXPORT_WITH_DIALOGUES, EXPORT_WITH_VECTORS, EXPORT_PARTS };
extern const char *const export_parts[]; /* captions, dialogues, representations; NULL-terminated */

enum { EXPORT_NAME_MAX = 64, EXPORT_PATH_MAX = 96, EXPORT_FILES_MAX = 16, EXPORT_NOTES_MAX = 8 };

struct export_note {
    const char *key;
    struct str value;
};

struct export_settings {
    bool with[EXPORT_PARTS];
    bool formats[EXPORT_FORMATS];
    enum export_dtype dtype;
    size_t dimension;  /* 0 without representations */
    int group, groups; /* the files are the group'th of so many; 1: without a number in the name */
    int directory;     /* the export's, open; the caller's */
    int64_t token;     /* of the lease, in the names on the disk */
    /* __metadata__ of safetensors files; the caller's. */
    int n_notes;
    struct export_note notes[EXPORT_NOTES_MAX];
};

struct export_dialogue {
    uint8_t hash[DIALOGUE_HASH_BYTES];
    int task;                 /* index in dialogue_tasks */
    struct str conversations; /* JSON as it is stored: [{"from":"human","value":…}, …] */
};

/* One caption with what the export has of it. Lives as long as the call. */
struct export_sample {
    uint8_t seed[SEED_ID_BYTES], hash[CAPTION_HASH_BYTES], recipe[RECIPE_ID_BYTES];
    int variant;
    struct str text;                      /* the caption's */
    struct str seed_text, source, domain; /* of the seed; unset: it has none */
    struct str model, provider, prompt;
    const float *vector; /* the representation; NULL without */
    int n_dialogues;
    const struct export_dialogue *dialogues; /* by task, as dialogue_tasks has them */
};

struct export_file {
    char name[EXPORT_NAME_MAX]; /* as it is served */
    char path[EXPORT_PATH_MAX]; /* in the directory: with the token in it */
    enum export_format format;
    bool served; /* false: a part of a file of llava-array */
    int64_t rows;
    uint64_t bytes;
    uint8_t sha256[SHA256_BYTES];
    bool vectors; /* it has dtype and dimension */
};

struct export_writer;

/* With bfloat16, of which numpy has no name, the .npy files of webdataset have the same numbers as
 * float32; EXPORT_NPY is not for it. Creates the files. NULL with e set; ERR_UNAVAILABLE with the
 * system's words when the disk is full or away. */
struct export_writer *export_open(const struct export_settings *s, struct err *e);
/* Whether the trainers can take what the export has of the sample, caption and dialogues, as it is:
 * no reserved string, within the length limit, exactly one image token. Otherwise the sample must
 * be left out. */
bool export_fits(const struct export_settings *s, const struct export_sample *x);
int export_add(struct export_writer *w, const struct export_sample *x, struct err *e);
/* Completes the files and brings them to the disk under their paths. */
int export_finish(struct export_writer *w, struct err *e);
/* After export_finish. */
int export_files(const struct export_writer *w, const struct export_file **files);
/* Removes what was not finished. Accepts NULL. */
void export_free(struct export_writer *w);

/* Puts the parts of a file of llava-array together, in the order given; fills out, of which the
 * name is the parts' without the number that each has (pretrain-00000-of-00001.json:
 * pretrain.json). */
int export_join(int directory, int64_t token, const struct export_file *parts, int n,
                struct export_file *out, struct err *e);
/* The same for a text that the caller has: manifest.json, README.md. Their format is none:
 * EXPORT_FORMATS. */
int export_write_text(int directory, int64_t token, const char *name, struct str text,
                      struct export_file *out, struct err *e);

#endif

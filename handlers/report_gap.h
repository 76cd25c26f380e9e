/* A report on the modality gap: how far the texts' vectors are from the images', before and after a
 * transfer. Its figures are of a sample; what moments say exactly is taken from them. */
#ifndef MONOCEROS_HANDLERS_REPORT_GAP_H
#define MONOCEROS_HANDLERS_REPORT_GAP_H

#include "handlers/vectors.h"
#include "server/domain/gap.h"
#include "server/domain/inference.h"
#include "server/domain/sample.h"

enum {
    GAP_SAMPLE = 1000, /* captions, when not asked for another number */
    GAP_SAMPLE_MIN = 2,
    GAP_SAMPLE_MAX = 4000,
    GAP_IMAGES_MAX = 2048,
    GAP_DIMENSION = 1280, /* up to which the sample may be the largest */
    GAP_BUCKETS = 5,
};

/* One side's moments; id is NULL without any. */
struct gap_side {
    const char *id, *label;
    int64_t version, count, created_us;
    const double *mean; /* p->dimension values */
    double trace;
};

/* What is compared with the images: the embeddings, the representations, and these with the images
 * as inference sees them. */
enum gap_view { GAP_BEFORE, GAP_AFTER, GAP_INFERENCE, GAP_VIEWS };

/* Of the rows of one bucket, or of all of them. What is not defined is NaN. */
struct gap_part {
    size_t n;
    double distance[GAP_VIEWS], error[GAP_VIEWS]; /* error: of the distance */
    double trace[2], trace_ratio[GAP_VIEWS];      /* of the embeddings, of the representations */
    double cosine, norm;
};

struct gap_spectral {
    bool known;
    double rank, dimension, anisotropy;
};

struct gap_report {
    struct req *q;
    struct db *db;
    struct prepared p;
    /* What was asked for, and the dataset as it was found. */
    struct str dataset, transfer, encoder, images;
    int64_t asked, seed;
    int64_t number, shards;
    char *view; /* owned */
    bool changing;
    struct gap_side text, image;
    /* The sample. */
    int64_t candidates;
    bool all; /* of the captions there are */
    struct sample sample;
    struct gap_rows rows, made; /* embeddings and representations; row i of either belongs */
    struct gap_rows image_rows; /* as they were uploaded */
    struct gap_rows image_seen; /* by the transfer's rule for inference; empty when that is none */
    struct gap_rows unit;       /* representations at unit length; empty when they have it */
    int *bucket;                /* by row; owned */
    int64_t gone, unreadable, failed, newer;
    int64_t took_us;
    /* The figures. */
    struct gap_part whole, parts[GAP_BUCKETS];
    struct gap_pairs pairs;
    double mixing[2][2]; /* before, after; text to image, image to text */
    size_t mixing_rows, spectrum_rows, directions;
    struct gap_spectral spectra[3]; /* embeddings, representations, images */
    double spectrum_correlation[2], overlap[2];
};

extern const int64_t gap_edges[GAP_BUCKETS]; /* words from which a bucket is */

/* Reads moments and the sample. */
int gap_read(struct gap_report *r, struct err *e);
/* The figures of what was read. Ends with ERR_UNAVAILABLE when the server drains. */
int gap_measure(struct gap_report *r, struct err *e);
void gap_write(const struct gap_report *r, struct buf *b);
void gap_write_definitions(struct buf *b);
void gap_report_free(struct gap_report *r); /* what it owns, not itself */

static inline int gap_no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "no memory for a report");
}

/* Whether the images are shifted by their own mean before a model sees them. */
static inline bool gap_shifts_images(const struct gap_report *r)
{
    return transfer_needs_own_images(&r->p.transfer);
}

static inline bool gap_is_trial(const struct gap_report *r)
{
    return str_is(r->p.kind, "offline");
}

#endif

/* A report on the modality gap as JSON. */
#include "handlers/report_gap.h"
#include "handlers/report_json.h"
#include "server/base/clock.h"

/* With fewer rows the figures are mostly chance. */
enum { ROWS_FEW = 200 };

static const struct {
    const char *path, *text;
} definitions[] = {
    {"took_seconds", "How long the report took to make."},
    {"meaningful", "Whether the figures can say anything about a gap between texts and images."},
    {"sample",
     "The captions that the figures are of: of those that the default view picks and that have an "
     "embedding, the `asked` with the lowest first 8 bytes of SHA-256(\"gap:\" seed \":\" id). "
     "Samples of one seed nest."},
    {"sample.candidates",
     "How many captions the sample was drawn from: all, or when `all` is false the 65,536 with "
     "the lowest ids, evenly of the shards. Ids are hashes, so that these are no special ones."},
    {"sample.rows", "Captions of the sample that have a representation."},
    {"sample.failed", "Those that have none, because nothing was left of their difference."},
    {"sample.unreadable", "Those whose stored vector does not have the encoder's form."},
    {"sample.gone", "Those that went away while the report was made."},
    {"sample.newer", "Embeddings of the sample that are younger than the text moments."},
    {"text_moments", "The moments of the texts' unit embeddings that the transfer was prepared "
                     "with, or the newest ones when it has none."},
    {"image_moments",
     "The moments of image vectors that were asked for, else those of the transfer, else the "
     "encoder's newest. `vectors` is how many of the vectors themselves are kept; vector i of "
     "them, "
     "from 0, takes its turn by the first 8 bytes of SHA-256(\"gap-images:\" seed \":\" i)."},
    {"centroid_distance",
     "Euclidean distance of two means. From moments where these are exact; of a mean m of n rows "
     "with trace T the square of the distance has T/n too much, which is taken off."},
    {"centroid_distance.before", "Mean of the text embeddings to mean of the image vectors."},
    {"centroid_distance.after",
     "Mean of the representations to mean of the image vectors. When all embeddings of the sample "
     "went into the text moments, what the sample's mean of embeddings misses, times the "
     "regression "
     "of representations on embeddings, is taken out of the mean of the representations."},
    {"centroid_distance.after_inference",
     "Mean of the representations to mean of the image vectors as the transfer's rule for "
     "inference leaves them; where the rule subtracts the images' mean, from the image vectors."},
    {"centroid_distance.before_error", "See after_error."},
    {"centroid_distance.after_error",
     "The expected distance of the estimated means from the true ones: distances well below it "
     "cannot be told from 0."},
    {"centroid_distance.after_inference_error", "See after_error."},
    {"trace", "Mean squared distance of a vector to the mean: of text embeddings (exact with text "
              "moments), of representations (sample), of image vectors (exact)."},
    {"trace_ratio", "Trace of the texts' side / trace of the image vectors; 1 is alike."},
    {"source", "How much of the embeddings is left in the representations."},
    {"source.cosine", "Phi: mean cosine of an embedding and its representation."},
    {"source.similarity_correlation",
     "Psi: Pearson's correlation over all pairs of captions of the cosine of their embeddings with "
     "that of their representations."},
    {"source.neighbour_overlap",
     "Omega: the mean share of a caption's `neighbours` nearest by cosine of the embeddings that "
     "are so by cosine of the representations; both within the sample, so that it depends on its "
     "size."},
    {"pairwise_cosine", "Mean cosine over all pairs of captions of the sample."},
    {"spectrum",
     "Of the covariance of the first `rows` rows of each kind, as many of each: what follows "
     "depends on that number. l are the eigenvalues, d the dimension."},
    {"spectrum.before.effective_rank", "exp(-sum p ln p), p = l / sum l."},
    {"spectrum.before.effective_dimension", "(sum l)^2 / sum l^2, that is tr(S)^2 / tr(S^2)."},
    {"spectrum.before.anisotropy", "Largest l / mean of all d; 1 when all directions are alike."},
    {"spectrum.after", "As spectrum.before, of the representations."},
    {"spectrum.image", "As spectrum.before, of the image vectors as they are."},
    {"spectrum.correlation",
     "Pearson's correlation of ln l of the texts' side with ln l of the image vectors, by rank, "
     "down to 1e-9 of the largest. Image vectors are as they are before, and as the transfer's "
     "rule "
     "for inference leaves them after."},
    {"spectrum.subspace_overlap",
     "(1/q) |U'V|_F^2 of the q = `directions` first eigenvectors of the texts' side and of the "
     "image vectors, as in correlation; subspaces without relation have `random` = q/d."},
    {"mixing",
     "The share of the other kind among a vector's `neighbours` nearest by cosine, in one set of "
     "`rows` vectors of the texts' side and as many image vectors, these as in "
     "spectrum.correlation; about 0.5 when the two cannot be told apart, 0 when they lie apart. "
     "text_to_image is the mean over the vectors of the texts' side, image_to_text over those of "
     "images."},
    {"lengths", "The same of the captions of the sample with so many words, from but not to; words "
                "are runs of "
                "characters other than white space. All means are of the sample."},
    {"lengths.norm", "Mean Euclidean norm of the representations, which is 1 unless the transfer "
                     "leaves it as it comes."},
    {"lengths.cosine", "Mean cosine of an embedding and its representation."},
};

void gap_write_definitions(struct buf *b)
{
    open_object(b, "definitions");
    for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++)
        put_text(b, definitions[i].path, definitions[i].text);
    json_close(b, '}');
}

static void warn_images(const struct gap_report *r, struct buf *b)
{
    if (!r->image.id)
        put_warning(b, "no_image_moments",
                    "The encoder has no image moments: there is nothing to measure a gap to.");
    else if (!r->image_rows.n)
        put_warning(
            b, "no_image_vectors",
            "The image moments came without vectors: mixing and spectra cannot be compared.");
    if (r->image.id && gap_shifts_images(r))
        put_warning(b, "images_are_shifted",
                    "The transfer leaves the images' mean to inference, which subtracts it: "
                    "after_inference is the distance that a model sees, after is not.");
}

static void write_warnings(const struct gap_report *r, struct buf *b)
{
    open_list(b, "warnings");
    if (gap_is_trial(r))
        put_warning(b, "trial",
                    "The vectors are the offline encoder's: for trying the service, not for "
                    "training a model.");
    if (r->changing)
        put_warning(b, "changing", "A run is at work: the figures are of no single moment.");
    if (r->rows.n < ROWS_FEW)
        put_warning(b, "few_rows", "The sample has %zu rows: the figures are mostly chance.",
                    r->rows.n);
    if (r->newer)
        put_warning(b, "newer_embeddings",
                    "%lld embeddings of the sample are younger than the text moments.",
                    (long long)r->newer);
    warn_images(r, b);
    json_close(b, ']');
}

static void write_sample(const struct gap_report *r, struct buf *b)
{
    open_object(b, "sample");
    put_int(b, "asked", r->asked);
    put_int(b, "seed", r->seed);
    put_int(b, "candidates", r->candidates);
    put_bool(b, "all", r->all);
    put_int(b, "rows", (int64_t)r->rows.n);
    put_int(b, "failed", r->failed);
    put_int(b, "unreadable", r->unreadable);
    put_int(b, "gone", r->gone);
    put_int(b, "newer", r->newer);
    json_close(b, '}');
}

static void write_side(const struct gap_report *r, const struct gap_side *side, const char *key,
                       struct buf *b)
{
    if (!side->id)
        return;
    open_object(b, key);
    put_text(b, "id", side->id);
    if (side->label) {
        put_text(b, "label", side->label);
        put_int(b, "version", side->version);
        put_int(b, "vectors", (int64_t)r->image_rows.n);
    }
    put_int(b, "count", side->count);
    json_close(b, '}');
}

static void write_distances(const struct gap_part *part, struct buf *b)
{
    static const char *const names[GAP_VIEWS][2] = {
        [GAP_BEFORE] = {"before", "before_error"},
        [GAP_AFTER] = {"after", "after_error"},
        [GAP_INFERENCE] = {"after_inference", "after_inference_error"},
    };
    open_object(b, "centroid_distance");
    for (int i = 0; i < GAP_VIEWS; i++) {
        put_number(b, names[i][0], part->distance[i]);
        put_number(b, names[i][1], part->error[i]);
    }
    json_close(b, '}');
    open_object(b, "trace_ratio");
    for (int i = 0; i < GAP_VIEWS; i++)
        put_number(b, names[i][0], part->trace_ratio[i]);
    json_close(b, '}');
}

static void write_source(const struct gap_report *r, struct buf *b)
{
    open_object(b, "source");
    put_int(b, "neighbours", (int64_t)r->pairs.neighbours);
    put_number(b, "cosine", r->whole.cosine);
    put_number(b, "similarity_correlation", r->pairs.correlation);
    put_number(b, "neighbour_overlap", r->pairs.overlap);
    json_close(b, '}');
    open_object(b, "pairwise_cosine");
    put_number(b, "before", r->pairs.cosine[0]);
    put_number(b, "after", r->pairs.cosine[1]);
    json_close(b, '}');
}

static void write_two(struct buf *b, const char *key, const double of[2])
{
    open_object(b, key);
    put_number(b, "before", of[0]);
    put_number(b, "after", of[1]);
    json_close(b, '}');
}

static void write_spectra(const struct gap_report *r, struct buf *b)
{
    static const char *const names[] = {"before", "after", "image"};
    open_object(b, "spectrum");
    put_int(b, "rows", (int64_t)r->spectrum_rows);
    for (int i = 0; i < 3; i++) {
        if (!r->spectra[i].known)
            continue;
        open_object(b, names[i]);
        put_number(b, "effective_rank", r->spectra[i].rank);
        put_number(b, "effective_dimension", r->spectra[i].dimension);
        put_number(b, "anisotropy", r->spectra[i].anisotropy);
        json_close(b, '}');
    }
    if (r->directions) {
        write_two(b, "correlation", r->spectrum_correlation);
        open_object(b, "subspace_overlap");
        put_int(b, "directions", (int64_t)r->directions);
        put_number(b, "random", (double)r->directions / (double)r->made.d);
        put_number(b, "before", r->overlap[0]);
        put_number(b, "after", r->overlap[1]);
        json_close(b, '}');
    }
    json_close(b, '}');
}

static void write_mixing(const struct gap_report *r, struct buf *b)
{
    static const char *const names[] = {"before", "after"};
    size_t others = 2 * r->mixing_rows - 1;
    if (!r->mixing_rows)
        return;
    open_object(b, "mixing");
    put_int(b, "rows", (int64_t)r->mixing_rows);
    put_int(b, "neighbours", (int64_t)(others < GAP_NEIGHBOURS ? others : GAP_NEIGHBOURS));
    for (int i = 0; i < 2; i++) {
        open_object(b, names[i]);
        put_number(b, "text_to_image", r->mixing[i][0]);
        put_number(b, "image_to_text", r->mixing[i][1]);
        json_close(b, '}');
    }
    json_close(b, '}');
}

static void write_lengths(const struct gap_report *r, struct buf *b)
{
    open_list(b, "lengths");
    for (int i = 0; i < GAP_BUCKETS; i++) {
        const struct gap_part *part = &r->parts[i];
        json_open(b, '{');
        put_int(b, "from", gap_edges[i]);
        if (i + 1 < GAP_BUCKETS)
            put_int(b, "to", gap_edges[i + 1]);
        put_int(b, "rows", (int64_t)part->n);
        if (part->n) {
            write_distances(part, b);
            put_number(b, "cosine", part->cosine);
            put_number(b, "norm", part->norm);
        }
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void write_head(const struct gap_report *r, struct buf *b)
{
    char now[25];
    clock_rfc3339(now);
    json_key(b, "dataset");
    json_str(b, r->dataset);
    put_bool(b, "trial", gap_is_trial(r));
    put_bool(b, "meaningful", !gap_is_trial(r));
    if (gap_is_trial(r))
        put_text(b, "why",
                 "The offline encoder hashes words and letters and has no image side: its vectors "
                 "are no CLIP space, and no gap of theirs says anything about a model's.");
    put_text(b, "generated_at", now);
    put_number(b, "took_seconds", (double)r->took_us / 1e6);
}

void gap_write(const struct gap_report *r, struct buf *b)
{
    json_open(b, '{');
    write_head(r, b);
    write_warnings(r, b);
    prepared_write(&r->p, b);
    write_side(r, &r->text, "text_moments", b);
    write_side(r, &r->image, "image_moments", b);
    write_sample(r, b);
    write_distances(&r->whole, b);
    open_object(b, "trace");
    put_number(b, "text", r->whole.trace[0]);
    put_number(b, "representations", r->whole.trace[1]);
    put_number(b, "image", r->image.id ? r->image.trace : (double)NAN);
    json_close(b, '}');
    write_source(r, b);
    write_spectra(r, b);
    write_mixing(r, b);
    write_lengths(r, b);
    gap_write_definitions(b);
    json_close(b, '}');
}

/* What each figure of a report is. A definition holds for the member of that path and for all below
 * it that have none of their own; items of lists have no part in a path. */
#include "handlers/report.h"
#include "handlers/report_json.h"

static const struct {
    const char *path, *text;
} definitions[] = {
    {"took_seconds", "How long the report took to make."},
    {"seeds", "Seeds of the dataset, whatever run or recipe was asked for."},
    {"captions.count", "Captions of the dataset, run or recipe that was asked for."},
    {"captions.usable", "Captions that no filter dropped and no review rejected."},
    {"captions.measured",
     "Captions whose texts the figures below are about: the usable ones, and in the view `default` "
     "of these only what that view picks."},
    {"captions.dropped", "Captions that a filter dropped."},
    {"captions.dropped_share", "dropped / count."},
    {"captions.flagged", "Captions that a filter flagged, dropped or not."},
    {"captions.rejected", "Captions that do not count because of a review."},
    {"captions.verdicts", "Captions by the verdict of their review."},
    {"captions.filters",
     "Captions by the filter that dropped them, and by each that flagged them."},
    {"captions.duplicates.marked_exact", "Captions dropped or flagged as exact duplicates."},
    {"captions.duplicates.marked_near", "Captions dropped or flagged as near duplicates."},
    {"captions.duplicates.marked_near_share", "marked_near / count."},
    {"captions.duplicates.repeated",
     "Measured captions with the same words in the same order as one before them, case and "
     "punctuation aside; share is of those that have words. Exact up to 2,097,152 different ones, "
     "then by HyperLogLog; standard_error is that of the share."},
    {"captions.duplicates.near",
     "Captions of the sample whose MinHash signature agrees in 80 % of its hashes with that of "
     "another measured caption; sample is how many have a signature. A pair of that similarity is "
     "found in 92 of 100 cases."},
    {"captions.words",
     "Words of a caption: runs of characters other than white space. A percentile is the least "
     "number that so many per cent of the captions do not exceed; a bucket holds from, but not "
     "to."},
    {"captions.characters", "Unicode code points of a caption."},
    {"captions.sentences",
     "Sentences of a caption: ended by . ! or ? before white space or the end, closing quotes and "
     "brackets allowed between; what is left behind the last end is one more."},
    {"captions.lexical", "Here words are lower-cased runs of letters, marks and digits with "
                         "apostrophes inside. N is the "
                         "number of words of a caption, V that of different ones."},
    {"captions.lexical.captions", "Measured captions that have such words."},
    {"captions.lexical.type_token_ratio", "Mean over the captions of V / N. Falls with length."},
    {"captions.lexical.entropy",
     "Mean over the captions of -sum p log2 p, p the share of each different word in the caption, "
     "in bits. Grows with length."},
    {"captions.lexical.moving_type_token_ratio",
     "Mean over the captions of the mean of V / N over all their stretches of 50 words; of V / N "
     "for shorter captions."},
    {"captions.lexical.normalised_entropy",
     "Mean over the captions of entropy / log2 N, which is 1 when all words differ."},
    {"captions.lexical.distinct_1",
     "Different words / all words over all captions together. Exact up to 524,288 different ones, "
     "then by HyperLogLog; standard_error is relative. Falls as the set grows."},
    {"captions.lexical.distinct_2", "The same of pairs of words that stand side by side."},
    {"captions.lexical.distinct_3", "The same of runs of three words."},
    {"captions.lexical.sample",
     "Captions of the sample: the 500 with the lowest first 8 bytes of SHA-256(\"report:\" id)."},
    {"captions.lexical.self_bleu_4",
     "Mean BLEU-4 of each caption of the sample against all the others as references; a precision "
     "without a match counts as 0.1 matches. Lower is more varied; depends on the sample's size."},
    {"captions.lexical.compression_ratio",
     "Bytes of the sample, a line a caption in the order of those hashes, / bytes after zlib at "
     "level 9. Lower is more varied."},
    {"captions.openings",
     "The first three words of a caption, of those with as many; share is of these. Openings "
     "beyond "
     "the first 16,384 different ones are only counted together, as uncounted."},
    {"dialogues.count", "Dialogues of the dataset, run or recipe that was asked for."},
    {"dialogues.measured", "Dialogues that the figures by task are about: in the view `default` "
                           "those of captions that it "
                           "picks, else all."},
    {"dialogues.tasks.count", "Dialogues of the task."},
    {"dialogues.tasks.measured", "Of these, the measured ones."},
    {"dialogues.tasks.asked", "The number of dialogues that the run was asked for."},
    {"dialogues.tasks.asked_share", "The share of the captions that the run was asked to make a "
                                    "dialogue of, each chosen by hash."},
    {"dialogues.tasks.existing",
     "Dialogues of the task under the run's recipe in the dataset, whichever run made them."},
    {"dialogues.tasks.turns", "Pairs of question and answer in a dialogue."},
    {"dialogues.tasks.questions", "Questions of the measured dialogues."},
    {"dialogues.tasks.question_words",
     "The first word of a question; whose and whom count as who, do and did as does, are, was and "
     "were as is, could, would, should and will as can."},
    {"dialogues.tasks.answer_words",
     "Words of an answer, between white space; in multiple choice those of the right option."},
    {"dialogues.tasks.tokens_estimate",
     "Tokens of a dialogue and of the template around it by estimate: words by their lengths, each "
     "digit and mark one, other characters one to four; 5 to 33 % above the vocabulary of Llama "
     "3."},
    {"dialogues.tasks.over_limit", "Dialogues of more than 1,470 such tokens, which trainers cut."},
    {"dialogues.tasks.letters", "Right answers of multiple-choice questions by letter."},
    {"dialogues.tasks.letters.max_deviation", "Largest distance of a letter's share from 0.25."},
    {"dialogues.tasks.letters.chi_square",
     "Sum over the letters of (count - expected)^2 / expected, 3 degrees of freedom; above 16.3 by "
     "chance once in a thousand times."},
    {"dialogues.tasks.letters.right_is_longest_share",
     "Questions whose right option has more characters than each of the others; 0.25 or less when "
     "length tells nothing."},
    {"failures.count",
     "Items that failed in the runs that were asked for; one that a later run made still counts."},
    {"failures.reasons", "The same by stage and reason."},
    {"usage.rows", "Rows that were made: captions, dialogues or embeddings."},
    {"usage.usable", "Of the rows, those that no filter dropped and no review rejected."},
    {"usage.failed", "Items that failed."},
    {"usage.calls",
     "Calls that were sent for rows and for failed items; calls that were given up without either "
     "are counted by the run alone."},
    {"usage.tokens_in", "Prompt tokens as the provider reported them, failed items included."},
    {"usage.tokens_cached", "Of tokens_in, those that the provider had cached."},
    {"usage.tokens_out", "Completion tokens as the provider reported them, failed items included."},
    {"usage.tokens_reasoning", "Of tokens_out, those of reasoning."},
    {"usage.cost_usd", "Dollars at the declared prices, failed items included."},
    {"usage.cost_usd_failed", "Of cost_usd, what failed items cost."},
    {"usage.calls_per_row", "calls / rows."},
    {"usage.tokens_in_per_row", "tokens_in / rows."},
    {"usage.tokens_out_per_row", "tokens_out / rows."},
    {"usage.cost_usd_per_row", "cost_usd / rows."},
    {"usage.cost_usd_per_usable_row", "cost_usd / usable."},
    {"usage.truncated",
     "Of the rows, embeddings of texts that were longer than the encoder reads, as far as it says "
     "so."},
    {"usage.latency_ms_mean", "Mean time of the last call of a row, of rows where it is known."},
    {"usage.rows_per_second",
     "rows / time from the first to the last row; pauses and the time between runs count."},
    {"cost_usd", "Dollars of all stages and providers together."},
    {"recipes", "Rows by the recipe that made them; cost_usd without failed items."},
    {"prompts", "Rows by the prompt that made them; cost_usd without failed items."},
    {"paper",
     "The figures of the Unicorn paper for its own data. It does not define type_token_ratio and "
     "entropy; averages over captions with log2 are the only reading that its numbers allow."},
};

void report_write_definitions(struct buf *b)
{
    open_object(b, "definitions");
    for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++)
        put_text(b, definitions[i].path, definitions[i].text);
    json_close(b, '}');
}

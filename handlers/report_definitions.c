/* What each figure of a report is. A definition holds for the member of that path and for all below
 * it that have none of their own; items of lists have no part in a path. */
#include "handlers/report.h"
#include "handlers/report_json.h"

/* Which reports a definition is of. Where both have the member but not in the same sense,
 * it has a definition for each. */
enum of { ALL, OPEN, FROZEN };

static const struct {
    const char *path, *text;
    enum of of;
} definitions[] = {
    {"took_seconds", "How long the report took to make.", OPEN},
    {"view",
     "Caption recipes of the frozen view in order. The report is of all that the view picks, "
     "whatever part of it an export selects, and of nothing else: other recipes do not change it.",
     FROZEN},
    {"dialogue_recipes", "Dialogue recipes of the frozen view in order.", FROZEN},
    {"seeds", "Seeds of the dataset, whatever run or recipe was asked for.", OPEN},
    {"captions.count", "Captions of the dataset, run or recipe that was asked for.", OPEN},
    {"captions.count",
     "Captions that the view picks: of each seed and variant the first one in the order of its "
     "recipes that no filter dropped and no review rejected.",
     FROZEN},
    {"captions.usable", "Captions that no filter dropped and no review rejected.", OPEN},
    {"captions.measured",
     "Captions whose texts the figures below are about: the usable ones, and in the view `default` "
     "of these only what that view picks.",
     OPEN},
    {"captions.measured",
     "Captions whose texts the figures below are about: all that the view picks in the measured "
     "shards.",
     FROZEN},
    {"captions.measured_shards",
     "The first so many shards of the dataset, which have a hundred thousand captions together, or "
     "all. Seeds are in shards by the hashes of their texts, so that these are a fair sample.",
     FROZEN},
    {"captions.dropped", "Captions that a filter dropped.", OPEN},
    {"captions.dropped_share", "dropped / count.", OPEN},
    {"captions.flagged", "Captions that a filter flagged, dropped or not.", ALL},
    {"captions.rejected", "Captions that do not count because of a review.", OPEN},
    {"captions.verdicts", "Captions by the verdict of their review.", OPEN},
    {"captions.verdicts",
     "Captions that a review accepted; a rejected or corrected one is not picked.", FROZEN},
    {"captions.filters", "Captions by the filter that dropped them, and by each that flagged them.",
     OPEN},
    {"captions.filters", "Captions by each filter that flagged them.", FROZEN},
    {"captions.duplicates.marked_exact", "Captions dropped or flagged as exact duplicates.", ALL},
    {"captions.duplicates.marked_near", "Captions dropped or flagged as near duplicates.", ALL},
    {"captions.duplicates.marked_near_share", "marked_near / count.", ALL},
    {"captions.duplicates.repeated",
     "Measured captions with the same words in the same order as one before them, case and "
     "punctuation aside; share is of those that have words. Exact up to 2,097,152 different ones, "
     "then by HyperLogLog; standard_error is that of the share.",
     ALL},
    {"captions.duplicates.near",
     "Captions of the sample whose MinHash signature agrees in 80 % of its hashes with that of "
     "another measured caption; sample is how many have a signature. A pair of that similarity is "
     "found in 92 of 100 cases.",
     ALL},
    {"captions.words",
     "Words of a caption: runs of characters other than white space. A percentile is the least "
     "number that so many per cent of the captions do not exceed; a bucket holds from, but not "
     "to.",
     ALL},
    {"captions.characters", "Unicode code points of a caption.", ALL},
    {"captions.sentences",
     "Sentences of a caption: ended by . ! or ? before white space or the end, closing quotes and "
     "brackets allowed between; what is left behind the last end is one more.",
     ALL},
    {"captions.lexical",
     "Here words are lower-cased runs of letters, marks and digits with "
     "apostrophes inside. N is the "
     "number of words of a caption, V that of different ones.",
     ALL},
    {"captions.lexical.captions", "Measured captions that have such words.", ALL},
    {"captions.lexical.type_token_ratio", "Mean over the captions of V / N. Falls with length.",
     ALL},
    {"captions.lexical.entropy",
     "Mean over the captions of -sum p log2 p, p the share of each different word in the caption, "
     "in bits. Grows with length.",
     ALL},
    {"captions.lexical.moving_type_token_ratio",
     "Mean over the captions of the mean of V / N over all their stretches of 50 words; of V / N "
     "for shorter captions.",
     ALL},
    {"captions.lexical.normalised_entropy",
     "Mean over the captions of entropy / log2 N, which is 1 when all words differ.", ALL},
    {"captions.lexical.distinct_1",
     "Different words / all words over all captions together. Exact up to 524,288 different ones, "
     "then by HyperLogLog; standard_error is relative. Falls as the set grows.",
     ALL},
    {"captions.lexical.distinct_2", "The same of pairs of words that stand side by side.", ALL},
    {"captions.lexical.distinct_3", "The same of runs of three words.", ALL},
    {"captions.lexical.sample",
     "Captions of the sample: the 500 with the lowest first 8 bytes of SHA-256(\"report:\" id).",
     ALL},
    {"captions.lexical.self_bleu_4",
     "Mean BLEU-4 of each caption of the sample against all the others as references; a precision "
     "without a match counts as 0.1 matches. Lower is more varied; depends on the sample's size.",
     ALL},
    {"captions.lexical.compression_ratio",
     "Bytes of the sample, a line a caption in the order of those hashes, / bytes after zlib at "
     "level 9. Lower is more varied.",
     ALL},
    {"captions.openings",
     "The first three words of a caption, of those with as many; share is of these. Openings "
     "beyond "
     "the first 16,384 different ones are only counted together, as uncounted.",
     ALL},
    {"dialogues.count", "Dialogues of the dataset, run or recipe that was asked for.", OPEN},
    {"dialogues.count",
     "Dialogues that the view picks: of each caption that it picks and each task the first one in "
     "the order of its dialogue recipes.",
     FROZEN},
    {"dialogues.measured",
     "Dialogues that the figures by task are about: in the view `default` "
     "those of captions that it "
     "picks, else all.",
     OPEN},
    {"dialogues.measured",
     "Dialogues that the figures by task are about: all that the view picks in "
     "the measured shards.",
     FROZEN},
    {"dialogues.tasks.count", "Dialogues of the task.", ALL},
    {"dialogues.tasks.measured", "Of these, the measured ones.", ALL},
    {"dialogues.tasks.asked", "The number of dialogues that the run was asked for.", OPEN},
    {"dialogues.tasks.asked_share",
     "The share of the captions that the run was asked to make a "
     "dialogue of, each chosen by hash.",
     OPEN},
    {"dialogues.tasks.existing",
     "Dialogues of the task under the run's recipe in the dataset, whichever run made them.", OPEN},
    {"dialogues.tasks.turns", "Pairs of question and answer in a dialogue.", ALL},
    {"dialogues.tasks.questions", "Questions of the measured dialogues.", ALL},
    {"dialogues.tasks.question_words",
     "The first word of a question; whose and whom count as who, do and did as does, are, was and "
     "were as is, could, would, should and will as can.",
     ALL},
    {"dialogues.tasks.answer_words",
     "Words of an answer, between white space; in multiple choice those of the right option.", ALL},
    {"dialogues.tasks.tokens_estimate",
     "Tokens of a dialogue and of the template around it by estimate: words by their lengths, each "
     "digit and mark one, other characters one to four; 5 to 33 % above the vocabulary of Llama "
     "3.",
     ALL},
    {"dialogues.tasks.over_limit", "Dialogues of more than 1,470 such tokens, which trainers cut.",
     ALL},
    {"dialogues.tasks.letters", "Right answers of multiple-choice questions by letter.", ALL},
    {"dialogues.tasks.letters.max_deviation", "Largest distance of a letter's share from 0.25.",
     ALL},
    {"dialogues.tasks.letters.chi_square",
     "Sum over the letters of (count - expected)^2 / expected, 3 degrees of freedom; above 16.3 by "
     "chance once in a thousand times.",
     ALL},
    {"dialogues.tasks.letters.right_is_longest_share",
     "Questions whose right option has more characters than each of the others; 0.25 or less when "
     "length tells nothing.",
     ALL},
    {"failures.count",
     "Items that failed in the runs that were asked for; one that a later run made still counts.",
     OPEN},
    {"failures.reasons", "The same by stage and reason.", OPEN},
    {"usage.rows", "Rows that were made: captions, dialogues or embeddings.", OPEN},
    {"usage.rows", "Rows that the view picks: captions or dialogues.", FROZEN},
    {"usage.usable", "Of the rows, those that no filter dropped and no review rejected.", OPEN},
    {"usage.failed", "Items that failed.", OPEN},
    {"usage.calls",
     "Calls that were sent for rows and for failed items; calls that were given up without either "
     "are counted by the run alone.",
     OPEN},
    {"usage.calls", "Calls that were sent for these rows; those for failed items are nobody's.",
     FROZEN},
    {"usage.tokens_in", "Prompt tokens as the provider reported them, failed items included.",
     OPEN},
    {"usage.tokens_in", "Prompt tokens as the provider reported them.", FROZEN},
    {"usage.tokens_cached", "Of tokens_in, those that the provider had cached.", ALL},
    {"usage.tokens_out", "Completion tokens as the provider reported them, failed items included.",
     OPEN},
    {"usage.tokens_out", "Completion tokens as the provider reported them.", FROZEN},
    {"usage.tokens_reasoning", "Of tokens_out, those of reasoning.", ALL},
    {"usage.cost_usd", "Dollars at the declared prices, failed items included.", OPEN},
    {"usage.cost_usd", "Dollars at the declared prices.", FROZEN},
    {"usage.cost_usd_failed", "Of cost_usd, what failed items cost.", OPEN},
    {"usage.calls_per_row", "calls / rows.", ALL},
    {"usage.tokens_in_per_row", "tokens_in / rows.", ALL},
    {"usage.tokens_out_per_row", "tokens_out / rows.", ALL},
    {"usage.cost_usd_per_row", "cost_usd / rows.", ALL},
    {"usage.cost_usd_per_usable_row", "cost_usd / usable.", OPEN},
    {"usage.truncated",
     "Of the rows, embeddings of texts that were longer than the encoder reads, as far as it says "
     "so.",
     OPEN},
    {"usage.latency_ms_mean", "Mean time of the last call of a row, of rows where it is known.",
     ALL},
    {"usage.rows_per_second",
     "rows / time from the first to the last row; pauses and the time between runs count.", OPEN},
    {"usage.rows_per_second",
     "rows / time from the first to the last row; pauses, the time between runs and that of rows "
     "that are not picked count.",
     FROZEN},
    {"cost_usd", "Dollars of all stages and providers together.", ALL},
    {"recipes", "Rows by the recipe that made them; cost_usd without failed items.", OPEN},
    {"recipes", "Rows by the recipe that made them.", FROZEN},
    {"prompts", "Rows by the prompt that made them; cost_usd without failed items.", OPEN},
    {"prompts", "Rows by the prompt that made them.", FROZEN},
    {"paper",
     "The figures of the Unicorn paper for its own data. It does not define type_token_ratio and "
     "entropy; averages over captions with log2 are the only reading that its numbers allow.",
     ALL},
};

void report_write_definitions(const struct report *r, struct buf *b)
{
    enum of mine = r->frozen ? FROZEN : OPEN;
    open_object(b, "definitions");
    for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++)
        if (definitions[i].of == ALL || definitions[i].of == mine)
            put_text(b, definitions[i].path, definitions[i].text);
    json_close(b, '}');
}

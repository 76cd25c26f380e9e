-- Human review: samples of captions, who holds which item, and every verdict that was given.

-- Small global tables -----------------------------------------------------------------------------

CREATE TABLE reviews (
    review_id     uuid PRIMARY KEY,
    dataset       bigint NOT NULL REFERENCES datasets,
    sequence      bigint NOT NULL,            -- order within the dataset, for paging
    label         text NOT NULL,
    sample        integer NOT NULL CHECK (sample > 0), -- captions asked for
    seed          bigint NOT NULL,            -- of the draw
    selection     json NOT NULL,              -- what the draw was taken from, as it was asked for
    lease_seconds integer NOT NULL CHECK (lease_seconds > 0),
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX reviews_dataset_sequence ON reviews (dataset, sequence);

-- Big tables --------------------------------------------------------------------------------------

-- The captions of a sample, frozen when it was drawn, each with its lease and its latest verdict. A
-- lease to somebody else raises token; a verdict under an older one is not taken.
CREATE TABLE review_items (
    shard_id     bigint NOT NULL,
    seed_id      uuid NOT NULL,
    caption_hash bytea NOT NULL,
    review_id    uuid NOT NULL,
    place        integer NOT NULL,            -- in the order of the draw, from 1
    recipe_id    uuid NOT NULL,               -- with variant: the caption's slot
    variant      smallint NOT NULL,
    token        bigint NOT NULL DEFAULT 0,
    reviewer     text,                        -- who holds it, or gave the verdict
    lease_until  timestamptz,
    revision     integer NOT NULL DEFAULT 0,  -- verdicts so far
    verdict      text CHECK (verdict IN ('accepted', 'rejected', 'corrected', 'skipped')),
    note         text,
    correction   bytea,                       -- hash of the human caption of the same seed
    reviewed_at  timestamptz,
    PRIMARY KEY (shard_id, seed_id, caption_hash, review_id)
) WITH (fillfactor = 70);
CREATE INDEX review_items_place ON review_items (review_id, place);

-- Every verdict as it was given; never changed.
CREATE TABLE review_verdicts (
    shard_id     bigint NOT NULL,
    seed_id      uuid NOT NULL,
    caption_hash bytea NOT NULL,
    review_id    uuid NOT NULL,
    revision     integer NOT NULL,
    reviewer     text NOT NULL,
    verdict      text NOT NULL,
    note         text,
    correction   bytea,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard_id, seed_id, caption_hash, review_id, revision)
);

-- Of a human caption: the hash of the caption of the same seed that it stands in for. Its run_id is
-- the review's id.
ALTER TABLE captions ADD COLUMN corrects bytea;
CREATE INDEX captions_reviewed ON captions (shard_id, seed_id, recipe_id, variant)
    WHERE verdict IS NOT NULL;

"""Rows as other services, models and reviewers would have left them, put in by SQL."""
import itertools
import json

from support import identity

_numbers = itertools.count(1)


class Rows:
    """Fills a dataset. Times are seconds after `START`."""

    START = "2026-01-01T00:00:00Z"

    def __init__(self, database, dataset):
        self.database, self.dataset = database, dataset
        self.number, self.shards = (int(v) for v in database.execute(
            f"SELECT number, shards FROM datasets WHERE name = '{dataset.name}'").split("|"))

    def recipe(self, stage="captions", kind="openai", age=0):
        """A recipe that the dataset has seen, `age` minutes ago; its id."""
        recipe = f"{next(_numbers):032x}"
        self.database.execute(f"""
            INSERT INTO recipes (recipe_id, stage, kind, settings) VALUES ('{recipe}', '{stage}', '{kind}', '{{}}');
            INSERT INTO dataset_recipes VALUES ({self.number}, '{recipe}', now() - {age} * interval '1 min');""")
        return recipe

    def run(self, **columns):
        """A run that has ended; its id. Values are SQL."""
        run = f"{next(_numbers):032x}"
        columns = {"state": "'succeeded'", "stages": "'{captions,dialogues}'", "request": "'{}'", **columns}
        self.database.execute(f"""
            INSERT INTO runs (run_id, dataset, sequence, {", ".join(columns)})
            SELECT '{run}', {self.number}, coalesce(max(sequence), 0) + 1, {", ".join(columns.values())}
            FROM runs WHERE dataset = {self.number}""")
        return run

    def set_to_work(self, run):
        """Until stop_work() the run is running: somebody holds a range of it."""
        self.database.execute(f"""
            INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, state, token, lease_until)
            VALUES ({self.number * 65536}, '{run}', 'captions', '{"0" * 32}', '{"f" * 32}', {self.number},
                    now(), 'leased', 1, now() + interval '1 hour');
            UPDATE runs SET state = 'running' WHERE run_id = '{run}'""")

    def stop_work(self, run):
        self.database.execute(f"""UPDATE runs SET state = 'cancelled' WHERE run_id = '{run}';
                                  DELETE FROM tasks WHERE run_id = '{run}'""")

    def seeds(self, n):
        """Ids of n new seeds."""
        return [self.dataset.add([f"A seed, number {next(_numbers)}."])["ids"][0] for _ in range(n)]

    def seed_ids(self, n):
        """n ids without the seeds themselves, which captions do not need."""
        return [identity.seed_id(f"A seed, number {next(_numbers)}.") for _ in range(n)]

    def captions(self, captions):
        """Each a dictionary with seed, recipe, run, text and any column; they come back with ids."""
        rows = []
        for caption in captions:
            caption.setdefault("variant", 0)
            caption["id"] = identity.caption_id(caption["seed"], caption["recipe"], caption["variant"],
                                                caption["text"])
            rows.append({"shard_id": self._shard(caption["seed"]), "seed_id": caption["seed"],
                         "recipe_id": caption["recipe"], "run_id": caption["run"],
                         "hash": "\\x" + caption["id"][-16:],
                         **{k: v for k, v in caption.items() if k not in ("seed", "recipe", "run", "id", "at")},
                         **self._common(caption)})
        self._insert("captions", rows)
        return captions

    def dialogues(self, dialogues):
        """Each with caption (an id), task, recipe, run and conversations."""
        rows = []
        for dialogue in dialogues:
            conversations = json.dumps(dialogue["conversations"])
            seed, caption = dialogue["caption"].split("-")
            whole = identity.dialogue_id(dialogue["caption"], dialogue["recipe"], dialogue["task"],
                                         conversations)
            rows.append({"shard_id": self._shard(seed), "seed_id": seed, "caption_hash": "\\x" + caption,
                         "recipe_id": dialogue["recipe"], "run_id": dialogue["run"],
                         "hash": "\\x" + whole[-8:], "turns": len(dialogue["conversations"]) // 2,
                         **{k: v for k, v in dialogue.items()
                            if k not in ("caption", "recipe", "run", "at")},
                         **self._common(dialogue)})
        self._insert("dialogues", rows)

    def failures(self, failures):
        """Each with seed, run, stage, reason."""
        self._insert("failures", [
            {"shard_id": self._shard(f["seed"]), "seed_id": f["seed"], "run_id": f["run"],
             "item": str(i), "detail": "", "created_at": self.START,
             **{k: v for k, v in f.items() if k not in ("seed", "run")}} for i, f in enumerate(failures)])

    def _shard(self, seed):
        return self.number * 65536 + identity.shard(seed, self.shards)

    def _common(self, row):
        at = f"2026-01-01T00:{row.get('at', 0) // 60:02d}:{row.get('at', 0) % 60:02d}Z"
        return {"created_at": at, "model": row.get("model", "test-model"), "finish_reason": "stop",
                "tokens_in": row.get("tokens_in", 0), "tokens_out": row.get("tokens_out", 0)}

    def _insert(self, table, rows):
        """Rows may have different columns; what one leaves out is the column's default."""
        for names, some in itertools.groupby(sorted(rows, key=lambda r: sorted(r)), key=sorted):
            text = json.dumps(list(some)).replace("'", "''")
            columns = ", ".join(names)
            self.database.execute(f"""INSERT INTO {table} ({columns}) SELECT {columns}
                                      FROM json_populate_recordset(NULL::{table}, '{text}')""")

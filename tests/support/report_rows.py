"""Rows to report on, and what a report must say of such rows."""
import random
import struct

from support import figures
from support.rows import Rows

TASKS = ["multiple_choice", "question_answering", "complex_reasoning"]
WORDS = """the a of on with two red small bicycle wall dog beach window light market woman child Café
street tree don't boat grey wooden behind beside stands leans runs old stone bridge river's morning
bright shadow cloud green Straße 3 12 well-lit umbrella hat blue coat table cup fruit flower""".split()


def sentence(rng, least, most):
    text = " ".join(rng.choices(WORDS, weights=range(len(WORDS), 0, -1), k=rng.randint(least, most)))
    return text[0].upper() + text[1:] + rng.choice([".", ".", ".", "!", "?", "...", '."', ""])


def text(rng):
    return " ".join(sentence(rng, 3, 25) for _ in range(rng.choice([1, 2, 4, 8, 8, 9, 12])))


def conversation(rng, task):
    turns = []
    for i in range(rng.randint(2, 8)):
        start = rng.choice(["What is", "which one", "Whose", "Are the two", "Could it be that", "Tell me of",
                            "How", "In the shade, what"])
        question = f"{start} {sentence(rng, 2, 8)} {i}"
        answer = sentence(rng, 3, 30)
        if task == "multiple_choice":
            options = [sentence(rng, 1, 4) + f" {letter}" for letter in "stuv"]
            question += "".join(f"\n{letter}: {option}" for letter, option in zip("ABCD", options))
            answer = rng.choices("ABCD", weights=[6, 2, 1, 1])[0]
        turns += [{"from": "human", "value": ("<image>\n" if i == 0 else "") + question},
                  {"from": "gpt", "value": answer}]
    return turns


class Made:
    """700 captions of an older recipe, 300 of a newer one, and dialogues, with all that can be noted."""

    def __init__(self, database, dataset):
        self.rng, self.signatures = random.Random(5), []
        self.api, self.dataset = dataset.api, dataset
        self.rows = Rows(database, dataset)
        self.old, self.new = self.rows.recipe(age=10), self.rows.recipe(age=5, kind="mixed")
        self.talk = self.rows.recipe("dialogues")
        self.first = self.rows.run(caption_recipe=f"'{self.old}'", dialogue_recipe=f"'{self.talk}'")
        self.second = self.rows.run(
            caption_recipe=f"'{self.new}'", dialogue_recipe=f"'{self.talk}'",
            mix_tasks="'{complex_reasoning,multiple_choice}'", targets="'{5,40}'",
            dialogue_settings="""'{"mix":{"multiple_choice":0.25,"complex_reasoning":0.125}}'""")
        seeds = self.rows.seed_ids(700)
        self.captions = self.rows.captions([self.caption(i, seed, self.old, self.first)
                                            for i, seed in enumerate(seeds)])
        self.captions += self.rows.captions([self.caption(i, seed, self.new, self.second)
                                             for i, seed in enumerate(seeds[400:])])
        self.dialogues = [self.dialogue(i, c) for i, c in enumerate(self.captions[::3])]
        self.rows.dialogues(self.dialogues)
        self.failures = [{"seed": seed, "run": run, "stage": stage, "reason": reason, "provider": "p",
                          "tokens_in": 10, "tokens_out": 3, "cost": 1_000_000, "calls": 2}
                         for seed, (run, stage, reason) in zip(seeds, [
                             (self.first, "captions", "timeout"), (self.first, "captions", "timeout"),
                             (self.first, "dialogues", "schema"), (self.second, "captions", "refusal"),
                             (self.second, "dialogues", "schema")])]
        self.rows.failures(self.failures)

    def caption(self, i, seed, recipe, run):
        out = {"seed": seed, "recipe": recipe, "run": run, "text": text(self.rng),
               "provider": "pq"[i % 2], "prompt": ["dense-v1", "concise-v1"][i % 4 == 0],
               "tokens_in": 100 + i, "tokens_cached": i % 50, "tokens_out": 150, "tokens_reasoning": i % 7,
               "cost": 300_000 + i, "calls": 1 + i % 3, "latency_ms": i % 5 * 100, "at": i}
        if i % 23 == 0:
            out["dropped"] = ["length", "near_duplicate", "exact_duplicate"][i % 3]
        if i % 11 == 0:
            out["flags"] = ["short", "near_duplicate"] if i % 2 else ["short"]
        if i % 17 == 0:
            out["verdict"] = ["accepted", "rejected", "corrected"][i % 3]
            out["rejected"] = i % 3 == 1
        if i % 4:
            self.signatures.append(self.signature(i))
            out["signature"] = "\\x" + struct.pack("<112H", *self.signatures[-1]).hex()
        if i % 31 == 30:
            out["text"] = "The very same words again."
        return out

    def signature(self, i):
        """112 numbers; one in nine is like an earlier one but for 1 to 40 of them in a row."""
        if i % 9 or not self.signatures:
            return [self.rng.randrange(65536) for _ in range(112)]
        like = list(self.rng.choice(self.signatures))
        first = self.rng.randrange(72)
        for at in range(first, first + self.rng.choice([1, 10, 22, 23, 40])):
            like[at] = (like[at] + 1) % 65536
        return like

    def dialogue(self, i, caption):
        return {"caption": caption["id"], "task": TASKS[i % 3], "recipe": self.talk,
                "run": caption["run"], "conversations": conversation(self.rng, TASKS[i % 3]),
                "provider": "pq"[i % 2], "tokens_in": 200, "tokens_out": 400 + i, "cost": 1_000_000,
                "calls": 1, "latency_ms": 900, "at": 2 * i}


def assert_same(found, expected, tolerance=1e-9):
    wrong = figures.differences(found, expected, tolerance=tolerance)
    assert not wrong, "\n".join(wrong[:10])


def check_texts(found, captions, dialogues):
    """All that is said of the texts, against what these rows give."""
    assert found["captions"]["measured"] == len(captions)
    expected = figures.captions_figures(captions)
    assert_same({key: found["captions"][key] for key in expected}, expected)
    assert_same(found["captions"]["duplicates"]["repeated"], figures.repeated(captions))
    assert found["dialogues"]["measured"] == len(dialogues)
    assert [task["task"] for task in found["dialogues"]["tasks"]] == TASKS
    for task in found["dialogues"]["tasks"]:
        mine = [d for d in dialogues if d["task"] == task["task"]]
        assert task["measured"] == len(mine)
        expected = figures.task_figures(mine) if mine else {"questions": 0, "over_limit": 0}
        assert_same({key: task[key] for key in task if key in expected or key in
                     ("turns", "letters", "question_words", "answer_words", "tokens_estimate")}, expected)


def expected_usage(stage, provider, rows, failures):
    def total(name, of=rows):
        return sum(row.get(name, 0) for row in of)

    n, latencies = len(rows), [row["latency_ms"] for row in rows if row["latency_ms"]]
    usable = sum(not row.get("dropped") and not row.get("rejected") for row in rows)
    cost, times = total("cost") + total("cost", failures), [row["at"] for row in rows]
    return {
        "stage": stage, "provider": provider, "rows": n, "usable": usable, "failed": len(failures),
        "calls": total("calls") + total("calls", failures),
        "tokens_in": total("tokens_in") + total("tokens_in", failures),
        "tokens_cached": total("tokens_cached"),
        "tokens_out": total("tokens_out") + total("tokens_out", failures),
        "tokens_reasoning": total("tokens_reasoning"),
        "cost_usd": cost / 1e9, "cost_usd_failed": total("cost", failures) / 1e9,
        "calls_per_row": (total("calls") + total("calls", failures)) / n,
        "tokens_in_per_row": (total("tokens_in") + total("tokens_in", failures)) / n,
        "tokens_out_per_row": (total("tokens_out") + total("tokens_out", failures)) / n,
        "cost_usd_per_row": cost / n / 1e9, "cost_usd_per_usable_row": cost / usable / 1e9,
        "latency_ms_mean": sum(latencies) / len(latencies),
        "first_at": f"2026-01-01T00:{min(times) // 60:02d}:{min(times) % 60:02d}.000Z",
        "last_at": f"2026-01-01T00:{max(times) // 60:02d}:{max(times) % 60:02d}.000Z",
        "rows_per_second": n / (max(times) - min(times)),
    }


def numbers(node, path=""):
    """Paths of all numbers of an answer, without the places in lists."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from numbers(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        for value in node:
            yield from numbers(value, path)
    elif isinstance(node, (int, float)) and not isinstance(node, bool):
        yield path

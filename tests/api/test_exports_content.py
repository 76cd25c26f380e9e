"""What is in the files of an export: the rows of the API, in every format, and the same bytes for the
same view."""
import io
import json
import os
import time

import numpy
import pytest

from support.dataset import EVERY_TASK, Dataset
from support.exporting import (ALL_FORMATS, Export, check_digests, id_of_numbers, make, safetensors,
                               samples)
from support.seeds import generate
from support.wait import until

SEEDS = 300
LLAVA = ["id", "dialogue_id", "caption", "conversations"]


@pytest.fixture(scope="module")
def made(server):
    """A dataset with everything in it."""
    from support.client import Api  # pylint: disable=import-outside-toplevel
    dataset = Dataset(Api(server.base), "exported", 4)
    dataset.load(generate(SEEDS))
    dataset.run(dialogues={"mix": EVERY_TASK}, captions={"variants": 2})
    return dataset


@pytest.fixture(scope="module")
def export(made):
    return make(made, files=2, labels={"for": "tests"})


def test_pretraining_has_every_caption_once(made, export):
    rows, captions = export.rows("pretrain"), {c["id"]: c["text"] for c in made.captions(page_size=1000)}
    assert len(rows) == len(captions) > SEEDS
    questions = set()
    for row in rows:
        assert list(row) == LLAVA and row["dialogue_id"] == ""
        human, gpt = row["conversations"]
        assert (human["from"], gpt["from"]) == ("human", "gpt")
        assert human["value"].startswith("<image>\n") and human["value"].count("<image>") == 1
        assert gpt["value"] == row["caption"] == captions[row["id"]]
        questions.add(human["value"])
    assert len(questions) > 10


def test_instructions_are_the_dialogues_of_the_api(made, export):
    rows = export.rows("instruct")
    assert rows and all(list(row) == LLAVA for row in rows)
    there = {d["dialogue_id"]: d for d in made.dialogues(format="llava", page_size=1000)}
    assert {row["dialogue_id"]: row for row in rows} == there and len(rows) == len(there)
    assert {row["id"] for row in rows} <= {row["id"] for row in export.rows("pretrain")}


def test_arrays_are_one_file_each(export):
    for name in ("pretrain", "instruct"):
        assert json.loads(export.file(f"{name}.json")) == export.rows(name)


def test_captions(made, export):
    rows = export.rows("captions")
    there = {c["id"]: c for c in made.captions(page_size=1000)}
    seeds = {s["id"]: s for s in made.seeds(page_size=1000)}
    assert len(rows) == len(there)
    for row in rows:
        assert list(row) == ["id", "seed_id", "recipe", "variant", "text", "seed", "source", "domain",
                             "provider", "model", "prompt"]
        caption = there[row["id"]]
        assert all(row[k] == caption[k] for k in ("seed_id", "recipe", "variant", "text", "provider", "model"))
        assert row["seed"] == seeds[row["seed_id"]]["text"]
        assert row["source"] == seeds[row["seed_id"]].get("source")


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_vectors_are_those_of_the_api(made, dtype):
    export = make(made, ["npy", "safetensors", "captions"], dtype=dtype)
    ids, vectors = export.ids(), export.vectors()
    there = made.vectors("mean_shift")
    assert ids == [row["id"] for row in export.rows("captions")] and set(ids) == set(there)
    wanted = numpy.array([there[i] for i in ids], "<f4")
    assert vectors.dtype == ("<f2" if dtype == "float16" else "<f4")
    assert numpy.array_equal(vectors, wanted.astype(vectors.dtype))
    tensors, notes = safetensors(export.file("representations.safetensors"))
    assert numpy.array_equal(tensors["vectors"], vectors)
    assert [id_of_numbers(row) for row in tensors["ids"]] == ids
    assert notes["transfer"] == export.manifest["transfer"]["id"] and notes["dataset"] == made.name


def test_bfloat16_is_rounded_to_the_nearest(made):
    export = make(made, ["safetensors"], dtype="bfloat16")
    tensors, _ = safetensors(export.file("representations.safetensors"))
    there = made.vectors("mean_shift")
    wanted = numpy.array([there[id_of_numbers(row)] for row in tensors["ids"]], "<f4")
    bits = wanted.view("<u4")
    rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype("<u4").view("<f4")
    assert numpy.array_equal(tensors["vectors"], rounded)


def test_the_tar_has_a_sample_for_each_caption(made, export):
    found = {}
    names = export.names("samples-", ".tar")
    assert names == ["samples-000000.tar", "samples-000001.tar"]
    for name in names:
        found.update(samples(export.file(name)))
    vectors = dict(zip(export.ids(), export.vectors()))
    instruct = {row["dialogue_id"]: row for row in export.rows("instruct")}
    assert list(found) == [row["id"] for row in export.rows("pretrain")]
    for key, sample in found.items():
        assert sorted(sample) == ["json", "npy", "txt"]
        about = json.loads(sample["json"])
        assert about["id"] == key and about["caption"] == sample["txt"].decode()
        assert numpy.array_equal(numpy.load(io.BytesIO(sample["npy"])), vectors[key])
        for dialogue in about["dialogues"]:
            assert instruct.pop(dialogue["dialogue_id"])["conversations"] == dialogue["conversations"]
    assert not instruct


def test_the_manifest_says_what_there_is(made, export):
    manifest = export.manifest
    check_digests(export)
    assert json.loads(export.file("manifest.json")) == manifest
    counts = manifest["counts"]
    assert counts["captions"] == counts["representations"] == len(export.rows("pretrain"))
    assert counts["dialogues"] == len(export.rows("instruct")) == sum(counts["tasks"].values())
    assert counts["providers"] == [{"provider": "offline", "captions": counts["captions"],
                                    "dialogues": counts["dialogues"]}]
    recipes = {r["recipe"]: r for r in manifest["recipes"]}
    assert {r["recipe"]: r["rows"] for r in counts["recipes"]}.keys() == recipes.keys()
    assert {r["stage"] for r in recipes.values()} == {"captions", "dialogues"}
    assert manifest["trial"] is True and export.answer["trial"] is True
    transfer = made.api.call("get_transfer", dataset=made.name, transfer=manifest["transfer"]["id"]).json()
    assert manifest["transfer"] == transfer and transfer["inference"] and transfer["text_moments"]
    assert manifest["encoder"]["name"] == "offline" and manifest["encoder"]["dimension"] == 1280
    by_format = {}
    for entry in manifest["files"]:
        by_format.setdefault(entry["format"], []).append(entry)
        assert ("dtype" in entry) == ("dimension" in entry) == (
            entry["name"].endswith((".npy", ".safetensors", ".tar")))
    assert sorted(by_format) == sorted(ALL_FORMATS)


def test_the_card_says_that_it_is_a_trial(export):
    card = export.file("README.md").decode()
    assert card.startswith("---\n") and "config_name: pretrain" in card
    assert "\n- trial\n" in card and "not" in card.split("---\n", 2)[2][:600]


def test_a_posted_request_makes_the_same_again(export, made):
    again = make(made, **export.answer["request"])
    assert again.contents() == export.contents()


def test_the_same_view_gives_the_same_bytes(api, new_dataset):
    dataset = new_dataset(api, 3)
    dataset.load(generate(120))
    dataset.run(dialogues={"mix": EVERY_TASK})
    before = make(dataset, files=3)
    dataset.run(captions={"salt": "another"}, dialogues={"mix": EVERY_TASK, "salt": "another"})
    again = make(dataset, **before.answer["request"])
    assert again.contents() == before.contents()
    newest = make(dataset, files=3)
    assert {r["id"] for r in newest.rows("pretrain")}.isdisjoint(r["id"] for r in before.rows("pretrain"))


def test_a_mix_takes_part_of_the_dialogues_and_nests(made):
    def chosen(share):
        export = make(made, ["llava"], mix={"multiple_choice": share, "complex_reasoning": 1})
        assert export.manifest["counts"]["tasks"]["question_answering"] == 0
        return {row["dialogue_id"] for row in export.rows("instruct")}
    some, more = chosen(0.2), chosen(0.5)
    assert some < more
    every = {d["id"] for d in made.dialogues(page_size=1000) if d["task"] == "complex_reasoning"}
    assert every <= some


def test_a_limit_takes_the_lowest_ids_of_each_shard(made):
    def ids(limit):
        return make(made, ["captions"], include=["captions"], limit=limit).rows("captions")
    few, more = ids(50), ids(90)
    assert len(few) == 50 and len(more) == 90
    assert {r["id"] for r in few} < {r["id"] for r in more}
    every = ids(100000)
    for rows in (few, more):
        by_shard = {}
        for row in every:
            by_shard.setdefault(int(row["seed_id"][:16], 16) % 4, []).append(row["id"])
        taken = {r["id"] for r in rows}
        for ids_ in by_shard.values():
            n = len([i for i in ids_ if i in taken])
            assert set(ids_[:n]) == taken & set(ids_)


def test_a_selection_by_length_and_source(api, new_dataset):
    dataset = new_dataset(api, 2)
    dataset.add([{"text": text, "source": "a" if i % 3 else "b"}
                 for i, text in enumerate(generate(60))])
    dataset.run(["captions"])
    rows = make(dataset, ["captions"], include=["captions"], select={"source": "b"}).rows("captions")
    assert len(rows) == len([c for c in dataset.captions(page_size=1000, source="b")]) > 10
    assert {r["source"] for r in rows} == {"b"}
    middle = sorted(len(c["text"]) for c in dataset.captions(page_size=1000))[30]
    long = make(dataset, ["captions"], include=["captions"], select={"min_length": middle})
    assert {r["id"] for r in long.rows("captions")} == {
        c["id"] for c in dataset.captions(page_size=1000, min_length=middle)}


def test_captions_without_a_vector_are_left_out_and_counted(server, api, new_dataset):
    dataset = new_dataset(api, 2)
    dataset.load(generate(40))
    dataset.run(dialogues={"mix": EVERY_TASK})
    number = server.database.value(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    server.database.execute(f"""DELETE FROM embeddings e USING (
        SELECT shard_id, seed_id FROM embeddings WHERE shard_id / 65536 = {number} ORDER BY seed_id LIMIT 7) x
        WHERE e.shard_id = x.shard_id AND e.seed_id = x.seed_id""")
    every = {c["id"] for c in dataset.captions(page_size=1000)}
    export = make(dataset)
    assert export.manifest["counts"]["left_out"] == {"no_representation": 7, "unfit": 0}
    assert len(export.ids()) == len(every) - 7 == len(export.rows("pretrain"))
    assert {r["id"] for r in export.rows("instruct")} <= set(export.ids())
    without = make(dataset, ["llava"])
    assert {r["id"] for r in without.rows("pretrain")} == every


def test_what_a_trainer_would_mask_is_left_out(server, api, new_dataset):
    dataset = new_dataset(api, 1)
    dataset.load(generate(20))
    dataset.run(["captions"])
    spoilt = [c["seed_id"] for c in dataset.captions(page_size=1000)][:3]
    number = server.database.value(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    # Nothing that comes in by the API has such a text: as an older release might have left it.
    for seed, text in zip(spoilt, ["A cat </s> sleeps.", "A bird <image> sits.", "A dog runs. " * 1000]):
        server.database.execute(f"UPDATE captions SET text = '{text}' WHERE seed_id = '{seed}' "
                                f"AND shard_id / 65536 = {number}")
    export = make(dataset, ["llava", "captions"], include=["captions"])
    assert export.manifest["counts"]["left_out"] == {"no_representation": 0, "unfit": 3}
    rows = export.rows("pretrain")
    assert len(rows) == 17 and not {r["id"][:32] for r in rows} & set(spoilt)


# ---- the directory ----

def directory(server, export):
    return server.database.artefacts / export.id


def test_the_directory_has_the_files_under_their_names(server, export):
    names = {f["name"] for f in export.manifest["files"]} | {"manifest.json", "README.md"}
    until(lambda: set(os.listdir(directory(server, export))) == names, "the names")
    for name in names:
        assert (directory(server, export) / name).read_bytes() == export.file(name)


def test_a_deleted_export_leaves_nothing(server, api, new_dataset):
    dataset = new_dataset(api, 1)
    dataset.load(generate(5))
    dataset.run(["captions"])
    export = make(dataset, ["captions"], include=["captions"])
    assert directory(server, export).is_dir()
    api.call("delete_export", export=export.id)
    until(lambda: not directory(server, export).exists(), "the files to go")
    until(lambda: server.database.value("SELECT count(*) FROM exports WHERE export_id = "
                                        f"'{export.id}'") == 0, "the row to go")
    assert server.database.value(
        f"SELECT count(*) FROM export_files WHERE export_id = '{export.id}'") == 0


def test_a_deleted_dataset_takes_its_exports_with_it(server, api, new_dataset):
    dataset = new_dataset(api, 1)
    dataset.load(generate(5))
    dataset.run(["captions"])
    export = make(dataset, ["captions"], include=["captions"])
    api.call("delete_dataset", dataset=dataset.name)
    api.call("get_export", export=export.id, expect=404)
    until(lambda: not directory(server, export).exists(), "the files to go")


def small(server):
    from support.client import Api  # pylint: disable=import-outside-toplevel
    dataset = Dataset(Api(server.base), "small", 1)
    dataset.load(generate(5))
    dataset.run(["captions"])
    return dataset


def test_exports_are_kept_as_long_as_it_is_said(new_server):
    server = new_server(MONOCEROS_EXPORT_DAYS=3)
    dataset = small(server)
    young, old = (make(dataset, ["captions"], include=["captions"]) for _ in range(2))
    server.database.execute("UPDATE exports SET finished_at = now() - interval '4 days' "
                            f"WHERE export_id = '{old.id}'")
    until(lambda: not directory(server, old).exists(), "the old one to go")
    dataset.api.call("get_export", export=old.id, expect=404)
    assert young.file("captions.jsonl")


def test_orphans_are_swept_and_nothing_else(new_server):
    server = new_server()
    dataset = small(server)
    export = make(dataset, ["captions"], include=["captions"])
    server.stop()
    orphan = server.database.artefacts / ("ab" * 16)
    kept = server.database.artefacts / "notes"
    for path in (orphan, kept):
        path.mkdir()
        (path / "x.jsonl").write_text("x")
    long_ago = time.time() - 7200
    for path in (orphan, kept, directory(server, export)):
        os.utime(path, (long_ago, long_ago))
    server.start()
    until(lambda: not orphan.exists(), "the orphan to go")
    assert (kept / "x.jsonl").read_text() == "x" and export.file("captions.jsonl")


def waiting(export):
    answer = export.api.call("get_export", export=export.id).json()
    assert answer["state"] in ("queued", "running"), answer
    return json.dumps(answer.get("waiting", []))


def test_a_directory_of_another_database_is_not_touched(new_server):
    first = new_server()
    make(small(first), ["captions"], include=["captions"])
    second = new_server(MONOCEROS_ARTEFACTS=first.database.artefacts)
    export = Export(small(second), ["captions"], include=["captions"])
    until(lambda: "another database" in waiting(export), "the reason")
    assert not directory(first, export).exists()


def test_replicas_that_do_not_share_a_directory_say_so(new_server, tmp_path):
    first = new_server()
    second = new_server(start=False, database=first.database, MONOCEROS_ARTEFACTS=tmp_path / "own")
    second.start()
    export = Export(small(first), ["captions"], include=["captions"])
    until(lambda: "does not share" in waiting(export), "the reason")
    second.stop()
    export.wait()


def test_a_full_disk_is_told_and_survived(new_server):
    server = new_server(MONOCEROS_LEASE=2, MONOCEROS_RENEW=1)
    from support.client import Api  # pylint: disable=import-outside-toplevel
    import resource  # pylint: disable=import-outside-toplevel
    dataset = Dataset(Api(server.base), "full", 1)
    dataset.load(generate(1500))
    dataset.run(["captions", "representations"])
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    export = Export(dataset, ["npy"], include=["captions", "representations"])
    until(lambda: "File too large" in waiting(export), "the reason")
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    export.wait()
    assert "waiting" not in export.answer and len(export.ids()) == 1500

"""The pass over duplicates, through HTTP: within and across shards, what stays, and what waits for it."""
import pytest

from support import identity
from support.dataset import EVERY_TASK, stage_of
from support.seeds import generate

TEXT = ("A long wooden pier leads out over calm grey water to a small white hut with a red roof, and two men "
        "in dark coats lean on its railing while a boat with a green hull is tied to a post below them. Low "
        "hills lie behind, and a thin band of light cloud hangs over the far shore of the {end}")
SAME = TEXT.format(end="wide lake.")
NEAR = TEXT.format(end="wide bay.")           # one run of five words differs
LESS_NEAR = TEXT.format(end="deep blue sea.")  # three do: about 0.9
ELSE = ("A row of painted beach huts stands on dry sand, each with a striped door and two steps, and a girl "
        "in a yellow raincoat walks past them with a spade over her shoulder. Behind the huts a steep green slope "
        "rises to a path where three cyclists ride one behind the other towards a lighthouse.")
OTHER_FILTERS = {"seed_kept": {"action": "off"}}
KINDS = {"exact_duplicate", "near_duplicate"}


def settings(**filters):
    return {"filters": {**OTHER_FILTERS, **filters}}


def say(model_server, answers):
    """The model's answer about each seed that is named."""
    model_server.control(faults=[{"kind": "text", "route": "chat", "match": f"Caption: {seed}", "text": text}
                                 for seed, text in answers.items()])


def by_seed(dataset, **params):
    texts = {seed["id"]: seed["text"] for seed in dataset.seeds()}
    return {texts[c["seed_id"]]: c for c in dataset.captions(outcome="any", view="all", **params)}


def check_kept(captions, group, kind="exact_duplicate"):
    """Of the seeds' captions the one with the lowest id stays."""
    kept, *rest = sorted((captions[seed] for seed in group), key=lambda c: c["id"])
    assert "dropped" not in kept and "duplicate_of" not in kept
    for caption in rest:
        assert (caption["dropped"], caption["duplicate_of"]) == (kind, kept["id"])
    return kept


def test_within_and_across_shards(modelled, model_server):
    seeds = generate(60)
    same, others = seeds[:12], seeds[12:]
    modelled.add(seeds)
    say(model_server, {**dict.fromkeys(same, SAME), **dict.fromkeys(others[:6], ELSE)})
    run = modelled.run(dialogues={"mix": EVERY_TASK}, captions=settings())
    captions = by_seed(modelled)
    assert len(captions) == 60
    assert len({int(captions[seed]["seed_id"][:16], 16) % modelled.shards for seed in same}) > 1
    check_kept(captions, same)
    check_kept(captions, others[:6])
    assert all("dropped" not in captions[seed] for seed in others[6:])
    dropped = 11 + 5
    stage = stage_of(run, "captions")
    assert (stage["total"], stage["done"], stage["dropped"]) == (60, 60, dropped)
    assert stage["filters"]["exact_duplicate"] == {"flagged": 0, "dropped": dropped}
    usable = {c["id"] for c in modelled.captions()}
    assert len(usable) == 60 - dropped
    assert {d["caption_id"] for d in modelled.dialogues()} == usable
    assert set(modelled.vectors()) == usable
    assert stage_of(run, "dialogues")["total"] == 3 * len(usable)
    # One more call of each kind may have asked for the model's name and for the dimension.
    stats = model_server.stats()
    assert stats["chat_requests"] - 60 - 3 * len(usable) in (0, 1)
    assert stats["embedding_inputs"] - len(usable) in (0, 1)
    moments, = modelled.result(run["id"])["moments"]
    assert moments["count"] == len(usable)


def test_near_duplicates(modelled, model_server):
    seeds = generate(10)
    modelled.add(seeds)
    say(model_server, {seeds[0]: SAME, seeds[1]: NEAR, seeds[2]: SAME.upper() + "!", seeds[3]: LESS_NEAR})
    modelled.run(["captions"], captions=settings())
    check_kept(by_seed(modelled), seeds[:4], "near_duplicate")


def test_a_threshold_of_the_run(modelled, model_server):
    seeds = generate(6)
    modelled.add(seeds)
    say(model_server, {seeds[0]: SAME, seeds[1]: LESS_NEAR})
    modelled.run(["captions"], captions=settings(near_duplicate={"similarity": 0.97}))
    assert all("dropped" not in c for c in by_seed(modelled).values())


def test_what_earlier_runs_made_stays(modelled, model_server):
    seeds = sorted(generate(40), key=identity.seed_id, reverse=True)
    first, later = seeds[:4], seeds[4:]
    modelled.add(first)
    say(model_server, {first[0]: SAME})
    modelled.run(["captions"], captions=settings())
    earlier = modelled.captions()
    modelled.add(later)
    say(model_server, dict.fromkeys(later[:10], SAME))
    run = modelled.run(["captions"], captions=settings())
    captions = by_seed(modelled)
    kept = captions[first[0]]
    assert [c for c in modelled.captions() if c["run"] != run["id"]] == earlier
    assert all(captions[seed]["id"] < kept["id"] for seed in later[:10])
    for seed in later[:10]:
        assert (captions[seed]["dropped"], captions[seed]["duplicate_of"]) == ("exact_duplicate", kept["id"])
    assert stage_of(run, "captions")["dropped"] == 10


def test_other_recipes_of_the_same_seed_are_no_duplicates(modelled, model_server):
    seeds = generate(8)
    modelled.add(seeds)
    say(model_server, {seed: SAME.replace("pier", f"pier number{i}x").replace("water", f"water{i}x")
                       .replace("coats", f"coats{i}x").replace("hills", f"hills{i}x").replace("boat", f"boat{i}x")
                       for i, seed in enumerate(seeds)})
    modelled.run(["captions"], captions=settings())
    run = modelled.run(["captions"], captions={**settings(), "salt": "again"})
    captions = modelled.captions(run=run["id"], outcome="any")
    assert len(captions) == 8 and all("dropped" not in c for c in captions)
    assert {c["recipe"] for c in modelled.captions()} == {captions[0]["recipe"]}


def test_variants_of_a_seed_are_compared(modelled, model_server):
    modelled.add(["A pier on a lake.", *generate(5)])
    say(model_server, {"A pier on a lake.": SAME})
    modelled.run(["captions"], captions={**settings(), "variants": 3, "seed": 7})
    seed, = (s["id"] for s in modelled.seeds() if s["text"] == "A pier on a lake.")
    variants = sorted(modelled.captions(seed=seed, outcome="any", view="all"), key=lambda c: c["id"])
    assert [c.get("dropped") for c in variants] == [None, "exact_duplicate", "exact_duplicate"]
    assert len(modelled.captions()) == 16


def test_seeds_of_one_label_may_be_alike(modelled, model_server):
    """Templates make them so: only what is nearly equal is dropped among them."""
    def seed(text, label, domain="places"):
        return {"text": text, "domain": domain, "metadata": {"label": label}}
    texts = generate(8)
    modelled.add([seed(texts[0], "pier"), seed(texts[1], "pier"), seed(texts[2], "pier"),
                  seed(texts[3], "dock"), seed(texts[4], "dock", "animals"), *texts[5:]])
    bridge = {i: text.replace("pier", "bridge").replace("two men", "four women")
              for i, text in enumerate((SAME, LESS_NEAR))}
    say(model_server, {texts[0]: SAME, texts[1]: LESS_NEAR, texts[2]: SAME,
                       texts[3]: bridge[0], texts[4]: bridge[1]})
    modelled.run(["captions"], captions=settings())
    captions = by_seed(modelled)
    assert "dropped" not in captions[texts[1]]
    check_kept(captions, [texts[0], texts[2]])
    check_kept(captions, texts[3:5], "near_duplicate")


def test_flags_do_not_hold_anything_up(modelled, model_server):
    seeds = generate(12)
    modelled.add(seeds)
    say(model_server, {seeds[0]: SAME, seeds[1]: SAME, seeds[2]: NEAR})
    flag = {"action": "flag"}
    run = modelled.run(dialogues={"mix": EVERY_TASK},
                       captions=settings(exact_duplicate=flag, near_duplicate=flag))
    captions = by_seed(modelled)
    assert len(modelled.captions()) == 12 and stage_of(run, "captions")["dropped"] == 0
    assert {name: hits["flagged"] for name, hits in stage_of(run, "captions")["filters"].items()} == \
        {"exact_duplicate": 1, "near_duplicate": 1}
    first, *rest = sorted((captions[seed] for seed in seeds[:3]), key=lambda c: c["id"])
    assert not KINDS & set(first["flags"])
    for caption in rest:
        exact = caption["text"] == SAME and sorted(
            captions[s]["id"] for s in seeds[:2])[1] == caption["id"]
        assert KINDS & set(caption["flags"]) == {"exact_duplicate" if exact else "near_duplicate"}
        assert "duplicate_of" not in caption
    assert stage_of(run, "dialogues")["total"] == 36 and len(modelled.vectors()) == 12


def test_one_kind_alone(modelled, model_server):
    seeds = generate(9)
    modelled.add(seeds)
    say(model_server, {seeds[0]: SAME, seeds[1]: SAME, seeds[2]: NEAR})
    modelled.run(["captions"], captions=settings(near_duplicate={"action": "off"}))
    captions = by_seed(modelled)
    check_kept(captions, seeds[:2])
    assert "dropped" not in captions[seeds[2]] and captions[seeds[2]]["flags"] == []


@pytest.mark.parametrize("filters", [{"preset": "paper"}, {name: {"action": "off"} for name in KINDS}])
def test_nothing_is_compared_when_it_is_off(modelled, model_server, filters):
    modelled.add(generate(10))
    model_server.control(faults=[{"kind": "text", "route": "chat", "text": SAME}])
    run = modelled.run(["captions", "representations"], captions=settings(**filters))
    assert stage_of(run, "captions")["dropped"] == 0
    assert len(modelled.captions()) == len(modelled.vectors()) == 10


def test_a_dataset_without_seeds(modelled):
    run = modelled.run()
    assert [stage["total"] for stage in run["stages"]] == [0, 0, 0]


def test_a_rejected_caption_has_no_duplicates(modelled, model_server, modelled_server):
    """What a person has rejected is not used, and keeps nothing out."""
    seeds = generate(6)
    modelled.add(seeds[:1])
    say(model_server, dict.fromkeys(seeds[:2], SAME))
    modelled.run(["captions"], captions=settings())
    first, = modelled.captions()
    modelled_server.database.execute(
        f"UPDATE captions SET rejected = true WHERE encode(hash, 'hex') = '{first['id'][33:]}'")
    modelled.add(seeds[1:])
    say(model_server, {seeds[1]: SAME})
    modelled.run(["captions"], captions={**settings(), "salt": "again"})
    assert "dropped" not in by_seed(modelled)[seeds[1]]


def test_captions_without_a_signature_are_compared_too(modelled, model_server, modelled_server):
    """Rows of an older program have none."""
    seeds = generate(6)
    modelled.add(seeds[:3])
    say(model_server, {seeds[0]: SAME, seeds[3]: NEAR, seeds[4]: SAME})
    modelled.run(["captions"], captions=settings())
    first = by_seed(modelled)[seeds[0]]
    modelled_server.database.execute(
        f"UPDATE captions SET signature = NULL WHERE run_id = '{first['run']}'")
    modelled.add(seeds[3:])
    modelled.run(["captions"], captions=settings())
    captions = by_seed(modelled)
    assert captions[seeds[3]]["dropped"] == "near_duplicate"
    assert captions[seeds[4]]["dropped"] == "exact_duplicate"
    assert captions[seeds[3]]["duplicate_of"] == captions[seeds[4]]["duplicate_of"] == first["id"]


def test_imported_captions_stay_too(modelled, model_server, modelled_server):
    modelled.load_captions([{"text": SAME, "seed": "A pier."}])
    first, = modelled.captions()
    assert modelled_server.database.value(
        f"SELECT octet_length(signature) FROM captions WHERE encode(hash, 'hex') = '{first['id'][33:]}'") == 224
    seeds = generate(6)
    modelled.add(seeds)
    say(model_server, {seeds[0]: NEAR})
    modelled.run(["captions"], captions=settings(),
                 select={"seed_ids": [identity.seed_id(seed) for seed in seeds]})
    captions = by_seed(modelled)
    assert captions["A pier."]["id"] == first["id"] and "dropped" not in captions["A pier."]
    assert (captions[seeds[0]]["dropped"], captions[seeds[0]]["duplicate_of"]) == ("near_duplicate", first["id"])

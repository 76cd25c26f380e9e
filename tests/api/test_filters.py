"""The filters of captions through HTTP: presets, actions and parameters of a run, what is kept of what
they drop, and what they count."""
import collections

import pytest

from support.client import CONTRACT
from support.dataset import EVERY_TASK, stage_of
from support.seeds import generate

GOOD = ("{seed} seen from the front, with a grey wall behind and a strip of wet stone below. The light falls from "
        "the left, so that the nearer parts are bright and the far side lies in a soft shade of {shade}. Two low "
        "steps lead up to an open door on the right, and a {thing} leans against its frame.")
SHADES = ["blue", "brown", "green", "violet", "amber", "teal"]
THINGS = ["broom", "ladder", "bicycle", "rake", "plank", "spade"]

# What a model says of a seed with this word in it, and the verdict of paper, standard and strict; a
# verdict is the filter that drops it, or a plus and the flags.
BAD = {
    "refusal": ("I'm sorry, but I can't help with that, because it is against what I may write about.",
                "", "refusal", "refusal"),
    "chatter": ("Sure! A brown dog runs along the wet sand of a wide beach, its ears lifted and one front paw "
                "above a shallow puddle, while small waves roll in behind it under a pale grey sky.",
                "", "boilerplate", "boilerplate"),
    "brevity": ("A red boat lies on the beach.", "", "+short", "length"),
    "ending": ("A red boat lies on the beach near a low wall of grey stone, with two oars beside it and a green net "
               "over its bow, while behind it the sea is calm and a small", "", "+unfinished", "unfinished"),
    "turn": ("A red boat lies on the beach near a low wall. ASSISTANT: It is red, and it lies beside two oars and a "
             "green net, while behind it the sea is calm and small.",
             "reserved_string", "reserved_string", "reserved_string"),
    "digits": ("A white boat with the number 4711 on its bow lies on the beach near a low wall of grey stone, with two "
               "oars beside it and a net of green cord over the seat in its middle.",
               "", "+invented_digits", "invented_digits"),
}
FILTERS = CONTRACT.by_id["list_captions"].query["dropped"]["schema"]["enum"]
SEEDS = {word: f"A {word} lies near a boat on the beach with two oars." for word in BAD}


def verdict_of(caption):
    return caption.get("dropped") or ("+" + ",".join(caption["flags"]) if caption["flags"] else "")


def answer_badly(model_server):
    model_server.control(faults=[{"kind": "text", "route": "chat", "match": SEEDS[word], "text": text[0]}
                                 for word, text in BAD.items()])


def counted(captions):
    """What the filters of a run must have counted, by its captions."""
    found = collections.defaultdict(lambda: {"flagged": 0, "dropped": 0})
    for caption in captions:
        for flag in caption["flags"]:
            found[flag]["flagged"] += 1
        if "dropped" in caption:
            found[caption["dropped"]]["dropped"] += 1
    return found


@pytest.mark.parametrize("place, preset", enumerate(["paper", "standard", "strict"]))
def test_presets(modelled, model_server, place, preset):
    modelled.add([*SEEDS.values(), *generate(30)])
    answer_badly(model_server)
    filters = {"preset": preset, "seed_kept": {"action": "off"}, "near_duplicate": {"action": "off"}}
    run = modelled.run(["captions"], captions={"filters": filters})
    words = {seed["id"]: word for seed in modelled.seeds() for word in BAD if seed["text"] == SEEDS[word]}
    captions = modelled.captions(outcome="any", run=run["id"])
    found = {words[c["seed_id"]]: verdict_of(c) for c in captions if c["seed_id"] in words}
    assert found == {word: bad[1 + place] for word, bad in BAD.items()}
    assert all(verdict_of(c) == "" for c in captions if c["seed_id"] not in words)
    dropped = [c for c in captions if "dropped" in c]
    assert stage_of(run, "captions")["dropped"] == len(dropped)
    assert stage_of(run, "captions").get("filters", {}) == counted(captions)
    held = modelled.result(run["id"])["filters"]
    assert held["preset"] == preset and set(held) == {"preset", *FILTERS}
    assert held["seed_kept"]["action"] == "off" and held["near_duplicate"]["similarity"] == 0.8
    assert {c["id"] for c in modelled.captions()} == {c["id"] for c in captions if "dropped" not in c}


def test_standard_is_the_default_and_dropped_captions_are_kept_with_their_reason(modelled, model_server):
    modelled.add([*SEEDS.values(), *generate(12)])
    answer_badly(model_server)
    run = modelled.run(dialogues={"mix": EVERY_TASK})
    dropped = modelled.captions(outcome="dropped", view="all")
    assert {c["dropped"] for c in dropped} == {"refusal", "boilerplate", "reserved_string"}
    for caption in dropped:
        assert caption["text"] in {text[0] for text in BAD.values()}
        one = modelled.api.call("get_caption", dataset=modelled.name, caption=caption["id"]).json()
        assert one["dropped"] == caption["dropped"] and one["dialogues"] == []
    usable = {c["id"] for c in modelled.captions()}
    assert {d["caption_id"] for d in modelled.dialogues()} == usable
    assert set(modelled.vectors()) == usable
    assert stage_of(run, "dialogues")["total"] == 3 * len(usable)


def test_dropped_captions_by_filter(modelled, model_server):
    modelled.add(SEEDS.values())
    answer_badly(model_server)
    modelled.run(["captions"])
    refused, = modelled.captions(dropped="refusal")
    assert refused["dropped"] == "refusal" and refused["text"] == BAD["refusal"][0]
    assert modelled.captions(dropped="refusal", outcome="any", view="all") == [refused]
    assert modelled.captions(dropped="refusal", outcome="usable") == []
    assert modelled.captions(dropped="loop") == []
    modelled.api.request("GET", f"{modelled.path}/captions?dropped=too_short", expect=422, lenient=True)


def test_actions_and_parameters_of_a_run(modelled, model_server):
    modelled.add([*SEEDS.values(), *generate(10)])
    answer_badly(model_server)
    run = modelled.run(["captions"], captions={"filters": {
        "refusal": {"action": "flag"}, "boilerplate": {"action": "off"},
        "unfinished": {"action": "drop"}, "short": {"words": 5}, "seed_kept": {"action": "off"}}})
    words = {seed["id"]: word for seed in modelled.seeds() for word in BAD if seed["text"] == SEEDS[word]}
    found = {words[c["seed_id"]]: verdict_of(c)
             for c in modelled.captions(outcome="any", run=run["id"]) if c["seed_id"] in words}
    assert found == {"refusal": "+refusal", "chatter": "", "brevity": "", "ending": "unfinished",
                     "turn": "reserved_string", "digits": "+invented_digits"}


@pytest.mark.parametrize("filters, pointer", [
    ({"lenght": {"action": "drop"}}, "/captions/filters/lenght"),
    ({"preset": "lax"}, "/captions/filters/preset"),
    ({"length": {"action": "warn"}}, "/captions/filters/length/action"),
    ({"length": {"words": 3}}, "/captions/filters/length/words"),
    ({"length": {"min_words": 2.5}}, "/captions/filters/length/min_words"),
    ({"length": {"min_words": 700}}, "/captions/filters/length/max_words"),
    ({"near_duplicate": {"similarity": 1.5}}, "/captions/filters/near_duplicate/similarity"),
    ({"loop": "drop"}, "/captions/filters/loop"),
])
def test_what_does_not_fit_is_refused(api, dataset, filters, pointer):
    answer = api.call("create_run", dataset=dataset.name, expect=422, lenient=True,
                      json={"stages": ["captions"], "captions": {"filters": filters}})
    assert answer.pointers == [pointer]


def test_what_was_judged_is_not_judged_again(modelled, model_server):
    modelled.add(SEEDS.values())
    answer_badly(model_server)
    modelled.run(["captions"], captions={"filters": {"preset": "paper"}})
    before = modelled.captions(outcome="any", view="all")
    again = modelled.run(["captions"], captions={"filters": {"preset": "strict"}})
    assert stage_of(again, "captions")["existing"] == len(SEEDS)
    assert modelled.captions(outcome="any", view="all") == before


def test_instructions_and_length_demands_come_back(modelled, model_server):
    """The prompt's own words, as a model echoes them."""
    seeds = generate(4)
    modelled.add(seeds)
    echo = ("A wide beach lies under a grey sky. State only what can be seen. Leave out sounds, smells, thoughts, "
            "moods, intentions and what came before or after, and keep to a single paragraph for all of it.")
    length = ("A wide beach lies under a grey sky, and the waves are small, with white edges that reach the sand near "
              "a row of dark stones, and that is all in 80 to 150 words.")
    model_server.control(faults=[{"kind": "text", "route": "chat", "match": seeds[0], "text": echo},
                                 {"kind": "text", "route": "chat", "match": seeds[1], "text": length}])
    modelled.run(["captions"])
    assert {c["text"] for c in modelled.captions(dropped="echo")} == {echo, length}


def test_lines_of_the_answer_are_looked_at_before_they_are_joined(modelled, model_server):
    modelled.add(generate(1))
    text = ("A boat on the beach\n- It is red and lies near a low wall of grey stone.\n- Two oars and a green net lie "
            "beside it, and the sea behind it is calm.")
    model_server.control(faults=[{"kind": "text", "route": "chat", "text": text}])
    modelled.run(["captions"])
    caption, = modelled.captions(dropped="markup")
    assert caption["text"] == " ".join(text.split())


def same_for_all(model_server):
    model_server.control(faults=[{"kind": "text", "route": "chat", "text": GOOD.format(
        seed="A long street is", shade="blue", thing="broom")}])


@pytest.fixture
def one_range(modelled, new_dataset):
    """A dataset whose seeds are worked on together: what a process knows of a run lasts as long as it
    holds a range of it."""
    return new_dataset(modelled.api, 1)


def test_a_server_that_says_the_same_to_everybody_raises_an_alarm(one_range, model_server):
    one_range.add(generate(50))
    same_for_all(model_server)
    off = {"seed_kept": {"action": "off"}, "exact_duplicate": {"action": "off"},
           "near_duplicate": {"action": "off"}}
    run = one_range.run(["captions"], captions={"filters": {**off, "frequency": {"same_text": 8}}})
    flags = collections.Counter(tuple(c["flags"]) for c in one_range.captions(run=run["id"]))
    assert flags == {(): 8, ("frequency",): 42}


def test_an_alarm_that_drops_pauses_the_run(modelled, model_server):
    """What is dropped counts for the quality of the run, which stops it before all is paid for."""
    modelled.load(generate(1200))
    same_for_all(model_server)
    model_server.control(delay_ms=5)
    run = modelled.run(["captions"], state="paused", captions={"filters": {
        "frequency": {"action": "drop", "same_text": 8}}})
    assert run["reason"] == "quality"
    assert stage_of(run, "captions")["done"] < 1200
    modelled.api.call("cancel_run", run=run["id"])
    modelled.wait(run["id"], "cancelled")


def test_openings_that_repeat(one_range, model_server):
    """The same first eight words, and then something else."""
    seeds = generate(24)
    one_range.add(seeds)
    texts = [f"The picture shows a part of a town with a {shade} door and a {thing} that leans on the wall beside it, "
             f"while far behind there are roofs, a tower of stone and low hills under a sky that is pale at noon."
             for shade in SHADES for thing in THINGS[:4]]
    model_server.control(faults=[{"kind": "text", "route": "chat", "match": seed, "text": text}
                                 for seed, text in zip(seeds, texts)])
    run = one_range.run(["captions"], captions={"filters": {
        "frequency": {"same_opening": 10}, "seed_kept": {"action": "off"},
        "near_duplicate": {"action": "off"}}})
    flagged = [c for c in one_range.captions(run=run["id"]) if "frequency" in c["flags"]]
    assert len(flagged) == 14


def test_seeds_of_our_own_pass_the_composer_and_its_filters(api, dataset):
    """False drops and flags of the standard filters over the built-in composer."""
    dataset.load(generate(1500, seed=3))
    run = dataset.run(["captions"])
    captions = dataset.captions(outcome="any", view="all")
    assert len(captions) == 1500
    dropped = collections.Counter(c["dropped"] for c in captions if "dropped" in c)
    flags = collections.Counter(flag for c in captions for flag in c["flags"])
    print("dropped", dict(dropped), "flags", dict(flags))
    assert sum(dropped.values()) < 15
    assert sum(flags.values()) < 30
    assert stage_of(run, "captions")["dropped"] == sum(dropped.values())

"""Paging: every row once, whatever happens in between; cursors that belong to something else."""
import base64
import itertools

import pytest

from conftest import unique_name
from support.client import CONTRACT, Api
from support.dataset import EVERY_TASK, Dataset
from support.seeds import generate

LISTS = ["list_seeds", "list_captions", "list_dialogues", "list_failures", "list_runs",
         "list_representations", "list_datasets", "list_reviews"]


@pytest.fixture(scope="module")
def filled(server):
    made = Dataset(Api(server.base), unique_name("filled"), 5)
    made.load(generate(60), params={"source": "s"})
    made.run(dialogues={"mix": EVERY_TASK})
    for i in range(4):
        made.run(["captions"], limit=i + 1)
        made.api.call("create_review", dataset=made.name, json={"sample": i + 1})
        Dataset(made.api, unique_name("beside"))
    return made


def path_of(dataset, operation):
    return CONTRACT.by_id[operation].template.replace("{dataset}", dataset.name)


def key(item):
    return item.get("dialogue_id") or item.get("id") or item.get("name") or tuple(item.items())


@pytest.mark.parametrize("operation", [o for o in LISTS if o != "list_failures"])
@pytest.mark.parametrize("page_size", [1, 7, None])
def test_pages_are_the_whole_list(filled, operation, page_size):
    path = path_of(filled, operation)
    most = CONTRACT.by_id[operation].query["page_size"]["schema"]["maximum"]
    whole = filled.api.items(path, page_size=most)
    limit = 40 if page_size == 1 else 1000
    pages = list(itertools.islice(filled.api.pages(path, page_size=page_size), limit))
    found = [item for page in pages for item in page]
    default = 50 if operation == "list_representations" else 100
    assert all(len(page) <= (page_size or default) for page in pages)
    assert all(pages[:-1])
    assert [key(i) for i in found] == [key(i) for i in whole][:len(found)]
    if page_size != 1:
        assert len(found) == len(whole)


@pytest.mark.parametrize("operation", LISTS)
def test_a_list_that_fits_has_no_token(filled, operation):
    most = CONTRACT.by_id[operation].query["page_size"]["schema"]["maximum"]
    page = filled.api.get(path_of(filled, operation), params={"page_size": most}, expect=200).json()
    assert "next_page_token" not in page


@pytest.mark.parametrize("operation", ["list_seeds", "list_captions", "list_runs", "list_reviews"])
def test_a_list_of_exactly_one_page(filled, operation):
    path = path_of(filled, operation)
    n = len(filled.api.items(path))
    pages = list(filled.api.pages(path, page_size=n))
    assert sum(map(len, pages)) == n and len(pages) <= 2


def test_newest_run_first(filled):
    times = [run["created_at"] for run in filled.api.items(filled.path + "/runs", page_size=2)]
    assert times == sorted(times, reverse=True) and len(times) == 5


def test_every_row_once_while_rows_are_inserted(api, dataset):
    seeds = generate(400)
    dataset.load(seeds[:200])
    before = {seed["id"] for seed in dataset.seeds()}
    found, rest = [], iter(seeds[200:])
    for page in api.pages(dataset.path + "/seeds", page_size=9):
        found += [seed["id"] for seed in page]
        dataset.add(list(itertools.islice(rest, 5)) or [seeds[0]])
    assert len(found) == len(set(found))
    assert before <= set(found)


def token_of(filled, operation, **params):
    page = filled.api.get(path_of(filled, operation), params={"page_size": 2, **params}, expect=200)
    return page.json()["next_page_token"]


@pytest.mark.parametrize("operation", [o for o in LISTS if o != "list_failures"])
def test_bad_tokens(filled, operation):
    path, token = path_of(filled, operation), token_of(filled, operation)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    tampered = [base64.urlsafe_b64encode(bytes([*raw[:i], raw[i] ^ 1, *raw[i + 1:]])).decode().rstrip("=")
                for i in range(min(8, len(raw)))]
    for bad in ["x", "AAAA", "!", "é", token[:-4], token + "AAAA", token[::-1], "A" * 512, token * 3,
                *tampered]:
        if bad == token or len(bad) > 512:
            continue
        answer = filled.api.get(path, params={"page_token": bad}, expect=400)
        assert answer.problem == "invalid-parameter" and answer.pointers == ["?page_token"], bad


def test_tokens_of_other_lists(filled):
    tokens = {operation: token_of(filled, operation) for operation in LISTS if operation != "list_failures"}
    for operation in LISTS:
        for other, token in tokens.items():
            if other != operation:
                answer = filled.api.get(path_of(filled, operation), params={"page_token": token},
                                        expect=400)
                assert answer.pointers == ["?page_token"]


def test_tokens_of_other_filters(filled, new_dataset):
    api = filled.api
    token = token_of(filled, "list_seeds", source="s")
    path = filled.path + "/seeds"
    api.get(path, params={"page_token": token, "source": "s"}, expect=200)
    api.get(path, params={"page_token": token, "source": "s", "page_size": 3}, expect=200)
    for params in ({}, {"source": "t"}, {"source": "s", "domain": "s"}, {"domain": "s"}):
        api.get(path, params={"page_token": token, **params}, expect=400)
    other = new_dataset(api)
    other.add(generate(5))
    api.get(other.path + "/seeds", params={"page_token": token, "source": "s"}, expect=400)
    token = token_of(filled, "list_dialogues", format="llava")
    api.get(filled.path + "/dialogues", params={"page_token": token, "task": "multiple_choice"}, expect=400)
    token = token_of(filled, "list_representations", transfer="none")
    api.get(filled.path + "/representations", params={"page_token": token}, expect=400)


def test_filters_of_captions_and_dialogues(filled):
    run = filled.api.items(filled.path + "/runs")[-1]["id"]
    captions, dialogues = filled.captions(run=run), filled.dialogues(run=run)
    assert len(captions) == 60 and len(dialogues) == 180
    assert filled.captions(seed=captions[3]["seed_id"]) == [captions[3]]
    assert filled.captions(recipe="0" * 32) == [] and filled.captions(run="0" * 32) == []
    assert filled.dialogues(recipe=dialogues[0]["recipe"], task="complex_reasoning") == \
        [d for d in dialogues if d["task"] == "complex_reasoning"]
    assert filled.captions(seed="0" * 32) == []


@pytest.mark.parametrize("operation, name", [
    ("list_captions", "run"), ("list_captions", "recipe"), ("list_captions", "seed"),
    ("list_dialogues", "run"), ("list_dialogues", "recipe"), ("list_failures", "run")])
def test_filters_that_cannot_be_ids(filled, operation, name):
    for bad in ("x", "0" * 31, "G" * 32, "'; DROP"):
        answer = filled.api.get(path_of(filled, operation), params={name: bad}, expect=(200, 422))
        if answer.status == 200:
            assert answer.json()["items"] == []
        else:
            assert answer.pointers == [f"?{name}"]


def test_states_of_runs(filled):
    path = filled.path + "/runs"
    assert len(filled.api.items(path, state="succeeded")) == 5
    for state in ("queued", "running", "paused", "failed", "cancelled"):
        assert filled.api.items(path, state=state) == []


@pytest.fixture(scope="module")
def mixed(server):
    """Captions of seeds with three sources and two domains, some without, under two verdicts."""
    made = Dataset(Api(server.base), unique_name("mixed"), 5)
    seeds = [{"text": text, "domain": f"d{i % 2}", **({"source": f"s é {i % 3}"} if i % 5 else {})}
             for i, text in enumerate(generate(60, seed=3))]
    made.add(seeds)
    made.run(["captions"])
    review = made.api.call("create_review", dataset=made.name, json={"sample": 30}).json()["id"]
    leased = made.api.call("lease_review_items", review=review, json={"reviewer": "ann", "count": 30}).json()
    made.api.call("give_verdicts", review=review, json={"reviewer": "ann", "verdicts": [
        {"caption_id": item["caption"]["id"], "token": item["token"], "verdict": "accepted"}
        for item in leased["items"]]})
    made.by_id = {seed["id"]: seed for seed in made.seeds()}
    return made


@pytest.mark.parametrize("verdict", [{}, {"verdict": "accepted"}, {"verdict": "none"}],
                         ids=["any", "accepted", "none"])
@pytest.mark.parametrize("labels", [{"source": "s é 1"}, {"domain": "d0"}, {"source": "s é 2", "domain": "d1"},
                                    {"source": "nowhere"}], ids=str)
def test_captions_by_labels_of_their_seeds(mixed, labels, verdict):
    whole = mixed.captions(**verdict)
    wanted = [c for c in whole if labels.items() <= mixed.by_id[c["seed_id"]].items()]
    assert bool(wanted) == ("nowhere" not in labels.values())
    assert mixed.captions(**labels, **verdict) == wanted
    assert mixed.captions(page_size=4, **labels, **verdict) == wanted


@pytest.mark.parametrize("verdict", [{}, {"verdict": "accepted"}], ids=["any", "accepted"])
def test_captions_by_length(mixed, verdict):
    whole = mixed.captions(**verdict)
    assert all(c["length"] == len(c["text"]) for c in whole)
    lengths = sorted(c["length"] for c in whole)
    low, high = lengths[len(lengths) // 4], lengths[len(lengths) // 2]
    assert low < high
    assert mixed.captions(min_length=low, max_length=high, page_size=5, **verdict) == \
        [c for c in whole if low <= c["length"] <= high]
    assert mixed.captions(min_length=lengths[-1] + 1, **verdict) == []
    assert mixed.captions(max_length=lengths[0], **verdict) == [c for c in whole if c["length"] == lengths[0]]


def test_characters_are_counted_not_bytes(api, dataset):
    dataset.load_captions(["Ein Hund läuft über die grüne Wiese am Fluß, und die Sonne scheint hell 🌞."], expect=200)
    caption, = dataset.captions(outcome="any")
    assert caption["length"] == len(caption["text"]) < len(caption["text"].encode())
    assert dataset.captions(min_length=caption["length"], max_length=caption["length"]) == [caption]


def test_lengths_the_wrong_way_round(filled):
    answer = filled.api.get(filled.path + "/captions", params={"min_length": 5, "max_length": 4}, expect=422)
    assert answer.pointers == ["?min_length"]

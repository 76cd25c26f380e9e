"""The report on the modality gap, against numpy over the very vectors that the service serves."""
import concurrent.futures
import hashlib

import numpy
import pytest

from support import gap_figures as figures
from support import images
from support.client import Api
from support.dataset import Dataset
from support.rows import Rows
from support.seeds import generate
from support.wait import until

EDGES = [0, 50, 100, 150, 200]
TOLERANCE = 2e-5


class Corpus:
    """Imported captions of all lengths, embedded by the offline encoder."""

    def __init__(self, server, dataset, n=300):
        self.api, self.database, self.dataset = Api(server.base), server.database, dataset
        texts = generate(n)
        lengths = [5, 49, 50, 99, 100, 149, 150, 199, 200, 230]
        lines = []
        for i, text in enumerate(texts):
            words = (" ".join(texts[i:] + texts[:i])).split()[:lengths[i % len(lengths)]]
            lines.append({"seed": text, "text": " ".join(words)})
        dataset.load_captions(lines)
        self.run = dataset.run(["representations"])["id"]
        self.captions = {c["id"]: c["text"] for c in dataset.captions()}
        assert len(self.captions) == n

    def report(self, expect=200, **params):
        return self.api.call("get_gap_report", dataset=self.dataset.name, params=params, expect=expect)

    def drawn(self, sample, seed=0):
        """The ids of the sample in the order of their hashes."""
        def key(id):
            return hashlib.sha256(f"gap:{seed}:{id}".encode()).digest()[:8]
        return sorted(self.captions, key=key)[:sample]

    def vectors(self, ids, transfer):
        found = self.dataset.vectors(transfer)
        return numpy.array([found[id] for id in ids])

    def images(self, rows, label, vectors=True):
        """Uploads image vectors, or the moments alone; the moments' id, the vectors in the order in which
        they take their turns, mean and trace."""
        rows = figures.unit(rows)
        if vectors:
            made = self.api.call("import_image_moments", encoder="offline", data=images.npy(rows),
                                 params={"label": label}).json()
        else:
            made = self.api.call("put_image_moments", encoder="offline", json=images.moments(rows, label)).json()
        turns = sorted(range(len(rows)), key=lambda i: hashlib.sha256(f"gap-images:0:{i}".encode()).digest())
        kept = figures.unit(rows.astype("<f4").astype("<f2").astype(float))[turns]
        return made["id"], kept, rows.mean(0), ((rows - rows.mean(0)) ** 2).sum() / len(rows)

    def prepare(self, method, parameters, label=None):
        """The id of a transfer that is ready."""
        body = {"method": method, "parameters": parameters, **({"image_moments": label} if label else {})}
        id = self.api.call("create_transfer", dataset=self.dataset.name, json=body).json()["id"]

        def ready():
            state = self.api.call("get_transfer", dataset=self.dataset.name, transfer=id).json()["state"]
            assert state != "failed"
            return state == "ready"

        until(ready, "the transfer to be ready")
        return id


@pytest.fixture(scope="module")
def corpus(server):
    return Corpus(server, Dataset(Api(server.base), "gap-corpus"))


def other_modality(rows, n, seed=3):
    """n vectors that lie elsewhere and have another spectrum."""
    rng = numpy.random.default_rng(seed)
    d = rows.shape[1]
    return rows[rng.integers(len(rows), size=n)] * 0.5 + rng.normal(size=(n, d)) * 0.02 \
        + rng.normal(size=d) * 0.02


def close(found, wanted, tolerance=TOLERANCE):
    assert found == pytest.approx(wanted, rel=tolerance, abs=tolerance)


# -- the text side --

@pytest.mark.parametrize("transfer", ["none", "mean_shift"])
def test_what_a_transfer_keeps(corpus, transfer):
    ids = corpus.drawn(250)
    text, made = corpus.vectors(ids, "none"), corpus.vectors(ids, transfer)
    found = corpus.report(transfer=transfer, sample=250).json()
    pairs = figures.pairs(text, made)
    assert found["source"]["neighbours"] == 20
    close(found["source"]["cosine"], figures.cosine(text, made))
    close(found["source"]["similarity_correlation"], pairs["correlation"])
    close(found["source"]["neighbour_overlap"], pairs["overlap"], 1e-3)  # by float32 there are ties
    close(found["pairwise_cosine"]["before"], pairs["cosine"][0])
    close(found["pairwise_cosine"]["after"], pairs["cosine"][1])
    close(found["trace"]["representations"], figures.trace(made))
    for kind, rows in (("before", text), ("after", made)):
        spectrum = figures.Spectrum(rows[:found["spectrum"]["rows"]])
        close(found["spectrum"][kind]["effective_rank"], spectrum.effective_rank(), 1e-4)
        close(found["spectrum"][kind]["effective_dimension"], spectrum.effective_dimension(), 1e-4)
        close(found["spectrum"][kind]["anisotropy"], spectrum.anisotropy(), 1e-4)
    assert found["transfer"]["method"] == transfer


def test_trace_of_the_texts_is_that_of_their_moments(corpus):
    text = corpus.vectors(list(corpus.captions), "none")
    found = corpus.report().json()
    close(found["trace"]["text"], ((text - text.mean(0)) ** 2).sum() / len(text))
    assert found["text_moments"]["count"] == len(text)
    moments, = corpus.dataset.result(corpus.run)["moments"]
    assert found["text_moments"]["id"] == moments["id"]


def test_the_sample_is_said(corpus):
    found = corpus.report(sample=100, seed=9).json()["sample"]
    assert found == {"asked": 100, "seed": 9, "candidates": 300, "all": True, "rows": 100, "failed": 0,
                     "unreadable": 0, "gone": 0, "newer": 0}
    assert corpus.report().json()["sample"]["rows"] == 300


def test_another_seed_is_another_sample(corpus):
    for seed in (0, 7):
        ids = corpus.drawn(80, seed)
        found = corpus.report(transfer="none", sample=80, seed=seed).json()
        close(found["pairwise_cosine"]["before"], figures.pairs(*[corpus.vectors(ids, "none")] * 2)["cosine"][0])


def test_the_same_question_has_the_same_answer(corpus, new_dataset):
    """Whatever the number of shards."""
    other = new_dataset(corpus.api, shards=1)
    seeds = {seed["id"]: seed["text"] for seed in corpus.dataset.seeds()}
    other.load_captions([{"seed": seeds[id[:32]], "text": text} for id, text in corpus.captions.items()])
    other.run(["representations"])
    params = {"sample": 120, "transfer": "none"}
    answers = [corpus.report(**params).json() for _ in range(2)]
    answers.append(corpus.api.call("get_gap_report", dataset=other.name, params=params).json())
    for part in ("sample", "source", "pairwise_cosine", "spectrum", "lengths"):
        assert answers[0][part] == answers[1][part] == answers[2][part], part


def test_lengths(corpus):
    ids = corpus.drawn(300)
    text, made = corpus.vectors(ids, "none"), corpus.vectors(ids, "mean_shift")
    _, _, mean, trace = corpus.images(other_modality(text, 60), "gap-lengths", vectors=False)
    words = numpy.array([len(corpus.captions[id].split()) for id in ids])
    found = corpus.report(image_moments="gap-lengths").json()["lengths"]
    assert [(b["from"], b.get("to")) for b in found] == list(zip(EDGES, EDGES[1:] + [None]))
    assert sum(b["rows"] for b in found) == 300 and all(b["rows"] == 60 for b in found)
    for bucket in found:
        some = (words >= bucket["from"]) & (words < bucket.get("to", 10 ** 6))
        for kind, rows in (("before", text[some]), ("after", made[some])):
            mine = figures.mean_by_control(None, rows)
            close(bucket["centroid_distance"][kind], figures.distance(mine, (mean, 0)))
            close(bucket["centroid_distance"][kind + "_error"], mine[1] ** 0.5)
            close(bucket["trace_ratio"][kind], figures.trace(rows) / trace)
        close(bucket["cosine"], figures.cosine(text[some], made[some]))
        close(bucket["norm"], 1)


# -- beside images --

def test_means_and_traces_beside_images(corpus):
    ids = corpus.drawn(300)
    text, made = corpus.vectors(ids, "none"), corpus.vectors(ids, "mean_shift")
    id, kept, mean, trace = corpus.images(other_modality(text, 200), "gap-means")
    found = corpus.report(image_moments=id).json()
    assert found["image_moments"] == {"id": id, "label": "gap-means", "version": 1, "vectors": 200, "count": 200}
    distance, ratio = found["centroid_distance"], found["trace_ratio"]
    exact = text.mean(0)
    close(distance["before"], numpy.linalg.norm(exact - mean))
    assert distance["before_error"] == 0
    after = figures.mean_by_control(text, made, exact)
    close(distance["after"], figures.distance(after, (mean, 0)))
    close(distance["after_error"], after[1] ** 0.5)
    seen = figures.unit(kept - mean)
    shifted = figures.mean_by_control(kept, seen, mean)
    close(distance["after_inference"], figures.distance(after, shifted))
    close(distance["after_inference_error"], (after[1] + shifted[1]) ** 0.5)
    close(found["trace"]["image"], trace)
    close(ratio["before"], ((text - exact) ** 2).sum() / len(text) / trace)
    close(ratio["after"], figures.trace(made) / trace)
    close(ratio["after_inference"], figures.trace(made) / figures.trace(seen))
    assert "images_are_shifted" in {w["code"] for w in found["warnings"]}


def test_without_a_shift_inference_sees_the_images_as_they_are(corpus):
    text = corpus.vectors(corpus.drawn(300), "none")
    corpus.images(other_modality(text, 50), "gap-plain")
    found = corpus.report(transfer="none", image_moments="gap-plain").json()
    for part in ("centroid_distance", "trace_ratio"):
        assert found[part]["after"] == found[part]["after_inference"]
    close(found["centroid_distance"]["after"], found["centroid_distance"]["before"])
    assert "images_are_shifted" not in {w["code"] for w in found["warnings"]}


def test_mixing_and_spectra_beside_images(corpus):
    n = 150  # images, and so of either kind
    ids = corpus.drawn(300)[:n]
    text, made = corpus.vectors(ids, "none"), corpus.vectors(ids, "mean_shift")
    _, kept, mean, _ = corpus.images(other_modality(text, n), "gap-spectra")
    seen = figures.unit(kept - mean)
    found = corpus.report(image_moments="gap-spectra").json()
    mixing, spectrum = found["mixing"], found["spectrum"]
    assert (mixing["rows"], mixing["neighbours"], spectrum["rows"]) == (n, 20, n)
    q = spectrum["subspace_overlap"]["directions"]
    assert q == (n - 1) // 4 and spectrum["subspace_overlap"]["random"] == pytest.approx(q / 1280)
    close(spectrum["image"]["effective_rank"], figures.Spectrum(kept).effective_rank(), 1e-4)
    for kind, rows, pictures in (("before", text, kept), ("after", made, seen)):
        shares = figures.mixing(rows, pictures)
        close(mixing[kind]["text_to_image"], shares[0], 1e-3)
        close(mixing[kind]["image_to_text"], shares[1], 1e-3)
        spectra = figures.Spectrum(rows), figures.Spectrum(pictures)
        close(spectrum["correlation"][kind], figures.spectrum_correlation(*spectra), 1e-4)
        close(spectrum["subspace_overlap"][kind], figures.subspace_overlap(*spectra, q), 1e-4)
    assert mixing["before"] != mixing["after"]


def test_images_that_are_the_texts(corpus):
    """No gap at all: distance 0, everything mixed and alike."""
    text = corpus.vectors(corpus.drawn(300), "none")
    corpus.images(text, "gap-texts")
    found = corpus.report(transfer="none", image_moments="gap-texts").json()
    assert found["centroid_distance"]["before"] < 1e-3
    assert found["trace_ratio"]["before"] == pytest.approx(1, abs=1e-3)
    assert found["spectrum"]["correlation"]["before"] > 0.9999
    assert found["spectrum"]["subspace_overlap"]["before"] > 0.99
    assert min(found["mixing"]["before"].values()) > 0.4


def test_moments_without_vectors(corpus):
    text = corpus.vectors(corpus.drawn(300), "none")
    corpus.images(other_modality(text, 30), "gap-alone", vectors=False)
    found = corpus.report(image_moments="gap-alone").json()
    assert "mixing" not in found and not {"correlation", "subspace_overlap", "image"} & set(found["spectrum"])
    assert set(found["centroid_distance"]) == {"before", "before_error", "after", "after_error"}
    assert "no_image_vectors" in {w["code"] for w in found["warnings"]}


def test_which_image_moments(corpus):
    text = corpus.vectors(corpus.drawn(300), "none")
    first = corpus.images(other_modality(text, 30, 4), "gap-versions")[0]
    second = corpus.images(other_modality(text, 30, 5), "gap-versions")[0]
    assert corpus.report(image_moments="gap-versions", sample=50).json()["image_moments"]["id"] == second
    assert corpus.report(image_moments=first, sample=50).json()["image_moments"]["version"] == 1
    assert corpus.report(sample=50).json()["image_moments"]["id"] == second
    assert corpus.report(image_moments="gap-versions@1", sample=50).json()["image_moments"]["id"] == first
    own = {"transfer": corpus.prepare("realign", {}, "gap-versions@1"), "sample": 50}
    assert corpus.report(**own).json()["image_moments"]["id"] == first
    assert corpus.report(**own, image_moments="gap-versions").json()["image_moments"]["id"] == second
    for absent in ("nowhere", "gap-versions@3", "0" * 32):
        assert corpus.report(image_moments=absent, expect=404).problem == "not-found"


EVERY = [("mean_shift", {"norm": False}, False), ("mean_shift", {"image_mean": True}, True), ("realign", {}, True),
         ("noise", {"cosine": 0.8}, False), ("noise", {"cosine": 0.8, "form": "c3"}, False)]


@pytest.mark.parametrize("method, parameters, with_images", EVERY, ids=str)
def test_every_transfer(corpus, method, parameters, with_images):
    """Beside numpy over what the list of representations has, the images as its rule leaves them."""
    n = 200
    ids = corpus.drawn(n)
    text = corpus.vectors(ids, "none")
    id, kept, mean, _ = corpus.images(other_modality(text, n, 8), "gap-every")
    transfer = corpus.prepare(method, parameters, "gap-every" if with_images else None)
    made = corpus.vectors(ids, transfer)
    found = corpus.report(transfer=transfer, image_moments="gap-every", sample=n).json()
    exact = corpus.vectors(list(corpus.captions), "none").mean(0)
    after = figures.mean_by_control(text, made, exact)
    shifted, seen = (mean, 0), kept
    if found["transfer"]["own_image_mean"]:
        seen = kept - mean if parameters.get("norm") is False else figures.unit(kept - mean)
        shifted = figures.mean_by_control(kept, seen, mean)
    assert (seen is kept) == (method == "realign" or "image_mean" in parameters or parameters == {"cosine": 0.8})
    close(found["centroid_distance"]["after"], figures.distance(after, (mean, 0)))
    close(found["centroid_distance"]["after_inference"], figures.distance(after, shifted), 1e-4)
    close(found["source"]["cosine"], figures.cosine(text, made))
    pairs, shares = figures.pairs(text, made), figures.mixing(made, seen)
    close(found["source"]["similarity_correlation"], pairs["correlation"])
    close(found["source"]["neighbour_overlap"], pairs["overlap"], 1e-3)
    close(found["pairwise_cosine"]["after"], pairs["cosine"][1])
    close(found["mixing"]["after"]["text_to_image"], shares[0], 1e-3)
    close(found["mixing"]["after"]["image_to_text"], shares[1], 1e-3)
    norms = numpy.linalg.norm(made, axis=1)
    close(sum(b["norm"] * b["rows"] for b in found["lengths"] if b["rows"]) / n, norms.mean())
    if method == "realign":
        assert found["centroid_distance"]["after"] < found["centroid_distance"]["before"] / 3


# -- what it says of itself --

def paths(node, prefix=""):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from paths(value, f"{prefix}.{key}" if prefix else key)
    elif isinstance(node, list):
        for item in node:
            yield from paths(item, prefix)
    else:
        yield prefix


def test_every_figure_has_a_definition(corpus):
    text = corpus.vectors(corpus.drawn(300), "none")
    corpus.images(other_modality(text, 30), "gap-defined")
    found = corpus.report(image_moments="gap-defined").json()
    definitions = found.pop("definitions")
    undefined = {"dataset", "trial", "why", "generated_at", "warnings", "transfer", "encoder"}
    met = set()
    for path in paths({k: v for k, v in found.items() if k not in undefined}):
        parts = path.split(".")
        under = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
        assert any(p in definitions for p in under), path
        met |= set(under)
    assert set(definitions) <= met, "definitions of what is not there"


def test_the_offline_encoder_says_nothing(corpus):
    found = corpus.report(sample=50).json()
    assert found["trial"] is True and found["meaningful"] is False and "offline" in found["why"]
    assert {"trial", "few_rows"} <= {w["code"] for w in found["warnings"]}


def test_a_real_encoder_is_meaningful(modelled_server, model_server, new_dataset):
    api = Api(modelled_server.base)
    dataset = new_dataset(api)
    dataset.load_captions(generate(40))
    dataset.run(["representations"], representations={"encoder": "embeddings"})
    found = api.call("get_gap_report", dataset=dataset.name, params={"encoder": "embeddings"}).json()
    assert found["trial"] is False and found["meaningful"] is True and "why" not in found
    assert found["encoder"]["dimension"] == 64 and found["sample"]["rows"] == 40
    assert "no_image_moments" in {w["code"] for w in found["warnings"]} and "image_moments" not in found
    assert found["centroid_distance"] == {} and "image" not in found["trace"]


def test_embeddings_that_came_later(corpus, new_dataset):
    dataset = new_dataset(corpus.api)
    dataset.load_captions(generate(30))
    dataset.run(["representations"])
    old = corpus.api.get(dataset.path + "/representations", expect=200).json()["transfer"]["id"]
    dataset.load_captions(generate(50)[30:])
    dataset.run(["representations"])
    found = corpus.api.call("get_gap_report", dataset=dataset.name, params={"transfer": old}).json()
    assert found["sample"]["newer"] == 20 and found["text_moments"]["count"] == 30
    assert "newer_embeddings" in {w["code"] for w in found["warnings"]}
    found = corpus.api.call("get_gap_report", dataset=dataset.name).json()
    assert found["sample"]["newer"] == 0 and found["text_moments"]["count"] == 50


def test_more_captions_than_a_sample_is_drawn_from(modelled_server, new_dataset):
    api = Api(modelled_server.base)
    dataset = new_dataset(api)
    dataset.load_captions(generate(100))
    dataset.run(["representations"], representations={"encoder": "embeddings"})
    number = modelled_server.database.value(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    copied = "shard_id, md5(seed_id::text || n)::uuid"
    of = f"generate_series(1, 700) n WHERE shard_id BETWEEN {number} * 65536 AND {number} * 65536 + 3"
    modelled_server.database.execute(f"""
        INSERT INTO embeddings (shard_id, seed_id, caption_hash, encoder_id, vector, run_id, tokens_in, created_at)
        SELECT {copied}, caption_hash, encoder_id, vector, run_id, 0, created_at FROM embeddings, {of};
        INSERT INTO captions (shard_id, seed_id, recipe_id, variant, hash, text, run_id, model, finish_reason,
                              tokens_in, tokens_out)
        SELECT {copied}, recipe_id, variant, hash, text, run_id, model, finish_reason, 0, 0 FROM captions, {of}""")
    found = api.call("get_gap_report", dataset=dataset.name, params={"encoder": "embeddings"}).json()["sample"]
    assert found["all"] is False and found["rows"] == 1000
    assert 0 <= 65536 - found["candidates"] < 16384  # evenly of four shards, one of which may have fewer


def test_a_run_that_is_at_work(corpus):
    rows = Rows(corpus.database, corpus.dataset)
    run = rows.run()
    rows.set_to_work(run)
    try:
        warnings = corpus.report(sample=50).json()["warnings"]
    finally:
        rows.stop_work(run)
    assert "changing" in {w["code"] for w in warnings}
    assert "changing" not in {w["code"] for w in corpus.report(sample=50).json()["warnings"]}


# -- what may go wrong --

def test_nothing_is_ready(api, dataset):
    dataset.load_captions(generate(3))
    answer = api.call("get_gap_report", dataset=dataset.name, expect=409)
    assert answer.problem == "transfer-not-ready"


def test_fewer_than_two(corpus, new_dataset):
    dataset = new_dataset(corpus.api)
    dataset.load_captions(generate(3))
    dataset.run(["representations"])
    for id in [c["id"] for c in dataset.captions()][1:]:
        corpus.database.execute(f"UPDATE captions SET dropped = 'speech' WHERE hash = '\\x{id[-16:]}'")
    answer = corpus.api.call("get_gap_report", dataset=dataset.name, expect=409)
    assert answer.problem == "too-few-vectors"


def test_rows_without_a_representation(corpus, new_dataset):
    """A vector of another form and one without a difference are counted, not measured."""
    dataset = new_dataset(corpus.api)
    dataset.load_captions(generate(12))
    dataset.run(["representations"])
    ids = [c["id"] for c in dataset.captions()]
    corpus.database.execute(f"UPDATE embeddings SET vector = '\\x0102' WHERE caption_hash = '\\x{ids[0][-16:]}'")
    found = corpus.api.call("get_gap_report", dataset=dataset.name).json()
    assert (found["sample"]["rows"], found["sample"]["unreadable"]) == (11, 1)
    assert found["source"]["neighbours"] == 10


@pytest.mark.parametrize("params, status", [
    ({"sample": 1}, 422), ({"sample": 4001}, 422), ({"sample": "many"}, 422), ({"seed": -1}, 422),
    ({"transfer": "nonsense"}, 422), ({"transfer": "0" * 32}, 404), ({"image_moments": ""}, 422),
    ({"encoder": "nobody"}, 409)], ids=str)
def test_bad_requests(corpus, params, status):
    answer = corpus.report(expect=status, **params)
    if status != 404 and status != 409:
        assert answer.pointers == [f"?{next(iter(params))}"]


def test_several_at_a_time(corpus):
    """Half of the threads may make reports; who comes beyond them is told to come again."""
    def one(_):
        return corpus.report(sample=300, expect=(200, 503))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(16)))
    assert any(a.status == 200 for a in answers)
    assert all(int(a.headers["Retry-After"]) > 0 for a in answers if a.status == 503)

"""Prepared transfers: what they are made of, that they do what their formulas say, and that nothing that
happens later changes what is read under them."""
import concurrent.futures
import hashlib
import io
import urllib.parse

import numpy
import pytest

from support import images, transfers
from support.client import Api
from support.dataset import Dataset, decode_vector
from support.seeds import generate
from support.wait import until

TOLERANCE = 1e-6
METHODS = [("none", {}, False), ("mean_shift", {}, False), ("mean_shift", {"norm": False}, False),
           ("mean_shift", {"image_mean": True}, True), ("mean_shift", {"norm": False, "image_mean": True}, True),
           ("realign", {}, True), ("noise", {"cosine": 0.9}, False), ("noise", {"sigma": 0.04, "seed": 7}, False),
           ("noise", {"cosine": 0.5, "form": "c3"}, False)]
IDS = ["-".join([method, *parameters]) for method, parameters, _ in METHODS]


def put_images(api, label, rows, encoder="offline"):
    return api.call("put_image_moments", encoder=encoder, json=images.moments(rows, label)).json()


def request(method, parameters=None, images_label=None, **more):
    body = {"method": method, **more}
    if parameters:
        body["parameters"] = parameters
    return {**body, "image_moments": images_label} if images_label else body


def post(dataset, body, **arguments):
    return dataset.api.call("create_transfer", dataset=dataset.name, json=body, **arguments)


def finished(dataset, transfer):
    return until(lambda: (t := get(dataset, transfer))["state"] != "preparing" and t, "the transfer to be ready")


def get(dataset, transfer):
    return dataset.api.call("get_transfer", dataset=dataset.name, transfer=transfer).json()


def prepare(dataset, *arguments, **more):
    """Posts and waits until it is ready."""
    made = finished(dataset, post(dataset, request(*arguments, **more)).json()["id"])
    assert made["state"] == "ready", made
    return made


def bits(dataset, transfer, **params):
    """{caption id: the bytes of its representation}"""
    return {id: v.astype("<f4").tobytes() for id, v in dataset.vectors(transfer, **params).items()}


def file(dataset, transfer, name):
    answer = dataset.api.call("get_transfer_file", dataset=dataset.name, transfer=transfer, file=name + ".npy")
    vector = numpy.load(io.BytesIO(answer.content), allow_pickle=False)
    assert vector.dtype == numpy.dtype("<f8") and vector.flags.c_contiguous
    return vector


@pytest.fixture(scope="module")
def pictures():
    return images.vectors(300)


@pytest.fixture(scope="module")
def made(server, pictures):
    """A dataset with embeddings, and the image moments `pictures`."""
    dataset = Dataset(Api(server.base), "transfers-made", 4)
    dataset.load(generate(70, seed=11))
    dataset.finished_run = dataset.run(["captions", "representations"])["id"]
    put_images(dataset.api, "pictures", pictures)
    return dataset


def key_of(caption):
    return bytes.fromhex(caption.replace("-", ""))


def reference(u, ids, method, parameters, pictures):
    """The formulas in numpy; center is that of these texts."""
    mean, trace = transfers.moments(u)
    image_mean = pictures.mean(axis=0)
    if method == "mean_shift":
        shifted = u - mean + (image_mean if parameters.get("image_mean") else 0)
        return shifted if parameters.get("norm") is False else transfers.norm(shifted)
    if method == "realign":
        scale = (((pictures - image_mean) ** 2).sum(axis=1).mean() / (trace + 1e-10)) ** 0.5
        half = transfers.align(u, mean, image_mean, scale)
        return transfers.norm(half - half.mean(axis=0) + image_mean)
    if method == "noise":
        sigma = parameters.get("sigma", ((1 / parameters.get("cosine", 1) ** 2 - 1) / u.shape[1]) ** 0.5)
        e = transfers.noise(parameters.get("seed", 0), [key_of(id) for id in ids], u.shape[1])
        return transfers.norm((u - mean if parameters.get("form") == "c3" else u) + sigma * e)
    return u


def largest_error(found, expected):
    """Relative to the largest value of each vector."""
    return (numpy.abs(found - expected).max(axis=1) / numpy.abs(expected).max(axis=1)).max()


@pytest.mark.parametrize("method, parameters, with_images", METHODS, ids=IDS)
def test_the_formulas(made, pictures, method, parameters, with_images):
    one = prepare(made, method, parameters, "pictures" if with_images else None)
    assert one["method"] == method and one["parameters"] == parameters
    assert one["encoder"]["name"] == "offline" and one["text_moments"]["count"] == 70
    assert ("image_moments" in one) == with_images
    plain, found = made.vectors("none"), made.vectors(one["id"])
    ids = list(plain)
    assert list(found) == ids
    u = numpy.stack([plain[id] for id in ids])
    expected = reference(u, ids, method, parameters, pictures)
    assert largest_error(numpy.stack([found[id] for id in ids]), expected) <= TOLERANCE


def follow(dataset, one, u, caption):
    """The steps as a program that knows nothing of the methods would take them."""
    vectors = {name: file(dataset, one["id"], name) for name in one["vectors"]}
    for step in one["steps"]:
        operation = step["operation"]
        if operation == "l2_normalise":
            u = u / numpy.linalg.norm(u)
        elif operation in ("subtract", "add"):
            u = u + (1 if operation == "add" else -1) * vectors[step["operand"]]
        elif operation == "multiply":
            u = u * step["factor"]
        else:
            assert operation == "add_noise"
            u = u + step["sigma"] * transfers.noise(step["seed"], [key_of(caption)], len(u))[0]
    return u


@pytest.mark.parametrize("method, parameters, with_images", METHODS, ids=IDS)
def test_the_steps_and_their_files_say_all(made, method, parameters, with_images):
    one = prepare(made, method, parameters, "pictures" if with_images else None)
    plain, found = made.vectors("none"), made.vectors(one["id"])
    for id in list(plain)[::10]:
        followed = follow(made, one, plain[id], id)
        assert numpy.abs(followed - found[id]).max() <= TOLERANCE * numpy.abs(found[id]).max()


@pytest.mark.parametrize("method, parameters, own", [
    ("none", {}, False), ("mean_shift", {}, True), ("mean_shift", {"norm": False}, True),
    ("mean_shift", {"image_mean": True}, False), ("realign", {}, False), ("noise", {}, False),
    ("noise", {"form": "c3"}, True)])
def test_the_rule_for_images(made, method, parameters, own):
    """Own images are needed exactly where the texts were centred and nothing was put in their place."""
    with_images = method == "realign" or "image_mean" in parameters
    one = prepare(made, method, parameters, "pictures" if with_images else None)
    assert one["own_image_mean"] is own
    operations = [step["operation"] for step in one["inference"]]
    assert operations[0] == "l2_normalise"
    assert ("subtract" in operations) is own
    if own:
        assert one["inference"][1]["operand"] == "image_mean"
        assert one["inference"][1]["source"] == "own_images"
        assert (operations[-1] == "l2_normalise") is (parameters.get("norm") is not False)
    else:
        assert operations == ["l2_normalise"], "one image alone can be used as it is"
    page = made.api.get(made.path + "/representations", params={"transfer": one["id"], "page_size": 1},
                        expect=200).json()["transfer"]
    assert page["inference"] == one["inference"] and page["own_image_mean"] is own
    assert page["parameters"] == one["parameters"]
    assert page.get("image_moments") == one.get("image_moments", {}).get("id")


def test_constants_of_realign(made, pictures):
    one = prepare(made, "realign", None, "pictures")
    u = numpy.stack(list(made.vectors("none").values()))
    mean, trace = transfers.moments(u)
    assert one["count"] == 70 and abs(one["text_moments"]["trace"] - trace) < 1e-12
    image_trace = images.moments(pictures)["trace"]
    assert abs(one["scale"] - (image_trace / (trace + 1e-10)) ** 0.5) < 1e-12
    assert numpy.abs(file(made, one["id"], "text_mean") - mean).max() < 1e-12
    assert (file(made, one["id"], "image_mean") == numpy.array(images.moments(pictures)["mean"])).all()
    half = transfers.align(u, mean, pictures.mean(axis=0), one["scale"])
    assert numpy.abs(file(made, one["id"], "center") - half.mean(axis=0)).max() < 1e-12
    # What it is for: the texts' mean comes to the images'.
    after = numpy.stack(list(made.vectors(one["id"]).values())).mean(axis=0)
    assert numpy.linalg.norm(after - pictures.mean(axis=0)) < 0.1 * numpy.linalg.norm(mean - pictures.mean(axis=0))


# -- the same thing once --

def test_the_same_request_gives_the_same_transfer(made):
    for method, parameters, with_images in METHODS:
        body = request(method, parameters, "pictures" if with_images else None)
        first, second = (post(made, body) for _ in range(2))
        assert first.json()["id"] == second.json()["id"]
        assert first.headers["Location"] == f"{made.path}/transfers/{first.json()['id']}"
        assert made.api.get(first.headers["Location"], expect=200).json()["id"] == first.json()["id"]
    ofrun = {t["method"]: t["id"] for t in made.result(made.finished_run)["transfers"]}
    for method in ("none", "mean_shift"):
        assert post(made, {"method": method}).json()["id"] == ofrun[method], "a run has made it already"


def test_defaults_that_are_said_are_defaults(made):
    one = prepare(made, "noise", {"cosine": 0.9})
    for parameters in ({}, {"seed": 0}, {"form": "capdec"}, {"cosine": 0.9, "seed": 0, "form": "capdec"}):
        assert post(made, {"method": "noise", "parameters": parameters}).json()["id"] == one["id"]
    shift = prepare(made, "mean_shift")
    for parameters in ({"norm": True}, {"image_mean": False}):
        assert post(made, {"method": "mean_shift", "parameters": parameters}).json()["id"] == shift["id"]


def test_many_at_once(made, pictures):
    put_images(made.api, "at-once", pictures)
    body = request("realign", None, "at-once")

    def one(_):
        return Api(made.api.base).call("create_transfer", dataset=made.name, json=body).json()["id"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(one, range(24)))
    assert len(ids) == 1
    assert finished(made, ids.pop())["state"] == "ready"


def test_image_moments_by_label_version_and_id(made, pictures):
    first = put_images(made.api, "named", pictures)
    second = put_images(made.api, "named", pictures[:100])
    assert (first["version"], second["version"]) == (1, 2)
    for reference_, expected in (("named", second), ("named@1", first), ("named@2", second),
                                 (first["id"], first)):
        one = prepare(made, "realign", None, reference_)
        assert one["image_moments"]["id"] == expected["id"]
        assert one["image_moments"]["version"] == expected["version"]


# -- lists and names --

def test_list(made):
    everything = made.api.items(made.path + "/transfers", page_size=2)
    assert len({t["id"] for t in everything}) == len(everything) >= 3
    times = [t["created_at"] for t in everything]
    assert times == sorted(times, reverse=True)
    assert everything == made.api.items(made.path + "/transfers")
    for one in everything[:3]:
        assert one == get(made, one["id"])
    shifts = made.api.items(made.path + "/transfers", method="mean_shift")
    assert shifts == [t for t in everything if t["method"] == "mean_shift"]
    assert made.api.items(made.path + "/transfers", state="failed") == []


def test_an_empty_list(dataset):
    assert dataset.api.items(dataset.path + "/transfers") == []


def test_by_its_name_a_method_is_without_parameters(made):
    ofrun = {t["method"]: t["id"] for t in made.result(made.finished_run)["transfers"]}
    prepare(made, "mean_shift", {"norm": False})
    noise = prepare(made, "noise", {"cosine": 0.7})
    for method, expected in (("mean_shift", ofrun["mean_shift"]), ("none", ofrun["none"]), ("noise", noise["id"])):
        page = made.api.get(made.path + "/representations", params={"transfer": method, "page_size": 1},
                            expect=200).json()
        assert page["transfer"]["id"] == expected, method


# -- what is refused --

@pytest.mark.parametrize("body, pointer", [
    ({"method": "shift"}, "/method"), ({}, "/method"), ({"method": "realign"}, "/image_moments"),
    ({"method": "mean_shift", "parameters": {"image_mean": True}}, "/image_moments"),
    ({"method": "none", "image_moments": "pictures"}, "/image_moments"),
    ({"method": "noise", "image_moments": "pictures"}, "/image_moments"),
    ({"method": "mean_shift", "image_moments": "pictures"}, "/image_moments"),
    ({"method": "realign", "image_moments": "nobody"}, "/image_moments"),
    ({"method": "realign", "image_moments": "pictures@99"}, "/image_moments"),
    ({"method": "realign", "image_moments": "0" * 32}, "/image_moments"),
    ({"method": "realign", "image_moments": "not a label"}, "/image_moments"),
    ({"method": "realign", "image_moments": "pictures@0"}, "/image_moments"),
    ({"method": "realign", "image_moments": "pictures", "parameters": {"cosine": 0.9}}, "/parameters/cosine"),
    ({"method": "noise", "parameters": {"norm": False}}, "/parameters/norm"),
    ({"method": "none", "parameters": {"seed": 1}}, "/parameters/seed"),
    ({"method": "mean_shift", "parameters": {"form": "c3"}}, "/parameters/form"),
    ({"method": "noise", "parameters": {"cosine": 0.9, "sigma": 0.1}}, "/parameters/sigma"),
    ({"method": "noise", "parameters": {"cosine": 0}}, "/parameters/cosine"),
    ({"method": "noise", "parameters": {"cosine": 1.01}}, "/parameters/cosine"),
    ({"method": "noise", "parameters": {"sigma": -1}}, "/parameters/sigma"),
    ({"method": "noise", "parameters": {"seed": -1}}, "/parameters/seed"),
    ({"method": "noise", "parameters": {"strength": 1}}, "/parameters/strength"),
    ({"method": "none", "text_moments": "0" * 32}, "/text_moments"),
    ({"method": "none", "text_moments": "x" * 32}, "/text_moments")], ids=range(24))
def test_refused(made, body, pointer):
    assert pointer in post(made, body, expect=422).pointers


def test_an_encoder_without_moments(made):
    assert post(made, {"method": "none", "encoder": "nobody"}, expect=409).problem == "transfer-not-ready"


def test_before_the_first_run(dataset):
    dataset.add(generate(3))
    for method in ("none", "mean_shift", "noise"):
        assert post(dataset, {"method": method}, expect=409).problem == "transfer-not-ready"


def test_too_few_vectors(dataset, pictures):
    put_images(dataset.api, "few", pictures)
    dataset.add(["A dog."])
    dataset.run(["captions", "representations"])
    for body in ({"method": "mean_shift"}, request("realign", None, "few"), {"method": "noise"}):
        assert post(dataset, body, expect=409).problem == "too-few-vectors"
    dataset.add(["A cat."])
    dataset.run(["captions", "representations"])
    assert prepare(dataset, "realign", None, "few")["count"] == 2


def test_of_another_dataset(made, dataset):
    foreign = prepare(made, "noise")["id"]
    dataset.api.call("get_transfer", dataset=dataset.name, transfer=foreign, expect=404)
    dataset.api.call("get_transfer_file", dataset=dataset.name, transfer=foreign, file="text_mean.npy", expect=404)
    dataset.api.get(dataset.path + "/representations", params={"transfer": foreign}, expect=404)


def test_files_that_are_not_there(made):
    one = prepare(made, "mean_shift")
    assert list(one["vectors"]) == ["text_mean"]
    for name in ("image_mean.npy", "center.npy", "text_mean", "text_mean.npyx", "scale.npy"):
        made.api.call("get_transfer_file", dataset=made.name, transfer=one["id"], file=name, expect=404)


def test_what_is_still_being_prepared(made, database):
    """Put in by hand, without a task, so that it stays that way."""
    ready = prepare(made, "realign", None, "pictures")["id"]
    id = "ab" * 16
    database.execute(f"""
        INSERT INTO transfers (transfer_id, dataset, encoder_id, method, moments_id, image_moments_id, state,
                               created_at)
        SELECT '{id}', dataset, encoder_id, method, moments_id, image_moments_id, 'preparing', '2020-01-01'
        FROM transfers WHERE transfer_id = '{ready}'""")
    one = get(made, id)
    assert one["state"] == "preparing" and "steps" not in one and "scale" not in one and one["inference"]
    answer = made.api.call("get_transfer_file", dataset=made.name, transfer=id, file="center.npy", expect=409)
    assert answer.problem == "transfer-not-ready"
    file(made, id, "text_mean")
    answer = made.api.get(made.path + "/representations", params={"transfer": id}, expect=409)
    assert answer.problem == "transfer-not-ready"
    database.execute(f"UPDATE transfers SET state = 'failed', reason = 'the sky fell' WHERE transfer_id = '{id}'")
    assert get(made, id)["reason"] == "the sky fell"
    answer = made.api.get(made.path + "/representations", params={"transfer": id}, expect=409)
    assert "the sky fell" in answer.json()["detail"]
    database.execute(f"DELETE FROM transfers WHERE transfer_id = '{id}'")


# -- texts at once --

def test_noise_of_a_text_is_its_own(made):
    """Drawn by the text itself, so that it is the same whenever and beside whatever it is asked for."""
    one = prepare(made, "noise", {"cosine": 0.8, "seed": 5})

    def compute(texts, transfer):
        body = {"input": texts, "dataset": made.name, "transfer": transfer, "encoding_format": "base64"}
        items = made.api.call("compute_representations", json=body).json()["items"]
        return [decode_vector(item["vector_base64"]) for item in items]

    texts = ["A dog.", "A cat on a mat."]
    together, alone = compute(texts, one["id"]), compute(texts[1:], one["id"])
    assert (together[1] == alone[0]).all()
    for text, plain, found in zip(texts, compute(texts, "none"), together):
        key = hashlib.sha256(text.encode()).digest()[:24]
        sigma = ((1 / 0.8 ** 2 - 1) / len(plain)) ** 0.5
        expected = transfers.norm(plain + sigma * transfers.noise(5, [key], len(plain)))[0]
        assert numpy.abs(found - expected).max() <= TOLERANCE * numpy.abs(expected).max()


def test_realign_of_a_text_is_that_of_its_caption(made):
    one = prepare(made, "realign", None, "pictures")
    captions = made.captions(page_size=20)[:20]
    answer = made.api.call("compute_representations", json={
        "input": [c["text"] for c in captions], "dataset": made.name, "transfer": one["id"],
        "encoding_format": "base64"}).json()
    stored = made.vectors(one["id"])
    for caption, item in zip(captions, answer["items"]):
        assert (decode_vector(item["vector_base64"]) == stored[caption["id"]]).all()
    assert answer["transfer"]["id"] == one["id"]


# -- runs --

@pytest.mark.parametrize("settings, method, parameters", [
    ({"transfer": "noise"}, "noise", {"cosine": 0.9}),
    ({"transfer": "noise", "parameters": {"sigma": 0.1, "form": "c3"}}, "noise", {"sigma": 0.1, "form": "c3"}),
    ({"transfer": "mean_shift", "parameters": {"norm": False}}, "mean_shift", {"norm": False}),
    ({"transfer": "realign", "image_moments": "for-runs"}, "realign", {}),
    ({"transfer": {"method": "realign", "image_moments": "for-runs@1"}}, "realign", {}),
    ({"transfer": {"method": "mean_shift", "parameters": {"image_mean": True}, "image_moments": "for-runs"}},
     "mean_shift", {"image_mean": True})], ids=range(6))
def test_a_run_prepares_what_it_names(dataset, pictures, settings, method, parameters):
    put_images(dataset.api, "for-runs", pictures)
    dataset.load(generate(30))
    body = {"stages": ["captions", "representations"], "representations": settings}
    run = dataset.api.call("create_run", dataset=dataset.name, json=body,
                           lenient=isinstance(settings["transfer"], dict)).json()["id"]
    dataset.wait(run)
    made_ = dataset.result(run)["transfers"]
    assert [t["method"] for t in made_].count(method) == (2 if method == "mean_shift" else 1)
    assert {t["method"] for t in made_} == {"none", "mean_shift", method}
    named, = [t for t in (get(dataset, t["id"]) for t in made_)
              if t["method"] == method and t["parameters"] == parameters]
    assert named["state"] == "ready" and named["run"] == run
    assert len(dataset.vectors(named["id"])) == 30
    again = post(dataset, request(method, parameters, settings.get("image_moments") or (
        settings["transfer"].get("image_moments") if isinstance(settings["transfer"], dict) else None)))
    if again.json().get("image_moments", {}).get("id") == named.get("image_moments", {}).get("id"):
        assert again.json()["id"] == named["id"]


@pytest.mark.parametrize("settings, pointer", [
    ({"transfer": "realign"}, "/representations/image_moments"),
    ({"transfer": "realign", "image_moments": "nobody"}, "/representations/image_moments"),
    ({"transfer": "noise", "parameters": {"norm": False}}, "/representations/parameters/norm"),
    ({"transfer": {"method": "realign"}}, "/representations/transfer/image_moments"),
    ({"transfer": {"parameters": {}}}, "/representations/transfer/method"),
    ({"transfer": {"method": "noise", "surprise": 1}}, "/representations/transfer/surprise"),
    ({"transfer": 1}, "/representations/transfer"), ({"transfer": []}, "/representations/transfer")], ids=range(8))
def test_runs_that_are_refused(dataset, settings, pointer):
    answer = dataset.api.call("create_run", dataset=dataset.name, expect=422,
                              json={"stages": ["representations"], "representations": settings})
    assert pointer in answer.pointers


# -- what does not change --

def read_all(dataset, ids):
    """Every way to read: pages and look-ups, floats and base64 are the same bits."""
    found = {}
    for id in ids:
        pages = bits(dataset, id)
        lookup = dataset.api.call("lookup_representations", dataset=dataset.name, json={
            "ids": list(pages), "transfer": id}).json()["items"]
        assert {i["id"]: numpy.array(i["vector"], "<f4").tobytes() for i in lookup} == pages
        found[id] = pages
    return found


def test_growth(new_server, model_server, new_dataset, pictures):
    """Vectors that were read under a transfer stay as they are, to the last bit: after the dataset has
    grown, after new image moments, after another encoder."""
    settings = {"MONOCEROS_ENCODER_URL": model_server.url, "MONOCEROS_ENCODER_MODEL": "test-encoder"}
    server = new_server(**settings)
    dataset = new_dataset(Api(server.base))
    put_images(dataset.api, "pictures", pictures)
    dataset.load(generate(40))
    dataset.run(["captions", "representations"], representations={"encoder": "offline"})
    old = [prepare(dataset, method, parameters, "pictures" if with_images else None)
           for method, parameters, with_images in METHODS]
    ids = [one["id"] for one in old]
    before = read_all(dataset, ids)
    assert all(len(found) == 40 for found in before.values())

    def unchanged(count):
        for id, found in read_all(dataset, ids).items():
            assert len(found) == count
            assert {caption: found[caption] for caption in before[id]} == before[id]
        for one in old:
            assert get(dataset, one["id"]) == one

    dataset.load(generate(100))
    dataset.run(["captions", "representations"], representations={"encoder": "offline"})
    unchanged(100)
    newer = prepare(dataset, "mean_shift")
    assert newer["id"] not in ids and newer["text_moments"]["count"] == 100
    put_images(dataset.api, "pictures", -pictures)
    assert prepare(dataset, "realign", None, "pictures")["id"] not in ids
    unchanged(100)
    dataset.run(["representations"], representations={"encoder": "embeddings"})
    other = prepare(dataset, "mean_shift", encoder="embeddings")
    assert other["encoder"]["dimension"] == 64
    unchanged(100)
    first = old[0]["text_moments"]["id"]
    again = prepare(dataset, "noise", {"cosine": 0.9}, text_moments=first)
    assert again["id"] in ids, "the old moments can still be named"


def test_shards_and_threads_change_no_bit(new_server, new_dataset, pictures):
    """One shard and one thread, or sixteen shards and four threads: the same captions have the same
    representations, because sums are exact and noise goes by caption."""
    found = []
    for shards, threads in ((1, 1), (16, 4)):
        server = new_server(MONOCEROS_STAGE_THREADS=threads, MONOCEROS_HTTP_WORKERS=threads,
                            MONOCEROS_REQUEST_THREADS=threads, MONOCEROS_RANGE_SIZE=16)
        dataset = new_dataset(Api(server.base), shards)
        put_images(dataset.api, "pictures", pictures)
        dataset.load(generate(300))
        dataset.run(["captions", "representations"])
        prepared = [prepare(dataset, method, parameters, "pictures" if with_images else None)
                    for method, parameters, with_images in METHODS]
        found.append([(bits(dataset, one["id"]), one.get("scale"), one["text_moments"]["trace"],
                       [file(dataset, one["id"], name).tobytes() for name in sorted(one["vectors"])])
                      for one in prepared])
    assert len(found[0][0][0]) == 300
    assert found[0] == found[1]


def test_links(made):
    one = prepare(made, "realign", None, "pictures")
    assert made.api.get(one["links"]["self"], expect=200).json() == one
    parts = urllib.parse.urlsplit(one["links"]["representations"])
    assert made.api.get(parts.path + "?" + parts.query, expect=200).json()["transfer"]["id"] == one["id"]
    for path in one["vectors"].values():
        made.api.get(path, expect=200)

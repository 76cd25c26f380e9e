"""Vectors: pages, look-ups, texts at once, and the shape of the OpenAI API."""
import base64
import json
import math

import numpy
import pytest

from conftest import model_settings
from support.client import Api
from support.dataset import decode_vector
from support.seeds import generate
from support.wait import until


def rows(answer, form):
    return [numpy.array(item["vector"]) if form == "float" else decode_vector(item["vector_base64"])
            for item in answer["items"]]


@pytest.mark.parametrize("transfer", ["none", "mean_shift"])
def test_floats_and_base64_are_the_same_numbers(api, world, transfer):
    answers = [api.get(world.path + "/representations", expect=200, params={
        "transfer": transfer, "encoding_format": form, "page_size": 20}).json()
        for form in ("float", "base64")]
    assert [i["id"] for i in answers[0]["items"]] == [i["id"] for i in answers[1]["items"]]
    for one, other in zip(rows(answers[0], "float"), rows(answers[1], "base64")):
        assert (one.astype(numpy.float32) == other.astype(numpy.float32)).all()
    for answer in answers:
        assert answer["transfer"]["method"] == transfer
        assert answer["encoder"]["name"] == "offline" and answer["encoder"]["trial"] is True
        assert answer["encoder"]["dimension"] == 1280
        assert answer["transfer"]["inference"] or transfer == "none"


def test_default_transfer_is_mean_shift(api, world):
    page = api.get(world.path + "/representations", expect=200).json()
    assert page["transfer"]["method"] == "mean_shift" and page["transfer"]["moments"]


def test_transfer_by_id(api, world):
    transfers = {t["method"]: t["id"] for t in world.result(world.finished_run)["transfers"]}
    for method, id in transfers.items():
        page = api.get(world.path + "/representations", params={"transfer": id}, expect=200).json()
        assert page["transfer"]["method"] == method and page["transfer"]["id"] == id
        assert page["items"] == api.get(world.path + "/representations", params={"transfer": method},
                                        expect=200).json()["items"]


def test_transfers_that_are_not(api, world, dataset):
    for bad in ("realign", "nonsense", "0" * 32):
        api.get(world.path + "/representations", params={"transfer": bad}, expect=(404, 409, 422))
        api.call("lookup_representations", dataset=world.name, expect=(404, 409, 422),
                 json={"ids": ["0" * 32 + "-" + "0" * 16], "transfer": bad})
        api.call("compute_representations", expect=(404, 409, 422),
                 json={"input": ["a"], "dataset": world.name, "transfer": bad})
    foreign = world.result(world.finished_run)["transfers"][0]["id"]
    api.get(dataset.path + "/representations", params={"transfer": foreign}, expect=(404, 409))


def test_unknown_encoder(api, world):
    api.get(world.path + "/representations", params={"encoder": "nobody"}, expect=(404, 409, 422))
    api.call("lookup_representations", dataset=world.name, expect=(404, 409, 422),
             json={"ids": ["0" * 32 + "-" + "0" * 16], "encoder": "nobody"})
    api.call("compute_representations", expect=422, json={"input": ["a"], "encoder": "nobody"})
    api.call("create_embeddings", expect=(404, 422), json={"input": ["a"], "model": "nobody"})


def test_nothing_is_ready_before_a_run(api, dataset):
    dataset.add(generate(3))
    dataset.run(["captions"])
    body = {"ids": [dataset.captions()[0]["id"]]}
    assert api.get(dataset.path + "/representations", expect=409).problem == "transfer-not-ready"
    answer = api.call("lookup_representations", dataset=dataset.name, json=body, expect=409)
    assert answer.problem == "transfer-not-ready"
    answer = api.call("compute_representations", expect=409,
                      json={"input": ["A dog."], "dataset": dataset.name})
    assert answer.problem == "transfer-not-ready"


# -- float32 --

def test_float32_vectors_are_what_the_encoder_answered(api, new_dataset):
    dataset = new_dataset(api, vector_type="float32")
    dataset.load(generate(12))
    dataset.run(["captions", "representations"])
    captions = dataset.captions()
    texts = [c["text"] for c in captions]
    made = api.call("create_embeddings", json={"input": texts, "encoding_format": "base64"}).json()["data"]
    stored = dataset.vectors("none")
    for caption, item in zip(captions, made):
        vector = decode_vector(item["embedding"]).astype(numpy.float32).astype(numpy.float64)
        expected = (vector / numpy.sqrt(numpy.sum(vector * vector))).astype(numpy.float32)
        assert numpy.abs(stored[caption["id"]] - expected).max() < 1e-7
    for transfer in ("none", "mean_shift"):
        stored = dataset.vectors(transfer)
        answer = api.call("compute_representations", json={
            "input": texts, "dataset": dataset.name, "transfer": transfer,
            "encoding_format": "base64"}).json()
        for caption, vector in zip(captions, rows(answer, "base64")):
            assert (vector == stored[caption["id"]]).all()


# -- by id --

@pytest.mark.parametrize("form", ["float", "base64"])
def test_lookup_answers_in_the_order_asked(api, world, form):
    vectors = world.vectors("mean_shift")
    ids = list(vectors)[::-3]
    nowhere = [ids[0][:32] + "-" + "f" * 16, "0" * 32 + "-" + "0" * 16]
    asked = [ids[0], nowhere[0], *ids[1:], nowhere[1]]
    answer = api.call("lookup_representations", dataset=world.name,
                      json={"ids": asked, "encoding_format": form}).json()
    assert [item["id"] for item in answer["items"]] == ids
    assert answer["missing"] == nowhere
    for id, vector in zip(ids, rows(answer, form)):
        assert (vector.astype(numpy.float32) == vectors[id].astype(numpy.float32)).all()


def test_lookup_of_the_same_id_twice(api, world):
    id = world.captions()[0]["id"]
    answer = api.call("lookup_representations", dataset=world.name, json={"ids": [id, id]}).json()
    assert [item["id"] for item in answer["items"]] == [id, id]


def test_lookup_of_what_cannot_be_an_id(api, world):
    answer = api.call("lookup_representations", dataset=world.name, expect=(200, 422),
                      json={"ids": [world.captions()[0]["id"], "nonsense"]})
    if answer.status == 200:
        assert answer.json()["missing"] == ["nonsense"]
    else:
        assert answer.pointers == ["/ids/1"]


def test_lookup_of_five_hundred(api, new_dataset):
    dataset = new_dataset(api)
    dataset.load(generate(500))
    dataset.run(["captions", "representations"])
    ids = [c["id"] for c in dataset.captions()]
    answer = api.call("lookup_representations", dataset=dataset.name,
                      json={"ids": ids, "encoding_format": "base64"}).json()
    assert [item["id"] for item in answer["items"]] == ids and answer["missing"] == []


# -- at once --

def test_computed_vectors_are_the_stored_ones(api, world):
    captions = world.captions()
    texts = [c["text"] for c in captions]
    for transfer in ("none", "mean_shift"):
        stored = world.vectors(transfer)
        answer = api.call("compute_representations", json={
            "input": texts, "dataset": world.name, "transfer": transfer, "encoding_format": "base64"}).json()
        assert [item["index"] for item in answer["items"]] == list(range(len(texts)))
        for caption, vector in zip(captions, rows(answer, "base64")):
            assert numpy.abs(vector - stored[caption["id"]]).max() < 1e-6
            assert abs(numpy.linalg.norm(vector) - 1) < 1e-6
        assert answer["transfer"]["method"] == transfer


def test_default_transfer_of_texts(api, world):
    plain = api.call("compute_representations", json={"input": ["A dog."]}).json()
    assert plain["transfer"]["method"] == "none"
    shifted = api.call("compute_representations", json={"input": ["A dog."], "dataset": world.name}).json()
    assert shifted["transfer"]["method"] == "mean_shift"
    assert plain["items"] != shifted["items"]


def test_mean_shift_needs_a_dataset(api):
    answer = api.call("compute_representations", expect=422,
                      json={"input": ["A dog."], "transfer": "mean_shift"})
    assert answer.pointers == ["/dataset"]


def test_unknown_dataset(api):
    api.call("compute_representations", expect=404,
             json={"input": ["A dog."], "dataset": "there-is-no-such-dataset"})


def test_a_text_without_a_representation(api):
    """White space has no words: an error of this item alone."""
    answer = api.call("compute_representations", expect=(200, 422),
                      json={"input": ["A dog.", " ", "A cat."], "transfer": "none"})
    if answer.status == 422:
        assert answer.pointers == ["/input/1"]
        return
    items = answer.json()["items"]
    assert [set(item) - {"index"} for item in items] == [{"vector"}, {"error"}, {"vector"}]


def test_the_largest_batch(api):
    texts = generate(2048)
    answer = api.call("compute_representations", json={"input": texts, "encoding_format": "base64"}).json()
    assert len(answer["items"]) == 2048
    single = api.call("compute_representations", json={"input": texts[2000:2001],
                                                       "encoding_format": "base64"}).json()
    assert single["items"][0]["vector_base64"] == answer["items"][2000]["vector_base64"]


@pytest.mark.parametrize("body, pointer", [
    ({"input": []}, "/input"), ({"input": [""]}, "/input/0"), ({"input": ["a", ""]}, "/input/1"),
    ({"input": ["a", 1]}, "/input/1"), ({"input": ["x" * 8001]}, "/input/0"), ({}, "/input"),
    ({"input": ["a"] * 2049}, "/input")], ids=range(7))
@pytest.mark.parametrize("operation", ["compute_representations", "create_embeddings"])
def test_bad_input(api, operation, body, pointer):
    assert pointer in api.call(operation, json=body, expect=422).pointers


# -- the OpenAI shape --

def embeddings(api, **body):
    return api.call("create_embeddings", json=body).json()


def test_embeddings(api):
    answer = embeddings(api, input=["A dog.", "A cat."])
    assert answer["object"] == "list" and len(answer["data"]) == 2
    assert [d["index"] for d in answer["data"]] == [0, 1]
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"]
    for item in answer["data"]:
        vector = item["embedding"]
        assert len(vector) == 1280 and abs(math.fsum(x * x for x in vector) - 1) < 1e-5


def test_one_string_is_a_list_of_one(api):
    one, many = embeddings(api, input="A dog."), embeddings(api, input=["A dog."])
    assert one == many


def test_embeddings_in_base64(api):
    plain = embeddings(api, input=["A dog."])["data"][0]["embedding"]
    packed = embeddings(api, input=["A dog."], encoding_format="base64")["data"][0]["embedding"]
    unpacked = numpy.frombuffer(base64.b64decode(packed, validate=True), dtype="<f4")
    assert (numpy.array(plain, dtype="<f4") == unpacked).all()


def test_embeddings_are_the_untransferred_representations(api):
    texts = generate(5)
    ours = api.call("compute_representations", json={"input": texts, "encoding_format": "base64"}).json()
    theirs = embeddings(api, input=texts, model="offline", encoding_format="base64", user="me",
                        dimensions=1280)
    for item, datum in zip(ours["items"], theirs["data"]):
        # A representation comes from the embedding as it would be stored, in half precision.
        half = decode_vector(datum["embedding"]).astype(numpy.float16).astype(numpy.float64)
        expected = half / numpy.linalg.norm(half)
        assert numpy.abs(decode_vector(item["vector_base64"]) - expected).max() < 1e-6


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]], [[]], ["a", [1]]])
def test_arrays_of_tokens_are_refused(api, tokens):
    answer = api.call("create_embeddings", json={"input": tokens}, expect=422)
    assert "tokens are not taken" in answer.json()["errors"][0]["detail"]
    assert answer.pointers[0].startswith("/input/")


def test_vectors_that_may_be_cut(new_server, model_server):
    """As OpenAI's models do: the first dimensions, at unit length."""
    settings = {**model_settings(model_server), "MONOCEROS_ENCODER_MATRYOSHKA": "true",
                "MONOCEROS_ENCODER_DIMENSION": 64}
    api = Api(new_server(**settings).base)
    whole = embeddings(api, input=["A dog.", "A cat."], model="embeddings")["data"]
    short = embeddings(api, input=["A dog.", "A cat."], model="embeddings", dimensions=16)["data"]
    for one, other in zip(whole, short):
        cut = numpy.array(one["embedding"][:16], "<f4").astype(numpy.float64)
        assert len(other["embedding"]) == 16
        assert numpy.abs(cut / numpy.linalg.norm(cut) - other["embedding"]).max() < 1e-6
    answer = api.call("create_embeddings", expect=422,
                      json={"input": ["a"], "model": "embeddings", "dimensions": 65})
    assert answer.pointers == ["/dimensions"]


def test_other_dimensions_are_refused(api):
    answer = api.call("create_embeddings", json={"input": ["a"], "dimensions": 512}, expect=422)
    assert answer.pointers == ["/dimensions"]


@pytest.mark.parametrize("operation", ["compute_representations", "create_embeddings"])
def test_an_encoder_that_refuses(modelled, model_server, operation):
    model_server.control(faults=[{"kind": "status", "status": 400, "route": "embeddings", "match": "cat"}])
    answer = modelled.api.call(operation, json={"input": ["A dog.", "A cat."]}, expect=502)
    assert answer.problem == "provider-failed" and "400" in answer.json()["detail"]
    modelled.api.call(operation, json={"input": ["A dog.", "A cow."]})


@pytest.mark.parametrize("operation", ["compute_representations", "create_embeddings"])
def test_an_encoder_that_is_stopped(new_server, model_server, operation):
    api = Api(new_server(**model_settings(model_server)).base)
    model_server.control(faults=[{"kind": "unauthorized", "route": "embeddings"}])
    for _ in range(2):
        answer = api.call(operation, json={"input": ["A dog."]}, expect=503)
        assert "401" in answer.json()["detail"] and int(answer.headers["Retry-After"]) > 0
    model_server.control(faults=[])
    until(lambda: api.call(operation, json={"input": ["A dog."]}, expect=(200, 503)).status == 200,
          "the encoder to be tried again")


def test_a_declared_encoder(modelled_server, model_server):
    api = Api(modelled_server.base)
    answer = embeddings(api, input=["A dog.", "A cat."])
    assert [len(d["embedding"]) for d in answer["data"]] == [64, 64]
    offline = embeddings(api, input=["A dog."], model="offline")
    assert len(offline["data"][0]["embedding"]) == 1280


def test_numbers_are_short(api):
    """A vector in JSON costs what its float32 needs and no more."""
    answer = api.call("compute_representations", json={"input": ["A dog."]})
    vector = answer.json()["items"][0]["vector"]
    assert len(json.dumps(vector)) > len(answer.content) / 2
    assert all(float(numpy.float32(x)) == float(numpy.float32(repr(x))) for x in vector)
    assert len(answer.content) < 1280 * 18

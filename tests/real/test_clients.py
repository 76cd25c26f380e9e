"""The official clients of the OpenAI API on /v1/embeddings, unchanged, and the safetensors library on what is
exported. They are in .local/ once `./dev bench serving` has run; without them the tests are skipped."""
import base64
import hashlib
import json
import pathlib
import shutil
import subprocess

import numpy
import pytest

from support import peers
from support.dataset import decode_vector
from support.peers import NODE_HOME, python_with
from support.seeds import generate

CLIENTS = pathlib.Path(__file__).parent / "clients"
MISSING = "is not in .local/: ./dev bench serving puts it there"


def python_client():
    python = python_with(["openai"])
    return python and [python, CLIENTS / "embed.py"]


def node_client():
    if not shutil.which("node") or not (NODE_HOME / "node_modules/openai").exists():
        return None
    return ["node", peers.beside_packages(CLIENTS / "embed.mjs")]


@pytest.fixture(params=["python", "node"])
def client(request, server):
    """Calls embeddings.create() with each of the arguments; what the client makes of the answers."""
    command = python_client() if request.param == "python" else node_client()
    if not command:
        pytest.skip(f"openai for {request.param} {MISSING}")

    def ask(*calls):
        task = {"url": server.base + "/v1", "calls": calls}
        done = subprocess.run(command, input=json.dumps(task).encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
        return json.loads(done.stdout)["answers"]
    return ask


def expected(api, texts):
    made = api.call("create_embeddings", json={"input": texts, "encoding_format": "base64"}).json()["data"]
    return [decode_vector(item["embedding"]) for item in made]


def test_texts(api, client):
    """The clients ask for base64 by themselves and unpack it."""
    texts = generate(7) + ["Ünïcode ☃ 図", "x"]
    listed, single, floats, packed = client(
        {"model": "offline", "input": texts}, {"model": "offline", "input": texts[0]},
        {"model": "offline", "input": texts, "encoding_format": "float"},
        {"model": "offline", "input": texts, "encoding_format": "base64", "user": "me", "dimensions": 1280})
    vectors = expected(api, texts)
    for answer in (listed, floats):
        assert answer["object"] == "list" and answer["indexes"] == list(range(9))
        assert answer["tokens"][0] == answer["tokens"][1]
        for ours, theirs in zip(vectors, answer["vectors"]):
            assert (numpy.array(theirs, "<f4") == ours.astype("<f4")).all()
    assert single["vectors"] == listed["vectors"][:1]
    # Asked for base64 in so many words, they hand the text out.
    for ours, theirs in zip(vectors, packed["vectors"]):
        theirs = base64.b64decode(theirs) if isinstance(theirs, str) else numpy.array(theirs, "<f4").tobytes()
        assert theirs == ours.astype("<f4").tobytes()


def test_as_many_as_the_api_takes(api, client):
    texts = generate(2048)
    answer, = client({"model": "offline", "input": texts})
    assert len(answer["vectors"]) == 2048
    for i in (0, 255, 256, 2047):
        assert (numpy.array(answer["vectors"][i], "<f4") == expected(api, [texts[i]])[0].astype("<f4")).all()


def test_refusals_reach_the_caller(client):
    calls = [{"model": "nobody", "input": ["a"]}, {"model": "offline", "input": [1, 2, 3]},
             {"model": "offline", "input": [[1, 2], [3]]}, {"model": "offline", "input": ["a"], "dimensions": 512},
             {"model": "offline", "input": []}, {"model": "offline", "input": ["a"] * 2049}]
    words = ["is not declared", "tokens are not taken", "tokens are not taken", "must be the encoder's",
             "/input", "/input"]
    for answer, said in zip(client(*calls), words):
        assert answer["status"] == 422 and said in answer["message"], answer


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_safetensors(api, new_dataset, tmp_path, dtype):
    python = python_with(["safetensors", "numpy"])
    if not python:
        pytest.skip(f"safetensors {MISSING}")
    dataset = new_dataset(api, vector_type="float32")
    dataset.load(generate(25))
    dataset.run(["captions", "representations"])
    answer = api.call("export_safetensors", dataset=dataset.name, params={"dtype": dtype, "transfer": "none"})
    source, copy = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    source.write_bytes(answer.content)
    done = subprocess.run([python, CLIENTS / "load.py", source, copy], stdout=subprocess.PIPE, check=True)
    told = json.loads(done.stdout)
    vectors = dataset.vectors("none")
    array = numpy.array(list(vectors.values())).astype("<f4").astype("<f4" if dtype == "float32" else "<f2")
    ids = numpy.frombuffer(bytes.fromhex("".join(vectors).replace("-", "")), ">i8").astype("<i8")
    assert told["metadata"]["dataset"] == dataset.name
    for name, ours in (("vectors", array), ("ids", ids)):
        assert told["tensors"][name]["sha256"] == hashlib.sha256(ours.tobytes()).hexdigest()
    # What the library writes can be imported as it is.
    other = new_dataset(api, vector_type="float32")
    other.load(generate(25))
    other.run(["captions"])
    counts = api.call("import_embeddings", dataset=other.name, params={"encoder": "offline"},
                      data=copy.read_bytes()).json()
    assert (counts["received"], counts["new"], counts["refused"]) == (25, 25, 0)

"""examples/llm2clip with random weights: what it speaks is what the service takes. The interpreter with
examples/llm2clip/requirements.txt is .local/llm2clip/bin/python; without it the tests are skipped."""
import json
import subprocess

import numpy
import pytest
import requests

from support.client import Api
from support.dataset import Dataset, stage_of
from support.peers import LOCAL, has_python
from support.seeds import generate
from support.server import ROOT, free_port
from support.wait import until

HOME = ROOT / "examples/llm2clip"
PYTHON = LOCAL / "llm2clip/bin/python"
DIMENSION = 64


@pytest.fixture(scope="module", autouse=True)
def installed():
    if not PYTHON.exists() or not has_python(PYTHON, ["torch", "transformers", "pillow", "numpy"]):
        pytest.skip("no .local/llm2clip: python3 -m venv .local/llm2clip && "
                    ".local/llm2clip/bin/pip install -r examples/llm2clip/requirements.txt")


def script(name, *arguments, check=True):
    done = subprocess.run([PYTHON, HOME / name, "--tiny", *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def text_server(installed):
    port = free_port()
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", PYTHON, HOME / "server.py", "--tiny", "--port",
                                str(port)], stdout=subprocess.PIPE, text=True)
    assert "tiny-random" in process.stdout.readline()
    yield f"http://127.0.0.1:{port}/v1"
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def place(text_server, new_server):
    server = new_server(MONOCEROS_ENCODER_URL=text_server, MONOCEROS_ENCODER_MODEL="tiny-random",
                        MONOCEROS_ENCODER_DIMENSION=DIMENSION)
    dataset = Dataset(Api(server.base), "llm2clip", 4, vector_type="float32")
    dataset.load(generate(20))
    dataset.run(["captions"])
    return server, dataset


def test_the_server_is_an_encoder(place):
    _, dataset = place
    run = dataset.run(["representations"])
    stage = stage_of(run, "representations")
    assert (stage["done"], stage["failed"]) == (20, 0)
    page = dataset.api.get(dataset.path + "/representations", expect=200).json()
    assert page["encoder"]["dimension"] == DIMENSION and page["encoder"]["model"] == "tiny-random"
    one = dataset.captions()[0]
    made = dataset.api.call("create_embeddings", json={"input": [one["text"]], "model": "embeddings"}).json()
    assert numpy.abs(dataset.vectors("none")[one["id"]] - made["data"][0]["embedding"]).max() < 1e-6


def test_captions_are_embedded_elsewhere_and_imported(place):
    """The same vectors come of the file as of the server."""
    server, dataset = place
    counts = json.loads(script("captions.py", server.base, dataset.name, "embeddings").stdout)
    assert (counts["received"], counts["new"], counts["refused"]) == (20, 20, 0)
    counts = json.loads(script("captions.py", server.base, dataset.name, "embeddings").stdout)
    assert (counts["new"], counts["duplicate"], counts["duplicate_differs"]) == (0, 20, 0)
    run = dataset.run(["representations"])
    assert stage_of(run, "representations")["existing"] == 20
    one = dataset.captions()[3]
    made = dataset.api.call("create_embeddings", json={"input": [one["text"]], "model": "embeddings"}).json()
    assert numpy.abs(dataset.vectors("none")[one["id"]] - made["data"][0]["embedding"]).max() < 1e-6


def test_refusals_of_the_server(text_server):
    for body, status in (({"input": []}, 400), ({"input": [""]}, 400), ({"input": [1]}, 400),
                         ({"input": ["a"], "model": "other"}, 404), ({"input": ["a"], "dimensions": 8}, 400),
                         ({"input": ["a"], "encoding_format": "hex"}, 400), ([], 400),
                         ({"input": ["a"] * 2049}, 413)):
        answer = requests.post(text_server + "/embeddings", json=body, timeout=60)
        assert answer.status_code == status and answer.json()["error"]["message"], body


def test_vectors_of_images(tmp_path):
    folder, out = tmp_path / "pictures", tmp_path / "vectors.npy"
    folder.mkdir()
    draw = "import sys, numpy; from PIL import Image\n" \
           "for i in range(5): Image.fromarray(numpy.random.default_rng(i).integers(0, 256, (40, 50, 3)," \
           " dtype='uint8')).save(f'{sys.argv[1]}/{i}.png')"
    subprocess.run([PYTHON, "-c", draw, folder], check=True)
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "note.txt").write_text("no image either")
    done = script("images.py", folder, out, "--batch", 2)
    assert "left out" in done.stderr and "5 vectors of 64" in done.stdout
    array = numpy.load(out, allow_pickle=False, mmap_mode="r")
    assert array.shape == (5, DIMENSION) and array.dtype == "<f4"
    assert numpy.abs(numpy.linalg.norm(array, axis=1) - 1).max() < 1e-6
    empty = tmp_path / "empty"
    empty.mkdir()
    assert script("images.py", empty, out, check=False).returncode != 0 and not out.exists()

"""Clients that real generators make of openapi.yaml, each through the whole story, beside what the API itself
says. `./dev clients` generates and compiles them first."""
import json
import os
import pathlib
import subprocess

import numpy
import pytest

from support import keys
from support.client import Api
from support.dataset import decode_vector
from support.seeds import generate
from support.server import ROOT
from support.wait import PATIENCE

HOME = ROOT / ".local/clients"
NAMES = os.environ.get("MONOCEROS_CLIENTS", "").split()
LINES = [*({"text": text} for text in generate(9, seed=11)), {"text": "Ünïcode ☃ 図 on a wall."}, {"text": ""}]


@pytest.fixture(scope="module")
def key(guarded_server):
    return keys.create(guarded_server, "read", "write", "run", "export")


def program_of(name):
    folder = HOME / name
    if (folder / "skipped").exists():
        pytest.skip(f"{name}: {(folder / 'skipped').read_text().strip()}")
    assert not (folder / "failed").exists(), (folder / "failed").read_text()
    return (folder / "program").read_text().splitlines()


def tell(program, server, key, dataset, folder):
    """The story as the client tells it, and the bytes of its .npy file."""
    seeds, npy = folder / "seeds.jsonl", folder / "vectors.npy"
    seeds.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES), encoding="utf-8")
    settings = {"URL": server.base, "KEY": key, "DATASET": dataset, "SEEDS": str(seeds), "NPY": str(npy)}
    done = subprocess.run(program, env={**os.environ, **settings}, stdin=subprocess.DEVNULL, timeout=2 * PATIENCE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
    return json.loads(done.stdout), npy.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_story(guarded_server, key, name, tmp_path: pathlib.Path):
    api, dataset = Api(guarded_server.base, key), f"story-{name}"
    told, npy = tell(program_of(name), guarded_server, key, dataset, tmp_path)
    path, good = f"/v1/datasets/{dataset}", len(LINES) - 1
    assert told["dataset"] == [dataset, 4]
    assert told["imported"] == [len(LINES), good, 1]
    run = api.get(f"/v1/runs/{told['run'][0]}", expect=200).json()
    done = {stage["name"]: stage["done"] for stage in run["stages"]}
    assert told["run"] == [run["id"], "succeeded", [list(stage) for stage in done.items()]]
    assert done["captions"] == done["representations"] == good
    pages = [[[one["id"], one["text"]] for one in page] for page in api.pages(f"{path}/captions", 4)]
    assert told["captions"] == pages and [len(page) for page in pages] == [4, 4, 2]
    dialogues = api.items(f"{path}/dialogues")
    assert told["dialogues"] == [[d["id"], d["task"], len(d["conversations"])] for d in dialogues]
    assert len(dialogues) == done["dialogues"] > 0
    check_vectors(api, dataset, told, npy)
    assert told["int64"] == 2**53 - 1


def check_vectors(api, dataset, told, npy):
    packed = api.items(f"/v1/datasets/{dataset}/representations", 500, transfer="mean_shift",
                       encoding_format="base64")
    assert told["base64"] == {item["id"]: item["vector_base64"] for item in packed}
    assert set(told["vectors"]) == set(told["base64"])
    for id, vector in told["vectors"].items():
        assert (numpy.array(vector, "<f4") == decode_vector(told["base64"][id]).astype("<f4")).all()
    assert npy == api.call("export_npy", dataset=dataset, params={"transfer": "mean_shift"}).content
    assert npy.startswith(b"\x93NUMPY") and len(npy) > 4 * 1280 * len(packed)


@pytest.mark.parametrize("name", NAMES)
def test_what_errors_say(guarded_server, key, name, tmp_path: pathlib.Path):
    told, _ = tell(program_of(name), guarded_server, key, f"errors-{name}", tmp_path)
    assert told["missing"] == {"status": 404, "type": "/problems/not-found", "pointers": []}
    assert told["malformed"] == {"status": 400, "type": "/problems/invalid-parameter", "pointers": ["?page_token"]}
    assert told["invalid"] == {"status": 422, "type": "/problems/validation", "pointers": ["/seeds/1/text"]}
    assert told["stranger"] == {"status": 401, "type": "/problems/unauthenticated", "pointers": []}

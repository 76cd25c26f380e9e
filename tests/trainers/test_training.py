"""Steps of a small model on four ranks over a real export, by HTTP: tiny.py is what each rank runs."""
import json
import math
import os
import pathlib
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not there", exc_type=ImportError)

from conftest import FOLDER, WORLD  # noqa: E402
from support.wait import PATIENCE  # noqa: E402

STEPS, BATCH = 20, 4
TINY = pathlib.Path(__file__).parent / "tiny.py"


@pytest.fixture(scope="module")
def ranks(story, url, tmp_path_factory):
    """What each of them saw."""
    place = tmp_path_factory.mktemp("training")
    env = {**os.environ, "PYTHONPATH": str(FOLDER), "MONOCEROS_API_KEY": story.key, "GLOO_SOCKET_IFNAME": "lo"}
    started = [subprocess.Popen([sys.executable, TINY, url, str(rank), str(WORLD), place / "store", str(STEPS),
                                 place / f"{rank}.json"], env=env, stderr=subprocess.PIPE) for rank in range(WORLD)]
    for one in started:
        _, said = one.communicate(timeout=PATIENCE)
        assert one.returncode == 0, said.decode()[-4000:]
    return [json.loads((place / f"{rank}.json").read_text(encoding="utf-8")) for rank in range(WORLD)]


@pytest.mark.parametrize("part", ["pretrain", "instruct"])
def test_every_rank_has_steps_and_samples_of_its_own(ranks, part):
    seen = [dialogue or id for rank in ranks for id, dialogue, _ in rank[part]["seen"]]
    assert [len(rank[part]["losses"]) for rank in ranks] == [STEPS] * WORLD
    assert len(set(seen)) == len(seen) == STEPS * BATCH * WORLD
    assert all(rank[part]["state"]["parts"] == 2 * WORLD for rank in ranks)


@pytest.mark.parametrize("part", ["pretrain", "instruct"])
def test_every_vector_is_that_of_its_sample(ranks, told, part):
    for rank in ranks:
        for id, dialogue, vector in rank[part]["seen"]:
            assert (told.vectors[told.row[id]].astype("<f2").view("<i2") == vector).all()
            assert dialogue == "" if part == "pretrain" else dialogue.startswith(id)


def test_the_loss_falls(ranks):
    for part in ("pretrain", "instruct"):
        assert all(math.isfinite(loss) for rank in ranks for loss in rank[part]["losses"])
    means = [sum(rank["pretrain"]["losses"][step] for rank in ranks) / WORLD for step in range(STEPS)]
    assert sum(means[-3:]) < 0.8 * sum(means[:3]), means


def test_all_ranks_have_the_same_parameters(ranks):
    assert all(rank["parameters"] == ranks[0]["parameters"] for rank in ranks)
    assert all(math.isfinite(number) for number in ranks[0]["parameters"])

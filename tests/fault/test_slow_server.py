"""Model servers that do not say what is wrong with them: that hang above some number of calls, that queue,
that are one of several. Every row is made, and no more calls than that takes."""
import pytest

from support.client import Api
from support.dataset import Dataset, stage_of
from support.model_server import ModelServer
from support.seeds import generate


@pytest.fixture
def place(new_server):
    def make(url, **settings):
        server = new_server(MONOCEROS_LLM_URL=url, MONOCEROS_LLM_MODEL="test-model", **settings)
        return Dataset(Api(server.base), "slow")
    return make


def test_a_server_that_hangs_when_full(place, model_server):
    """What is beyond forty calls is never answered: such calls are given up, and the rows asked again."""
    dataset = place(model_server.url, MONOCEROS_LLM_MAX_IN_FLIGHT=64)
    dataset.load(generate(600))
    model_server.control(delay_ms=50, hang_above=40)
    run = dataset.run(["captions"], max_failed=0)
    assert stage_of(run, "captions")["done"] == 600
    assert dataset.failures() == []
    hung = model_server.stats()["chat_requests"] - 601  # one asks for the model's name
    model_server.control(reset=True)
    dataset.load(generate(1200)[600:])
    dataset.run(["captions"], max_failed=0)
    assert 0 < hung < 100
    assert model_server.stats()["chat_requests"] <= 630


def test_a_server_that_queues(place, model_server):
    dataset = place(model_server.url)
    dataset.load(generate(300))
    model_server.control(slots=8, token_ms=3)
    run = dataset.run(["captions"], max_failed=0)
    assert stage_of(run, "captions")["done"] == 300
    stats = model_server.stats()
    assert stats["max_calls_per_text"] == 1
    assert stats["most_waiting"] < 100


def test_one_of_two_dies(place, model_server):
    with ModelServer(delay_ms=50) as mortal:
        dataset = place(f"{mortal.url}, {model_server.url}")
        dataset.load(generate(2000))
        model_server.control(delay_ms=50)
        run = dataset.start(["captions"], max_failed=0)["id"]
        while mortal.stats()["chat_requests"] < 100:
            pass
        mortal.stop()
        done = dataset.wait(run)
    assert stage_of(done, "captions")["done"] == 2000
    assert dataset.failures() == []
    assert model_server.stats()["chat_requests"] > 100

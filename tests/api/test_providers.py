"""What is shown of a provider, and limits that are set while runs go on."""
import pytest

from conftest import model_settings
from support import wait
from support.client import Api
from support.dataset import Dataset, stage_of
from support.seeds import generate


def provider(api, name="llm"):
    return api.call("get_provider", provider=name).json()


def limits(api, name="llm"):
    return provider(api, name)["limits"]


@pytest.fixture
def limited(modelled):
    """The API of a server whose limits are as configured again after the test."""
    yield modelled.api
    for name in ("llm", "offline"):
        modelled.api.call("put_provider_limits", provider=name, json={})


def put(api, name="llm", **given):
    answer = api.call("put_provider_limits", provider=name, json=given).json()
    assert answer == given
    wait.until(lambda: limits(api, name)["max_in_flight"]["value"] == given.get("max_in_flight", 256) and
               limits(api, name).get("rpm", {}).get("value") == given.get("rpm") and
               limits(api, name).get("tpm", {}).get("value") == given.get("tpm"), "limits in force")


def test_what_is_shown(modelled, model_server):
    modelled.load(generate(30))
    before = provider(modelled.api)["usage"]
    run = modelled.run(["captions"])
    shown = provider(modelled.api)
    assert shown["kind"] == "openai" and shown["model"] == shown["served_model"] == "test-model"
    assert shown["urls"] == [model_server.url] and shown["state"] == "ok"
    assert shown["in_flight"] == shown["queued"] == 0
    assert shown["limits"]["max_in_flight"] == {"value": 256, "set_by": "config"}
    assert shown["limits"]["replicas"] == 1 and "rpm" not in shown["limits"]
    endpoint, = shown["endpoints"]
    assert endpoint["calls"]["sent"] >= 30 and endpoint["latency_ms"]["p50"] > 0
    assert endpoint["binding"] in ("idle", "window", "concurrency")
    assert shown["usd_per_million_tokens"] == {}
    # A summary of the ended run, or its tasks: the same figures from both.
    for _ in range(2):
        used = {name: shown["usage"][name] - before[name] for name in before}
        line, = stage_of(run, "captions")["usage"]
        assert used["calls"] == line["calls"] == 30
        assert used["tokens_out"] == line["tokens_out"] > 0
        modelled.api.call("get_run_result", run=run["id"])
        shown = provider(modelled.api)
    listed = modelled.api.call("list_providers").json()["items"]
    assert [one["name"] for one in listed] == ["offline", "llm"]
    assert listed[0]["endpoints"] == []


def test_schemas_that_hold_are_shown(untaught, model_server):
    untaught.load(generate(40))
    untaught.run(["captions", "dialogues"], dialogues={"mix": {"question_answering": 1}})
    endpoint, = provider(untaught.api)["endpoints"]
    assert endpoint["structured_output"]["state"] == "holds"
    assert 0 < endpoint["structured_output"]["held"] <= endpoint["structured_output"]["asked"]


def test_a_schema_that_is_ignored_is_left_out(untaught, model_server):
    """Its answers are mended, and teach that the schema does nothing."""
    untaught.load(generate(600))
    untaught.run(["captions"])
    model_server.control(reset=True, schema="ignore")
    run = untaught.run(["dialogues"], dialogues={"mix": {"question_answering": 1}})
    assert stage_of(run, "dialogues")["done"] == 600
    endpoint, = provider(untaught.api)["endpoints"]
    assert endpoint["structured_output"]["state"] == "ignored"
    stats = model_server.stats()
    assert stats["with_schema"] < stats["chat_requests"]


def test_a_window_is_narrowed_while_a_run_goes_on(modelled, model_server, limited):
    modelled.load(generate(3000))
    model_server.control(reset=True, delay_ms=100)
    run = modelled.start(["captions"])
    wait.until(lambda: model_server.stats()["in_flight"] > 20, "many calls")
    put(limited, max_in_flight=3)
    wait.until(lambda: model_server.stats()["in_flight"] <= 3, "few calls")
    shown = provider(limited)
    assert shown["limits"]["max_in_flight"] == {"value": 3, "set_by": "operator"}
    assert shown["operator_limits"]["max_in_flight"] == 3
    assert shown["endpoints"][0]["binding"] in ("window", "concurrency")
    model_server.control(delay_ms=0)
    put(limited)
    assert limits(limited)["max_in_flight"] == {"value": 256, "set_by": "config"}
    assert "max_in_flight" not in provider(limited)["operator_limits"]
    assert stage_of(modelled.wait(run["id"]), "captions")["done"] == 3000
    assert model_server.stats()["chat_requests"] == 3000 == model_server.stats()["distinct_texts"]


def test_requests_a_minute_bind(modelled, model_server, limited):
    modelled.load(generate(600))
    put(limited, rpm=60)
    run = modelled.start(["captions"])
    wait.until(lambda: provider(limited)["endpoints"][0]["binding"] == "rpm", "rpm to bind")
    assert model_server.stats()["chat_requests"] < 300
    assert limits(limited)["rpm"] == {"value": 60, "set_by": "operator"}
    put(limited)
    assert stage_of(modelled.wait(run["id"]), "captions")["done"] == 600


def test_replicas_divide_limits_a_minute(new_server, model_server):
    settings = {**model_settings(model_server), "MONOCEROS_LLM_RPM": 900, "MONOCEROS_LLM_TPM": 90000}
    one = new_server(**settings)
    api = Api(one.base)
    assert limits(api)["rpm"] == {"value": 900, "set_by": "config"}
    two = new_server(database=one.database, **settings)
    wait.until(lambda: limits(api)["replicas"] == 2, "the other replica")
    assert limits(api)["rpm"] == {"value": 450, "set_by": "replicas"}
    assert limits(api)["tpm"]["value"] == 45000
    # What an operator sets holds for both.
    api.call("put_provider_limits", provider="llm", json={"rpm": 100})
    for each in (api, Api(two.base)):
        wait.until(lambda each=each: limits(each)["rpm"]["value"] == 50, "limits in force")
    two.stop()
    wait.until(lambda: limits(api)["replicas"] == 1, "the share of the one that left")
    assert limits(api)["rpm"] == {"value": 100, "set_by": "operator"}
    # And after a restart.
    one.stop()
    one.start()
    wait.until(lambda: limits(Api(one.base))["rpm"]["set_by"] == "operator", "limits in force")


def test_a_stopped_provider_says_why(modelled, model_server):
    modelled.load(generate(5))
    model_server.control(reset=True, api_key="another key")
    run = modelled.start(["captions"])
    modelled.wait(run["id"], "paused")
    shown = provider(modelled.api)
    assert shown["state"] == "stopped" and "401" in shown["reason"]
    assert shown["endpoints"][0]["binding"] == "stopped"
    model_server.control(api_key=None)
    modelled.api.call("resume_run", run=run["id"])
    modelled.wait(run["id"])
    assert provider(modelled.api)["state"] == "ok"


def test_prices_make_a_budget_in_dollars(new_server, model_server, new_dataset):
    server = new_server(**model_settings(model_server), MONOCEROS_LLM_PRICE_PROMPT="0.5",
                        MONOCEROS_LLM_PRICE_COMPLETION="2")
    dataset = new_dataset(Api(server.base))
    dataset.load(generate(200))
    dataset.run(["captions"], limit=1, captions={"temperature": 0})  # a run asks for the model's name
    model_server.control(reset=True)
    budget = 0.03
    run = dataset.start(["captions"], budget={"cost_usd": budget}, captions={"max_tokens": 200})
    paused = dataset.wait(run["id"], "paused")
    assert paused["reason"] == "budget"
    assert 0 < stage_of(paused, "captions")["done"] < 200

    def charged():
        """What the server has counted, once the calls that were under way are written down."""
        stats = model_server.stats()
        cost = (stats["tokens_in"] * 0.5 + stats["tokens_out"] * 2) / 1e6
        used = dataset.api.call("get_run", run=run["id"]).json()["usage"]["cost_usd"]
        return cost if used == pytest.approx(cost, rel=1e-6) else None

    assert wait.until(charged, "the cost of all calls") <= budget
    dataset.api.call("resume_run", run=run["id"], json={"budget": {"cost_usd": 10}})
    done = dataset.wait(run["id"])
    shown = provider(dataset.api)
    assert shown["usd_per_million_tokens"] == {"prompt": 0.5, "completion": 2}
    assert shown["usage"]["cost_usd"] > done["usage"]["cost_usd"]  # of both runs
    rows = dataset.captions(run=run["id"])
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(done["usage"]["cost_usd"], rel=1e-6)


def test_extra_members_belong_to_the_recipe(new_server, model_server, new_dataset):
    """They are sent, make rows of their own, and may not change below a run."""
    settings = model_settings(model_server)
    server = new_server(**settings)
    dataset = new_dataset(Api(server.base))
    dataset.load(generate(50))
    plain = stage_of(dataset.run(["captions"]), "captions")["recipe"]
    server.stop()
    server.settings["MONOCEROS_LLM_EXTRA_BODY"] = '{"top_k": 20}'
    server.start()
    dataset.api = Api(server.base)
    model_server.control(reset=True, api_key="another key")
    run = dataset.start(["captions"])
    assert dataset.wait(run["id"], "paused")["reason"] == "provider"
    model_server.control(api_key=None)
    server.stop()
    server.settings["MONOCEROS_LLM_EXTRA_BODY"] = '{"top_k": 30}'
    server.start()
    dataset.api = Api(server.base)
    model_server.control(reset=True)
    dataset.api.call("resume_run", run=run["id"])
    paused = dataset.wait(run["id"], "paused")
    assert paused["reason"] == "provider" and "extra_body" in paused["reason_detail"]
    assert model_server.stats()["chat_requests"] == 0
    server.stop()
    server.settings["MONOCEROS_LLM_EXTRA_BODY"] = '{"top_k": 20}'
    server.start()
    dataset.api = Api(server.base)
    dataset.api.call("resume_run", run=run["id"])
    done = stage_of(dataset.wait(run["id"]), "captions")
    assert done["done"] == 50 and done["recipe"] != plain


def test_limits_that_cannot_be(limited):
    for body, pointer in (({"rpm": 0}, "/rpm"), ({"max_in_flight": 5000}, "/max_in_flight"),
                          ({"tpm": "many"}, "/tpm"), ({"burst": 3}, "/burst")):
        answer = limited.call("put_provider_limits", provider="llm", json=body, expect=422)
        assert answer.pointers == [pointer]
    answer = limited.call("put_provider_limits", provider="offline", json={"rpm": 3}, expect=422)
    assert answer.pointers == ["/rpm"]
    put(limited, "offline", max_in_flight=7)
    assert limits(limited, "offline")["max_in_flight"]["set_by"] == "operator"

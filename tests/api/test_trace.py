"""Traces: in with a request, out with its answer, and on to the model servers."""
from support.client import Api
from support.dataset import Dataset
from support.seeds import generate

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_calls_of_a_run_are_spans_of_one_trace(modelled_server, model_server):
    """The run's id is the trace, so that a server's log can be searched for what a run asked of it."""
    dataset = Dataset(Api(modelled_server.base), "traced-run")
    dataset.load(generate(40))
    run = dataset.run()["id"]
    stats = model_server.stats()
    calls = sum(stats[kind] for kind in ("chat_requests", "probes", "embedding_requests", "encoder_probes"))
    assert stats["traces"] == {run: calls} and calls > 40


def test_a_computing_request_hands_its_trace_on(modelled_server, model_server):
    api = Api(modelled_server.base)
    answer = api.call("create_embeddings", json={"input": ["One text.", "Another one."]},
                      headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    assert answer.headers["X-Request-Id"] == TRACE
    version, trace, span, _ = answer.headers["traceparent"].split("-")
    assert (version, trace) == ("00", TRACE) and span != SPAN
    assert list(model_server.stats()["traces"]) == [TRACE]


def test_a_request_without_one_gets_one(modelled_server, model_server):
    made = Api(modelled_server.base).call("create_embeddings", json={"input": ["A text of its own."]})
    assert list(model_server.stats()["traces"]) == [made.headers["X-Request-Id"]]

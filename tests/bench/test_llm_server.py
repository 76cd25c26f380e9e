"""The load server of bench/: figures against it mean something only if it does what it says."""
import concurrent.futures
import http.client
import json
import pathlib
import socket
import sys
import time

import jsonschema
import pytest

from support.client import Api
from support.dataset import EVERY_TASK, Dataset, stage_of
from support.seeds import generate
from support.server import ROOT
from support.wait import until

sys.path.insert(0, str(pathlib.Path(ROOT) / "bench"))

import measure  # noqa: E402  pylint: disable=wrong-import-position
import realistic  # noqa: E402  pylint: disable=wrong-import-position

QUICK = {"least_ms": 1, "most_ms": 1}


def body(text, **members):
    return {"model": "m", "messages": [{"role": "system", "content": "Be \"plain\" {\\n."},
                                       {"role": "user", "content": text}], **members}


def connect(server):
    return http.client.HTTPConnection("127.0.0.1", int(server.root.rsplit(":", 1)[1]), timeout=60)


def ask(server, text, connection=None, **members):
    """Status and JSON of one call."""
    connection = connection or connect(server)
    connection.request("POST", "/v1/chat/completions", json.dumps(body(text, **members)))
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read()), reply.headers


def together(server, n):
    """n calls at a time; their statuses."""
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return [status for status, _, _ in pool.map(lambda i: ask(server, f"Caption: dog {i}."), range(n))]


def test_answers_are_varied_and_its_own():
    with measure.LlmServer(**QUICK) as server:
        connection, texts = connect(server), []
        for seed in generate(200):
            status, answer, _ = ask(server, f"Write.\nCaption: {seed}", connection)
            assert status == 200 and answer["model"] == "m"
            text = answer["choices"][0]["message"]["content"]
            assert seed[1:-1] in text and 40 <= len(text.split()) <= 100
            texts.append(text)
        again = ask(server, f"Write.\nCaption: {generate(1)[0]}", connection)[1]
        assert again["choices"][0]["message"]["content"] == texts[0]
        assert len(set(texts)) == 200
        stats = server.stats()
        assert (stats["requests"], stats["answered"], stats["distinct_prompts"], stats["duplicates"],
                stats["max_calls_per_prompt"]) == (201, 201, 200, 1, 2)
        assert stats["connections"] == 1 + 1  # the other one asks for the statistics
        assert server.sample()["messages"][1]["content"].endswith(generate(1)[0])  # the last one


def test_what_cannot_be_read_is_refused():
    with measure.LlmServer(**QUICK) as server:
        connection = connect(server)
        for bad in ("", "{", "[]", "{}", '{"messages":[]}', '{"messages":[{"role":"user","content":"x}'):
            connection.request("POST", "/v1/chat/completions", bad)
            reply = connection.getresponse()
            assert (reply.status, bool(reply.read())) == (400, True), bad
        assert server.stats()["malformed"] == 6 and server.stats()["requests"] == 0
        with pytest.raises(OSError):
            server.control(mode="no such mode")


def test_the_service_takes_all_of_it(new_server):
    """Captions and dialogues of every task: nothing is dropped, refused or asked for twice."""
    with measure.LlmServer(**QUICK) as server:
        service = new_server(MONOCEROS_LLM_URL=server.url, MONOCEROS_LLM_MODEL="m")
        dataset = Dataset(Api(service.base), "load")
        dataset.load(generate(300))
        run = dataset.run(["captions", "dialogues"], dialogues={"mix": EVERY_TASK}, max_failed=0)
        assert stage_of(run, "captions")["done"] == len(dataset.captions()) == 300
        assert stage_of(run, "dialogues")["done"] == len(dataset.dialogues()) == 900
        stats = server.stats()
        # One more asks for the name of the served model.
        assert 1200 <= stats["requests"] <= 1201 and stats["duplicates"] == 0


def test_a_stream_says_the_same_in_pieces():
    with measure.LlmServer(**QUICK) as server:
        whole = ask(server, "Caption: A dog.")[1]
        connection = connect(server)
        connection.request("POST", "/v1/chat/completions", json.dumps(body("Caption: A dog.", stream=True)))
        lines = connection.getresponse().read().decode().split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""]
        events = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
        deltas = [e["choices"][0] for e in events if e["choices"]]
        assert "".join(d["delta"].get("content", "") for d in deltas) == whole["choices"][0]["message"]["content"]
        assert deltas[-1]["finish_reason"] == "stop"
        assert events[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_refusals_above_the_slots():
    with measure.LlmServer("capacity", slots=3, least_ms=300, most_ms=300) as server:
        assert sorted(together(server, 8)) == [200] * 3 + [429] * 5
        stats = server.stats()
        assert (stats["answered"], stats["refused"], stats["max_serving"]) == (3, 5, 3)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda i: ask(server, f"Caption: {i}."), range(4)))
        assert {h["Retry-After"] for status, _, h in answers if status == 429} == {"1"}


def test_a_queue_without_a_word():
    with measure.LlmServer("realistic", window_s=0.2, slots=2, scale=1, least_ms=100, most_ms=100) as server:
        assert together(server, 6) == [200] * 6
        stats = server.stats()
        assert (stats["max_serving"], stats["refused"]) == (2, 0) and stats["max_queued"] >= 1
        served = sum(w["serving"] * w["length_s"] for w in stats["windows"])
        assert served == pytest.approx(0.6, rel=0.05)  # six of a tenth of a second


def test_what_overflows_hangs_and_is_counted_when_given_up():
    with measure.LlmServer("overflow-hang", slots=1, queue=1, scale=1, least_ms=1000, most_ms=1000) as server:
        raw = []
        for i in range(4):
            connection = connect(server)
            connection.request("POST", "/v1/chat/completions", json.dumps(body(f"Caption: {i}.")))
            raw.append(connection)
            until(lambda want=i + 1: server.stats()["in_flight"] == want, "the call to arrive")
        assert (server.stats()["queued"], server.stats()["hung"]) == (1, 2)
        raw[0].sock.shutdown(socket.SHUT_RDWR)  # gives the slot to the one that waits
        assert raw[1].getresponse().status == 200
        for connection in raw[2:]:
            connection.close()
        until(lambda: server.stats()["aborted"] == 3, "the hung calls to be given up")
        assert server.stats()["in_flight"] == 0


def test_it_grows_slow():
    with measure.LlmServer("slowing", slots=8, scale=1, least_ms=20, most_ms=20, slow_every_s=0.2, slow_by=4,
                           slow_most=16) as server:
        started = time.monotonic()
        ask(server, "Caption: early.")
        until(lambda: time.monotonic() - started > 0.5, "two steps")
        late = time.monotonic()
        ask(server, "Caption: late.")
        assert time.monotonic() - late >= 0.32


def test_dialogues_are_bound_to_the_schema():
    option = {"type": "string", "minLength": 1}
    item = {"type": "object", "required": ["question", "options", "answer"], "additionalProperties": False,
            "properties": {"question": option, "answer": {"enum": list("ABCD")},
                           "options": {"type": "object", "required": list("ABCD"), "additionalProperties": False,
                                       "properties": dict.fromkeys("ABCD", option)}}}
    for least in (2, 6, 8):
        schema = {"type": "object", "required": ["pairs"], "properties": {
            "pairs": {"type": "array", "minItems": least, "maxItems": 8, "items": item}}}
        form = {"type": "json_schema", "json_schema": {"name": "multiple_choice", "schema": schema}}
        with measure.LlmServer(**QUICK) as server:
            answer = ask(server, "Caption: A dog.", response_format=form)[1]
        jsonschema.validate(json.loads(answer["choices"][0]["message"]["content"]), schema)


def test_as_many_seeds_as_fill_the_time():
    """What the realistic benchmark plans, by hand for the simplest case."""
    assert realistic.rows_for({"slots": 4, "least": 2, "most": 2, "share": 0.5}, hours=1) == 3600
    slows = {"slots": 1, "least": 1, "most": 1, "share": 1, "slows": (900, 2, 4)}
    assert realistic.rows_for(slows, hours=1) == 900 + 450 + 225 + 225

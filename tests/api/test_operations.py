"""Health, metrics, the document, logs, tracing, and paths."""
import json
import re

import pytest

from support.client import CONTRACT, Api
from support.contract import load
from support.seeds import generate
from support.wait import until

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_health(api):
    assert api.call("healthz").json() == {"status": "ok"}
    assert api.call("readyz").json()["status"]


def test_document_is_the_yaml(api):
    assert api.call("openapi").json() == json.loads(json.dumps(load(), default=str))


# -- metrics --

SAMPLE = re.compile(r"^([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+=\"(?:[^\"\\]|\\.)*\",?)*)\})? (\S+)$")


def read_metrics(api):
    """The exposition as {name{labels}: value}; every line must make sense."""
    answer = api.call("metrics")
    assert "version=0.0.4" in answer.headers["Content-Type"]
    samples, types, helps = {}, {}, set()
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types and kind in ("counter", "gauge", "histogram")
            types[name] = kind
        elif line.startswith("# HELP "):
            helps.add(line.split(" ")[2])
        elif line:
            match = SAMPLE.match(line)
            assert match, line
            name = match.group(1)
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in types or types.get(family) == "histogram", line
            assert name.startswith(("monoceros_", "process_")), line
            key = name + "{" + (match.group(2) or "") + "}"
            assert key not in samples, line
            samples[key] = float(match.group(3))
            if types.get(name) == "counter":
                assert name.endswith("_total"), line
    assert answer.text.endswith("\n") and set(types) <= helps
    return samples


def test_metrics_parse_and_count(api, dataset):
    before = read_metrics(api)
    dataset.add(generate(5))
    dataset.run(["captions"])
    after = read_metrics(api)
    grown = {key for key in after if after[key] > before.get(key, 0)}
    assert any("create_seeds" in key and "2xx" in key for key in grown)
    assert any('outcome="new"' in key for key in grown)
    assert any('stage="captions"' in key and 'outcome="done"' in key for key in grown)
    assert any(key.startswith("process_resident_memory_bytes") for key in after)
    assert any("build_info" in key for key in after)


def test_histograms_are_cumulative(api):
    samples = read_metrics(api)
    buckets = {}
    for key, value in samples.items():
        match = re.match(r'^(\w+)_bucket\{(.*?),?le="([^"]+)"\}$', key)
        if match:
            buckets.setdefault((match.group(1), match.group(2).strip(",")), []).append(
                (float(match.group(3)), value))
    assert buckets
    for (name, labels), steps in buckets.items():
        values = [value for _, value in sorted(steps)]
        assert values == sorted(values) and max(steps)[0] == float("inf")
        assert values[-1] == samples[f"{name}_count{{{labels}}}"]


# -- tracing and logs --

def log_lines(server):
    return [json.loads(line) for line in server.log().decode().splitlines() if line.startswith("{")]


def test_a_traceparent_is_honoured(api, server, dataset):
    given = f"00-{TRACE}-b7ad6b7169203331-01"
    answer = api.request("GET", dataset.path, headers={"traceparent": given}, expect=200)
    assert answer.headers["X-Request-Id"] == TRACE
    back = answer.headers["traceparent"]
    assert back.startswith(f"00-{TRACE}-") and back.endswith("-01") and back != given
    problem = api.request("GET", "/v1/nothing", headers={"traceparent": given}, expect=404)
    assert problem.json()["request_id"] == TRACE
    lines = until(lambda: [line for line in log_lines(server) if line.get("request_id") == TRACE],
                  "the request's line in the log")
    assert any(line.get("path") == dataset.path and line.get("status") == 200 for line in lines)


@pytest.mark.parametrize("bad", ["", "00", f"00-{TRACE}-b7ad6b7169203331", f"ff-{TRACE}-b7ad6b7169203331-01",
                                 f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE}-{'0' * 16}-01",
                                 f"00-{TRACE.upper()}-b7ad6b7169203331-01", "x" * 500])
def test_a_bad_traceparent_is_replaced(api, bad):
    answer = api.request("GET", "/healthz", headers={"traceparent": bad}, expect=200)
    assert answer.headers["X-Request-Id"] != TRACE


def test_request_ids_differ(api):
    ids = {api.call("healthz").headers["X-Request-Id"] for _ in range(50)}
    assert len(ids) == 50


def test_the_log_is_json_lines(api, server, dataset):
    dataset.add(generate(3))
    run = dataset.run()
    api.raw("GET", "/v1/datasets/%22%0a%7b", expect=400)
    api.request("GET", "/v1/datasets/\u202enothing\u2028", expect=(400, 404))

    def told():
        return {line.get("run") for line in log_lines(server)} >= {run["id"]}

    until(told, "the run's lines in the log")
    lines = server.log().decode().splitlines()
    assert len(lines) > 10
    for line in lines:
        entry = json.loads(line)
        assert {"time", "level", "event"} <= set(entry)
        assert entry["level"] in ("debug", "info", "warn", "error")
        assert not any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 or c in "\u2028\u2029\u202e" for c in line)


def test_secrets_are_not_logged(new_server, model_server):
    key = "sk-secret-of-this-test"
    server = new_server(MONOCEROS_LLM_URL=model_server.url, MONOCEROS_LLM_MODEL="m",
                        MONOCEROS_LLM_API_KEY=key, MONOCEROS_LOG_LEVEL="debug")
    api = Api(server.base)
    model_server.control(faults=[{"kind": "unauthorized", "echo": key}])
    api.call("put_dataset", dataset="d", json={})
    api.call("create_seeds", dataset="d", json={"seeds": [{"text": t} for t in generate(5)]})
    run = api.call("create_run", dataset="d", json={"stages": ["captions"]}).json()["id"]
    answer = api.call("get_run", run=run, params={"wait": "60s"})
    assert answer.json()["state"] == "paused" and answer.json()["reason"] == "provider"
    assert "401" in answer.json()["reason_detail"]
    assert key not in answer.text
    assert key.encode() not in server.log()


# -- paths --

@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v2/datasets", "/v1/datasets/", "/healthz/", "//",
                                  "/v1/datasets/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", "/metrics/x",
                                  "/v1/datasets//seeds"])
def test_paths_that_are_none(api, path):
    assert api.raw("GET", path, expect=404).problem == "not-found"


@pytest.mark.parametrize("path", ["/v1/../healthz", "/./healthz", "/%2e/healthz", "/healthz%00",
                                  "/v1/datasets/%c0%af", "/healthz%"])
def test_paths_that_cannot_be(api, path):
    assert api.raw("GET", path, expect=400).problem == "malformed-request"


def test_a_very_long_uri(api):
    answer = api.raw("GET", "/v1/datasets?page_token=" + "x" * 9000, expect=(414, 400, 431))
    if answer.status == 414:
        assert answer.problem == "uri-too-long"
    api.raw("GET", "/" + "x" * 9000, expect=(414, 431))


def test_every_public_path_is_described(api):
    """Paths that answer without being in the document would be a surprise."""
    for path in ("/v1/key", "/v1/encoder", "/v1/runs", "/docs",
                 "/favicon.ico", "/debug", "/openapi.yaml"):
        assert not CONTRACT.on_path(path)
        api.raw("GET", path, expect=404)

"""What holds for every operation alike, taken from the document so that a new one is covered at once."""
import json

import pytest

from support.client import CONTRACT
from support.dataset import Dataset
from support.seeds import generate
from support.wait import until

EVERY = [pytest.param(o, id=o.id) for o in CONTRACT.operations]
WITH_JSON = [pytest.param(o, id=o.id) for o in CONTRACT.operations
             if o.body_type == "application/json"]
WITH_BODY = [pytest.param(o, id=o.id) for o in CONTRACT.operations if o.body]
WITHOUT_BODY = [pytest.param(o, id=o.id) for o in CONTRACT.operations if not o.body]
NAMED = [pytest.param(o, id=o.id) for o in CONTRACT.operations if "{" in o.template]
READING = [pytest.param(o, id=o.id) for o in CONTRACT.operations if o.method == "GET"]
# Requests that would change what other tests read, and those with a test of their own.
ELSEWHERE = {"delete_dataset", "revoke_key", "pause_run", "resume_run", "cancel_run", "retry_run", "create_run", "create_seeds",
             "import_seeds", "import_captions", "expand_seeds", "cancel_export", "delete_export"}


def path_of(operation, variables):
    path = operation.template
    for name, value in variables.items():
        path = path.replace("{" + name + "}", value)
    return path


@pytest.mark.parametrize("operation", [p for p in EVERY if p.id not in ELSEWHERE])
def test_sample_succeeds(api, samples, operation):
    api.call(operation.id, **samples.arguments(operation))


@pytest.mark.parametrize("operation", READING)
def test_head_answers_like_get(api, samples, operation):
    target = samples.target(operation)
    head = api.request("HEAD", target, expect=200)
    got = api.request("GET", target, expect=200)
    assert head.content == b""
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    if head.headers["Content-Type"] in ("text/event-stream", "application/x-ndjson"):  # ends where it ends
        assert "Content-Length" not in head.headers
    else:
        assert int(head.headers["Content-Length"]) > 0


@pytest.mark.parametrize("operation", EVERY)
def test_options_names_the_methods(api, samples, operation):
    answer = api.request("OPTIONS", path_of(operation, samples.variables(operation)), expect=204)
    allowed = {name.strip() for name in answer.headers["Allow"].split(",")}
    assert {operation.method, "OPTIONS"} <= allowed
    assert ("HEAD" in allowed) == ("GET" in allowed)


def wrong_methods():
    for operation in CONTRACT.operations:
        known = {o.method for o in CONTRACT.operations if o.template == operation.template}
        for method in ("PATCH", "TRACE", "QUERY", "PUT", "POST", "DELETE", "GET"):
            if method not in known:
                yield pytest.param(operation, method, id=f"{operation.id}-{method}")


@pytest.mark.parametrize("operation, method", wrong_methods())
def test_wrong_method(api, samples, operation, method):
    path = path_of(operation, samples.variables(operation))
    assert api.raw(method, path, expect=405).problem == "method-not-allowed"


@pytest.mark.parametrize("operation", EVERY)
def test_unknown_query_parameter(api, samples, operation):
    answer = api.call(operation.id, expect=400, **samples.arguments(operation, surprise="1"))
    assert answer.problem == "invalid-parameter"
    assert answer.pointers == ["?surprise"]


@pytest.mark.parametrize("operation", [p for p in EVERY if CONTRACT.by_id[p.id].query])
def test_repeated_query_parameter(api, samples, operation):
    name = next(iter(operation.query))
    arguments = {**samples.arguments(operation), "params": [(name, "1"), (name, "1")]}
    answer = api.call(operation.id, expect=400, **arguments)
    assert answer.problem == "invalid-parameter"
    assert answer.pointers == [f"?{name}"]


def bad_values():
    for operation in CONTRACT.operations:
        for name, parameter in operation.query.items():
            schema = parameter["schema"]
            if schema["type"] == "integer":
                values = [str(schema["minimum"] - 1), str(schema["maximum"] + 1), "-2", "1.5", "many", "",
                          "9" * 30]
            elif "enum" in schema:
                values = ["", "surprise", schema["enum"][0].upper()]
            elif "pattern" in schema and "maxLength" not in schema:  # a duration
                values = ["", "soon", "-1s", "61s", "2h", "1e3s", "NaN"]
            else:
                values = ["", "x" * (schema["maxLength"] + 1)]
            for value in values:
                yield pytest.param(operation, name, value, id=f"{operation.id}-{name}-{value[:12]}")


@pytest.mark.parametrize("operation, name, value", bad_values())
def test_bad_query_value(api, samples, operation, name, value):
    answer = api.call(operation.id, expect=(400, 422), **samples.arguments(operation, **{name: value}))
    assert answer.pointers == [f"?{name}"]
    assert answer.problem == {400: "invalid-parameter", 422: "validation"}[answer.status]
    if name != "page_token":
        assert answer.status == 422


def patterned(schema, pointer=""):
    """Where a body has strings with a pattern, and what does not match it."""
    if "pattern" in schema:
        yield pointer, "!" * max(schema.get("minLength", 0), 1)
    for name, one in schema.get("properties", {}).items():
        for below, value in patterned(one, f"{pointer}/{name}"):
            yield below, value
    for below, value in patterned(schema["items"], f"{pointer}/0") if "items" in schema else ():
        yield below, value


def bad_texts():
    for operation in CONTRACT.operations:
        for pointer, value in patterned(operation.body) if operation.body_type == "application/json" else ():
            yield pytest.param(operation, pointer, value, id=f"{operation.id}-{pointer}")


@pytest.mark.parametrize("operation, pointer, value", bad_texts())
def test_text_that_does_not_match_its_pattern(api, samples, operation, pointer, value):
    for name in reversed(pointer.split("/")[1:]):
        value = [value] if name == "0" else {name: value}
    arguments = samples.arguments(operation)
    body = {**arguments.pop("json"), **value}
    if "stages" in body:
        body["stages"] = ["captions", "dialogues", "representations"]
    answer = api.call(operation.id, expect=422, json=body, **arguments)
    assert answer.problem == "validation" and pointer in answer.pointers


@pytest.mark.parametrize("operation", [p for p in NAMED if p.id != "put_dataset"])
def test_what_is_not_there(api, samples, operation):
    answer = api.call(operation.id, expect=404, **samples.body(operation), **samples.absent(operation))
    assert answer.problem == "not-found"


@pytest.mark.parametrize("operation", NAMED)
@pytest.mark.parametrize("bad", ["not an id", "ABCDEF", "-0", "é", "..x", "0" * 31 + "G"])
def test_what_cannot_be_a_name(api, samples, operation, bad):
    last = operation.template.split("{")[-1].split("}")[0]
    variables = {**samples.variables(operation), last: bad}
    if operation.id == "put_dataset":
        answer = api.call(operation.id, expect=422, **samples.body(operation), **variables)
        assert answer.pointers == ["/dataset"]
    else:
        api.call(operation.id, expect=404, **samples.body(operation), **variables)


@pytest.mark.parametrize("operation", NAMED)
def test_over_long_path_segment(api, samples, operation):
    for name in samples.variables(operation):
        variables = {**samples.variables(operation), name: "a" * 129}
        answer = api.call(operation.id, expect=422, **samples.body(operation), **variables)
        assert answer.problem == "validation"


@pytest.mark.parametrize("operation", NAMED)
@pytest.mark.parametrize("trap", ["%2f", "%00", "%zz", "%", "%2e%2e", "%c3%28", "%0a", "a%2Fb"])
def test_traps_in_the_path(api, samples, operation, trap):
    variables = samples.variables(operation)
    last = operation.template.split("{")[-1].split("}")[0]
    path = path_of(operation, {**variables, last: trap})
    body = b"{}" if operation.body_type == "application/json" else b"x" if operation.body else None
    headers = [("Content-Type", operation.body_type)] if operation.body else []
    answer = api.raw(operation.method, path, body, headers, expect=400)
    assert answer.problem == "malformed-request"


@pytest.mark.parametrize("operation", WITHOUT_BODY)
def test_body_where_none_belongs(api, samples, operation):
    path = path_of(operation, samples.variables(operation))
    answer = api.raw(operation.method, path, b'{"a":1}', [("Content-Type", "application/json")],
                     expect=400)
    assert answer.problem == "malformed-request"


@pytest.mark.parametrize("operation", WITH_BODY)
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded",
                                        "multipart/form-data; boundary=x", "application/jsonl", ""])
def test_wrong_media_type(api, samples, operation, media_type):
    path = path_of(operation, samples.variables(operation))
    answer = api.raw(operation.method, path, b"{}", [("Content-Type", media_type)], expect=415)
    assert answer.problem == "unsupported-media-type"


@pytest.mark.parametrize("operation", WITH_BODY)
@pytest.mark.parametrize("coding", ["br", ""])
def test_wrong_content_encoding(api, samples, operation, coding):
    path = path_of(operation, samples.variables(operation))
    headers = [("Content-Type", operation.body_type), ("Content-Encoding", coding)]
    api.raw(operation.method, path, b"{}", headers, expect=415)


@pytest.mark.parametrize("operation", WITH_BODY)
def test_declared_body_over_the_limit(api, samples, operation):
    """Answered from the headers alone: the body is never sent."""
    path = path_of(operation, samples.variables(operation))
    headers = [("Content-Type", operation.body_type), ("Content-Length", str(2**41))]
    assert api.raw(operation.method, path, None, headers, expect=413).problem == "payload-too-large"


@pytest.mark.parametrize("operation", WITH_JSON)
@pytest.mark.parametrize("body", [
    b"{", b"[", b"}", b"nul", b"'a'", b'{"a":}', b'{"a":1,}', b'{"a":1}{"b":2}',
    b'{"a":1} x', b'{"a":NaN}', b'{"a":01}', b'{"a":1e999}', b'{"a":"\x01"}', b'{"a":"\xff"}',
    b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b'{"a":1,"a":2}', b'\xef\xbb\xbf{}', b"\x00",
    b'{"a":"\xed\xa0\x80"}', b'// x\n{}', '{"a":1}'.encode("utf-16")],
    ids=lambda body: repr(body[:16]))
def test_malformed_json(api, samples, operation, body):
    path = path_of(operation, samples.variables(operation))
    answer = api.raw(operation.method, path, body, [("Content-Type", "application/json")], expect=400)
    assert answer.problem == "malformed-request"


@pytest.mark.parametrize("operation", [p for p in WITH_JSON if CONTRACT.by_id[p.id].body_required])
@pytest.mark.parametrize("body", [None, b"", b" "])
def test_body_that_is_missing(api, samples, operation, body):
    path = path_of(operation, samples.variables(operation))
    headers = [] if body is None else [("Content-Type", "application/json")]
    answer = api.raw(operation.method, path, body, headers, expect=(400, 415))
    assert answer.problem in ("malformed-request", "unsupported-media-type")


def test_body_that_may_be_left_out(api, samples):
    api.raw("PUT", samples.world.path, None, expect=200)


@pytest.mark.parametrize("operation", WITH_JSON)
@pytest.mark.parametrize("depth", [17, 64, 2048, 200_000])
def test_deep_nesting(api, samples, operation, depth):
    path = path_of(operation, samples.variables(operation))
    body = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    answer = api.raw(operation.method, path, body, [("Content-Type", "application/json")],
                     expect=(400, 413))
    assert answer.problem in ("malformed-request", "payload-too-large")


@pytest.mark.parametrize("operation", WITH_JSON)
@pytest.mark.parametrize("body", [[], [1], "a", 1, True, None])
def test_body_that_is_no_object(api, samples, operation, body):
    path = path_of(operation, samples.variables(operation))
    answer = api.raw(operation.method, path, json.dumps(body).encode(),
                     [("Content-Type", "application/json")], expect=(400, 422))
    assert answer.problem in ("malformed-request", "validation")


@pytest.mark.parametrize("operation", WITH_JSON)
def test_unknown_member(api, samples, operation):
    body = {**samples.body(operation)["json"], "surprise": 1}
    answer = api.call(operation.id, expect=422, json=body, **samples.variables(operation))
    assert answer.problem == "validation"
    assert "/surprise" in answer.pointers


def members():
    for operation in CONTRACT.operations:
        if operation.body_type == "application/json":
            for name, schema in operation.body["properties"].items():
                yield pytest.param(operation, name, schema, id=f"{operation.id}-{name}")


WRONG = {"boolean": ["true", 1, 0, None, [], {}], "string": [1, True, None, [], {}], "integer": ["1", 1.5, True, None, [1], {}],
         "number": ["1", True, None, [1]], "array": ["a", 1, None, {}], "object": ["a", 1, [], None]}


@pytest.mark.parametrize("operation, name, schema", members())
def test_wrong_type_of_a_member(api, samples, operation, name, schema):
    for value in WRONG[schema["type"]]:
        if (operation.id, name, value) == ("create_embeddings", "input", "a"):
            continue  # one text is welcome
        body = {**samples.body(operation)["json"], name: value}
        answer = api.call(operation.id, expect=422, json=body, **samples.variables(operation))
        assert any(p == f"/{name}" or p.startswith(f"/{name}/") for p in answer.pointers), value


@pytest.mark.parametrize("operation, name, schema", members())
def test_member_out_of_range(api, samples, operation, name, schema):
    bad = []
    if "minimum" in schema:
        bad.append(schema["minimum"] - 1)
    if "maximum" in schema:
        bad.append(schema["maximum"] + 1)
    if "enum" in schema:
        bad.append("surprise")
    if "maxLength" in schema:
        bad.append("x" * (schema["maxLength"] + 1))
    if "minItems" in schema:
        bad.append([])
    if "maxItems" in schema:
        item = {"text": "A dog."} if name == "seeds" else "captions" if name == "stages" else "a"
        bad.append([item] * (schema["maxItems"] + 1))
    for value in bad:
        body = {**samples.body(operation)["json"], name: value}
        answer = api.call(operation.id, expect=422, json=body, **samples.variables(operation))
        assert any(p == f"/{name}" or p.startswith(f"/{name}/") for p in answer.pointers), value


def test_nothing_of_this_changed_the_world(api, samples):
    """Bad requests leave no trace. Runs after them, since it stands below them."""
    world = samples.world
    assert len(world.seeds()) == 40
    dataset = api.call("get_dataset", dataset=world.name).json()
    assert dataset["seeds"] == 40
    runs = api.items(world.path + "/runs")
    assert [run["id"] for run in runs] == [samples.run]


@pytest.mark.parametrize("operation", WITH_JSON)
def test_example_of_the_document(api, new_dataset, operation):
    dataset = new_dataset(api, 16)
    dataset.add(generate(3))
    if operation.id in ("lookup_representations", "create_run", "create_review", "create_transfer", "create_export"):
        dataset.run()
    variables = {"dataset": dataset.name} if "{dataset}" in operation.template else {}
    if "{review}" in operation.template:
        variables["review"] = api.call("create_review", dataset=dataset.name, json={"sample": 1}).json()["id"]
    if "{prompt}" in operation.template:
        variables["prompt"] = "dense-v1"
    if "{provider}" in operation.template:
        variables["provider"] = "offline"
    if "{key}" in operation.template:
        variables["key"] = api.call("create_key", json={"name": "x", "scopes": ["read"]}).json()["id"]
    if "{encoder}" in operation.template:
        variables["encoder"] = "offline"
    example = dict(operation.example)
    if operation.id == "put_image_moments":  # the built-in encoder has more values
        example["mean"] = example["mean"] + [0] * 1277
    if operation.id == "put_dataset":
        Dataset(api, dataset.name, 16)
        variables["dataset"] = dataset.name + "x"
    if operation.id == "resume_run":  # a small run may be over before it is resumed
        variables.update(run=dataset.start(["captions"])["id"], expect={202, 409})
    answer = api.call(operation.id, json=example, **variables)
    if operation.id == "create_run":
        dataset.wait(answer.json()["id"])


@pytest.mark.parametrize("operation", [p for p in READING if 304 in CONTRACT.by_id[p.id].responses])
def test_what_one_has_is_not_sent_again(api, samples, operation):
    """What changes all the time, such as a provider's figures, is asked for until it stands still."""
    target = samples.target(operation)

    def unchanged():
        got = api.request("GET", target, expect=200)
        tag = got.headers["ETag"]
        for kept in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            answer = api.request("GET", target, headers={"If-None-Match": kept}, expect=(200, 304))
            if answer.status == 200:
                return False
            assert answer.content == b""
            assert answer.headers["ETag"] == tag if kept != "*" else answer.headers["ETag"][:33] == tag[:33]
        assert api.request("HEAD", target, headers={"If-None-Match": tag}).status in (200, 304)
        return api.request("GET", target, headers={"If-None-Match": '"other"'}, expect=200)

    until(unchanged, "the resource to stand still")


@pytest.mark.parametrize("operation", READING)
def test_gzip_only_of_json_and_text(api, samples, operation):
    """The same bytes, when there are enough to be worth it, and another tag."""
    target = samples.target(operation)
    plain = api.request("GET", target, headers={"Accept-Encoding": "identity"}, expect=200)
    coded = api.raw("GET", target, headers=[("Accept-Encoding", "br;q=1, gzip;q=0.5")], expect=200,
                    gunzip=True)
    is_file = "Content-Disposition" in plain.headers or \
        plain.headers["Content-Type"] in ("application/octet-stream", "text/event-stream")
    assert plain.headers.get("Content-Encoding") is None
    assert (plain.headers.get("Vary") is None) == is_file
    if coded.headers.get("Content-Encoding"):
        assert coded.headers["Content-Encoding"] == "gzip" and not is_file
        assert int(coded.headers["Content-Length"]) < len(coded.content)
        assert coded.headers.get("ETag") is None or coded.headers["ETag"].endswith('-gzip"')
    else:
        assert is_file or len(plain.content) < 1100
    refused = api.raw("GET", target, headers=[("Accept-Encoding", "gzip;q=0.0, *")], expect=200)
    assert refused.headers.get("Content-Encoding") is None


@pytest.mark.parametrize("operation", [p for p in READING if "page_size" in CONTRACT.by_id[p.id].query])
def test_link_is_the_next_page(api, samples, operation):
    """As curl and Octokit follow it: with the filters, and to the same page as the token."""
    answer = api.request("GET", samples.target(operation), params={"page_size": 1}, expect=200)
    link = answer.headers.get("Link")
    token = answer.json().get("next_page_token")
    assert (link is None) == (token is None)
    if link:
        path, rel = link.split("; ")
        assert rel == 'rel="next"' and "page_size=1" in path
        by_link = api.request("GET", path[1:-1], expect=200).json()
        by_token = api.request("GET", samples.target(operation), expect=200,
                               params={"page_size": 1, "page_token": token}).json()
        assert by_link == by_token and by_link["items"] != answer.json()["items"]

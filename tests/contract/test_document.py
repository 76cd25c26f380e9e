"""openapi.yaml keeps to what every client generator reads in the same way."""
import re

import pytest
import yaml

from support.contract import METHODS, load, resolve, validator
from support.client import CONTRACT
from support.server import ROOT

DOCUMENT = load()
OPERATIONAL = {"healthz", "readyz", "metrics", "openapi", "get_problem"}
PUBLIC = {"healthz", "readyz", "openapi", "get_problem"}
OPERATIONS = [pytest.param(operation, id=operation.id) for operation in CONTRACT.operations]


def nodes(node, path=()):
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from nodes(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from nodes(value, (*path, index))


def is_example(path):
    return "example" in path or "examples" in path


def repeated(node):
    """Keys that stand twice in one mapping, of which readers take the last without a word."""
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value]
        yield from (key for key, _ in node.value if names.count(key.value) > 1)
        for _, value in node.value:
            yield from repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from repeated(value)


def test_no_name_stands_twice():
    tree = yaml.compose((ROOT / "openapi/openapi.yaml").read_text())
    assert not [f"{key.value}, line {key.start_mark.line + 1}" for key in repeated(tree)]


def test_version_and_server():
    assert DOCUMENT["openapi"] == "3.0.3"
    assert DOCUMENT["servers"][0]["url"] == "/"
    version = re.search(r"VERSION (\d+\.\d+\.\d+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    assert DOCUMENT["info"]["version"] == version


def test_no_construct_that_generators_read_differently():
    for path, node in nodes(DOCUMENT):
        if not isinstance(node, dict) or is_example(path) or path[-1:] == ("properties",):
            continue
        for word in ("oneOf", "anyOf", "allOf", "not", "nullable", "discriminator", "callbacks",
                     "links", "prefixItems"):
            # `links` is also the name of a property, which lies below `properties`.
            assert word not in node or path[-1:] == ("properties",), (path, word)
        if "$ref" in node:
            assert list(node) == ["$ref"], path
            assert node["$ref"].startswith("#/components/"), path
        if "enum" in node:
            assert node["type"] == "string", path
        assert not isinstance(node.get("type"), list), path


def schemas():
    """Every schema, with the path to it; those of other components and of operations too."""
    for path, node in nodes(DOCUMENT):
        if isinstance(node, dict) and not is_example(path):
            if path[-1:] == ("schema",) or path[-1:] == ("items",) and "properties" != path[-2] \
                    or path[:2] == ("components", "schemas") and (len(path) == 3 or path[-2] == "properties") \
                    or path[-1:] == ("additionalProperties",):
                yield path, node


def pascal(name):
    return "".join(part.capitalize() for part in re.split(r"[_-]", name))


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def test_every_value_has_a_type():
    """C knows no value of any type."""
    for path, schema in schemas():
        assert "$ref" in schema or schema.get("type") in ("object", "array", "string", "integer", "number",
                                                          "boolean"), path
        assert schema.get("type") != "array" or "items" in schema, path


def test_integers_say_when_they_need_64_bits():
    """Without a format they have 32 in C and Go."""
    for path, schema in schemas():
        if schema.get("type") == "integer" and max(schema.get("maximum", 0), -schema.get("minimum", 0)) >= 2**31:
            assert schema.get("format") == "int64", path


def test_a_body_has_one_media_type():
    """Progenitor refuses several, others take the first."""
    for path, node in nodes(DOCUMENT):
        if path[-1:] == ("content",) and not is_example(path) and "properties" not in path:
            assert len(node) == 1, path


def test_headers_that_are_sent_are_plain():
    """The type of an enum is named like its parameter, and a header's name is no name in C."""
    for operation in CONTRACT.operations:
        for (where, name), parameter in operation.parameters.items():
            assert where != "header" or "enum" not in parameter["schema"], (operation.id, name)


def test_no_answer_is_a_map():
    """C has no type for a map that is a whole answer."""
    for operation in CONTRACT.operations:
        for status, response in operation.responses.items():
            described = response["schema"]
            assert "properties" in described or "additionalProperties" not in described, (operation.id, status)


def test_names_of_schemas_meet_no_names_of_generators():
    described = DOCUMENT["components"]["schemas"]
    reserved = {f"{name}_t" for name in ("key", "id", "time", "size", "mode", "off", "dev", "list", "object", "clock",
                                         "binary", "list_entry", "key_value_pair", "api_client", "any_type")}
    for name, schema in described.items():
        assert f"New{name}" not in described, f"Go has a function New{name}"
        assert f"{snake(name)}_t" not in reserved, f"{name}: C has such a type"
        for member, one in schema.get("properties", {}).items():
            assert snake(name) != member or one.get("type") not in ("array", "object"), f"C has two of {member}"
            inline = "$ref" not in one and one["type"] in ("string", "object")
            assert not inline or name + pascal(member) not in described, \
                f"progenitor names {name}.{member} like the schema {name + pascal(member)}"


def test_every_component_is_used():
    text = yaml.safe_dump(DOCUMENT)
    assert {name for way in DOCUMENT["security"] for name in way} == \
        set(DOCUMENT["components"]["securitySchemes"])
    for kind, entries in DOCUMENT["components"].items():
        for name in entries if kind != "securitySchemes" else ():
            assert f"#/components/{kind}/{name}" in text, f"{kind}/{name} is not used"


def test_operation_ids_are_unique_and_snake_case():
    ids = [operation.id for operation in CONTRACT.operations]
    assert len(set(ids)) == len(ids)
    assert all(re.match(r"^[a-z]+(_[a-z]+)*$", name) for name in ids)


def test_paths_have_no_operations_on_unknown_methods():
    for path, item in DOCUMENT["paths"].items():
        assert set(item) <= {*METHODS, "parameters"}, path
        assert "$ref" not in item


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_is_described(operation):
    node = DOCUMENT["paths"][operation.template][operation.method.lower()]
    assert node["summary"] and not node["summary"].endswith(".")
    assert node["description"].strip().endswith(".")
    assert node["tags"]
    for parameter in operation.parameters.values():
        assert parameter["description"].strip().endswith("."), parameter["name"]
        assert parameter["in"] in ("path", "query", "header")
        assert "content" not in parameter
    variables = set(re.findall(r"{(\w+)}", operation.template))
    assert variables == {name for where, name in operation.parameters if where == "path"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_declares_its_statuses(operation):
    declared = set(operation.responses)
    wanted = {400, 405}
    if operation.id not in OPERATIONAL:
        wanted.add(503)
        if operation.parameters or operation.body is not None:
            wanted.add(422)
        if "{" in operation.template and operation.id != "put_dataset":
            wanted.add(404)
        if operation.body is not None:
            wanted |= {413, 415}
    if operation.id not in PUBLIC:
        wanted |= {401, 403, 429, 503}
    assert wanted <= declared
    assert len([status for status in declared if status < 300 and status != 206]) == 1
    for status, response in operation.responses.items():
        if status >= 400:
            assert response["type"] == "application/problem+json"
            assert response["schema"] == resolve(DOCUMENT, DOCUMENT["components"]["schemas"]["Problem"])
        if status in (429, 503):
            assert "Retry-After" in response["headers"]
        if status == 401:
            assert "WWW-Authenticate" in response["headers"]
        if status == 405:
            assert "Allow" in response["headers"]


def test_whatever_is_put_takes_conditions():
    for operation in CONTRACT.operations:
        conditional = {("header", "If-Match"), ("header", "If-None-Match")} <= set(operation.parameters)
        assert conditional == (operation.method == "PUT"), operation.id
        # Of a file a part may be wanted only if it is still the same file.
        assert (412 in operation.responses) == (conditional or 206 in operation.responses), operation.id


def test_parts_are_of_whole_files():
    for operation in CONTRACT.operations:
        ranges = 206 in operation.responses
        assert ranges == (("header", "Range") in operation.parameters) == (416 in operation.responses), operation.id
        if ranges:
            whole, part = operation.responses[200], operation.responses[206]
            assert operation.method == "GET" and part["type"] == whole["type"]
            assert set(part["headers"]) == {"Content-Range", *whole["headers"]}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_body_is_one_of_the_two_kinds(operation):
    if operation.body is None:
        return
    assert operation.body_type in ("application/json", "application/octet-stream")
    if operation.body_type == "application/json":
        assert operation.body["type"] == "object"
        for path, node in nodes(operation.body):
            if isinstance(node, dict) and node.get("type") == "object":
                assert "additionalProperties" in node, path
        assert operation.example is not None
        assert list(validator(operation.body).iter_errors(operation.example)) == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_examples_of_answers_are_such_answers(operation):
    answers = DOCUMENT["paths"][operation.template][operation.method.lower()]["responses"]
    for status, answer in resolve(DOCUMENT, answers).items():
        for media in answer.get("content", {}).values():
            if "example" in media:
                described = operation.responses[int(status)]["validator"]
                assert list(described.iter_errors(media["example"])) == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_has_examples(operation):
    """Whether those of requests run, tests/api/test_examples.py says."""
    for (_, name), parameter in operation.parameters.items():
        if "example" in parameter:
            assert list(validator(parameter["schema"]).iter_errors(parameter["example"])) == [], name
        else:
            assert "enum" in parameter["schema"], name
    answer = resolve(DOCUMENT, DOCUMENT["paths"][operation.template][operation.method.lower()]
                     ["responses"][str(operation.success)])
    for name, media in answer["content"].items():
        assert "example" in media or name != "application/json"


def test_strings_that_clients_send_have_a_length():
    for operation in CONTRACT.operations:
        for path, node in nodes(operation.body if operation.body_type == "application/json" else {}):
            if isinstance(node, dict) and node.get("type") == "string" and "enum" not in node:
                assert "maxLength" in node, (operation.id, path)
            if isinstance(node, dict) and node.get("type") == "array":
                assert "maxItems" in node, (operation.id, path)


def test_the_generators_are_named_as_they_are_tried():
    text = (ROOT / "openapi/CLIENTS.md").read_text()
    pins = dict(re.findall(r"^(\w+)=(\S+)$", (ROOT / "tests/clients/versions").read_text(), re.M))
    for name in ("openapi_generator", "openapi_python_client", "openapi_typescript", "openapi_fetch", "progenitor"):
        found = re.findall(name.replace("_", "-") + r"(?:-cli)?[ @:=\"]+(\d[\d.]*\d)", text)
        assert found and set(found) == {pins[name]}, name

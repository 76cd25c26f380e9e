"""The tables that the program is made of, as `monoceros tables` prints them, against openapi.yaml and
README.md, in both directions."""
import json
import re

import pytest

from support.client import CONTRACT
from support.contract import load
from support.server import ROOT, run

DOCUMENT = load()


@pytest.fixture(scope="module")
def tables():
    done = run("tables")
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def routes(tables):
    return {route["operation_id"]: route for route in tables["routes"]}


def test_routes_are_the_operations(tables):
    ours = {(r["method"], r["path"], r["operation_id"]) for r in tables["routes"]}
    theirs = {(o.method, o.template, o.id) for o in CONTRACT.operations}
    assert len(ours) == len(tables["routes"])
    assert ours == theirs


@pytest.mark.parametrize("operation", [pytest.param(o, id=o.id) for o in CONTRACT.operations])
def test_operation(routes, operation):
    route = routes[operation.id]
    check_query(route.get("query") or [], operation.query)
    kinds = {None: "none", "application/json": "json", "application/octet-stream": "stream"}
    node = DOCUMENT["paths"][operation.template][operation.method.lower()]
    assert route["scope"] == node.get("x-required-scope", "")
    assert node.get("security") == (None if route["scope"] else [])
    assert route["body"] == kinds[operation.body_type]
    if operation.body is not None:
        assert route["body_max"] > 0
    if operation.body_type == "application/json":
        check_object(operation.id, route["fields"], operation.body)
    else:
        assert not route.get("fields")


def check_query(rows, parameters):
    assert {row["name"] for row in rows} == set(parameters)
    for row in rows:
        schema = parameters[row["name"]]["schema"]
        if row["type"] == "enum":
            assert schema["type"] == "string" and row["values"] == schema["enum"], row
        elif row["type"] == "int":
            assert schema["type"] == "integer", row
            assert (row["min"], row["max"]) == (schema["minimum"], schema["maximum"]), row
        elif row["type"] == "duration":
            assert schema["type"] == "string" and "pattern" in schema, row
            assert f"at most {row['max'] // 1000} s" in parameters[row["name"]]["description"], row
        else:
            assert row["type"] == "text" and schema["type"] == "string", row
            assert row["min"] == schema.get("minLength", 0), row
            assert row["max"] == schema["maxLength"], row


def check_object(where, fields, schema):
    assert schema["type"] == "object" and schema["additionalProperties"] is False, where
    names = [field["name"] for field in fields]
    assert len(set(names)) == len(names), where
    assert set(names) == set(schema["properties"]), where
    required = {field["name"] for field in fields if field["required"]}
    assert required == set(schema.get("required", [])), where
    for field in fields:
        check_field(f"{where}/{field['name']}", field, schema["properties"][field["name"]])


def check_field(where, field, schema):
    kind = field["type"]
    if kind in ("string", "enum"):
        assert schema["type"] == "string", where
        described = schema["enum"] + schema.get("x-openai-also", []) if "enum" in schema else None
        assert field.get("values") == described, where
        if kind == "string":
            check_range(where, field, schema, "minLength", "maxLength")
    elif kind in ("int", "number"):
        assert schema["type"] == {"int": "integer", "number": "number"}[kind], where
        check_numbers(where, field, schema)
    elif kind == "bool":
        assert schema["type"] == "boolean", where
    elif kind == "object":
        check_object(where, field["fields"], schema)
    elif kind == "map":
        assert schema["type"] == "object" and schema["additionalProperties"] is True, where
        assert f"at most {int(field['max']) // 1024} KiB" in schema["description"], where
    elif kind == "labels":
        assert schema["type"] == "object" and field["max"] == schema["maxProperties"], where
        assert schema["additionalProperties"] == {"type": "string", "maxLength": field["len_max"]}, where
    else:
        check_list(where, kind, field, schema)


def check_list(where, kind, field, schema):
    assert schema["type"] == "array", where
    check_range(where, field, schema, "minItems", "maxItems")
    if kind == "objects":
        check_object(where, field["fields"], schema["items"])
    elif kind == "strings":
        assert schema["items"]["type"] == "string", where
        assert field.get("values") == schema["items"].get("enum"), where
        assert field["len_max"] == schema["items"].get("maxLength", 0), where
    else:
        assert kind == "numbers" and schema["items"] == {"type": "number"}, where


def check_range(where, field, schema, low, high):
    assert field["min"] == schema.get(low, 0), where
    assert field["max"] == schema.get(high, 0), where


def check_numbers(where, field, schema):
    low, high = field["min"], field["max"]
    if low == 0 and high == 0:
        assert "minimum" not in schema and "maximum" not in schema, where
        return
    assert low == schema["minimum"], where
    assert high == schema["maximum"], where


def test_filters_are_described_as_they_are(tables):
    schema = CONTRACT.by_id["create_run"].body["properties"]["captions"]["properties"]["filters"]
    described = {name: one for name, one in schema["properties"].items() if name != "preset"}
    assert list(described) == [row["name"] for row in tables["filters"]]
    for row in tables["filters"]:
        one = described[row["name"]]
        presets = ", ".join(f"`{row[preset]}` in `{preset}`" for preset in ("paper", "standard", "strict"))
        assert " ".join(one["description"].split()) == f"{row['help']} In the presets: {presets}."
        for parameter in row["parameters"]:
            check_default(parameter, one["properties"][parameter["name"]])
    assert CONTRACT.by_id["list_captions"].query["dropped"]["schema"]["enum"] == list(described)


def check_default(parameter, schema):
    """`paper` shares the values of `standard`, for whoever switches a filter on in it."""
    assert parameter["paper"] == parameter["standard"], parameter
    expected = f"{parameter['standard']} when not given"
    if parameter["strict"] != parameter["standard"]:
        expected += f", {parameter['strict']} in `strict`"
    assert schema["description"] == expected + ".", parameter


def test_settings(tables):
    settings = tables["settings"]
    names = [s["name"] for s in settings]
    variables = [s["environment"] for s in settings if s.get("environment")]
    assert names and len(set(names)) == len(names)
    assert len(set(variables)) == len(variables)
    assert all(re.match(r"^MONOCEROS_[A-Z0-9_]+$", name) for name in variables)
    assert all(s["help"] for s in settings)


def test_readme_names_only_what_there_is(tables):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    known = {s["environment"] for s in tables["settings"] if s.get("environment")}
    known |= {f"{name}_FILE" for name in known}
    scripts = "".join((ROOT / name).read_text(encoding="utf-8") for name in
                      ("dev", "tools/packages.sh", "tools/cluster.sh", "docker-compose.yml"))
    for name in set(re.findall(r"\bMONOCEROS_[A-Z0-9_]+\b", text)):
        assert name in known or name in scripts, f"README.md names {name}"


def test_readme_commands_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    dev = (ROOT / "dev").read_text(encoding="utf-8")
    commands = set(re.findall(r"\./dev ([a-z]+)\b", text))
    assert {"demo", "test"} <= commands
    for command in commands:
        assert f"command_{command}()" in dev or f"{command})" in dev, f"README.md: ./dev {command}"
    for command in set(re.findall(r"(?:release/|`)monoceros ([a-z]+)\b", text)):
        done = run(command, "--help")
        assert done.returncode == 0 and done.stdout, f"README.md: monoceros {command}"


def test_readme_paths_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\$([a-z]+)", r"{\1}", text)  # a variable of the shell stands for one of the path
    named = set(re.findall(r"localhost:8080(/[A-Za-z0-9/._{}-]*)|127\.0\.0\.1:8080(/[A-Za-z0-9/._{}-]*)",
                           text))
    paths = {one or other for one, other in named} - {"/"}
    assert paths
    for path in paths:
        assert CONTRACT.on_path(path), f"README.md: {path}"


@pytest.mark.parametrize("command", ["serve", "migrate", "healthcheck", "config", "version"])
def test_every_command_has_help(command):
    done = run(command, "--help")
    assert done.returncode == 0
    assert command.encode() in done.stdout


def test_version_is_the_documents():
    done = run("version")
    assert done.returncode == 0
    assert CONTRACT.document["info"]["version"] in done.stdout.decode()

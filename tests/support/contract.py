"""openapi/openapi.yaml as a judge of requests and responses."""
import base64
import binascii
import collections
import copy
import re
import urllib.parse

import jsonschema
import yaml

from support.server import ROOT

METHODS = ("get", "put", "post", "delete")
BEFORE_ROUTING = {414}  # said before it is known what the request is about
RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


class ContractError(AssertionError):
    pass


def load():
    return yaml.safe_load((ROOT / "openapi/openapi.yaml").read_text(encoding="utf-8"))


def resolve(document, node):
    """The node without any $ref in it. The schemas do not refer to themselves."""
    if isinstance(node, list):
        return [resolve(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return resolve(document, target)
    return {key: resolve(document, value) for key, value in node.items()}


def close(schema):
    """For answers: what is not described may not be there."""
    schema = copy.deepcopy(schema)

    def walk(node):
        if isinstance(node, dict):
            # A problem may grow members in later versions; this version has those described.
            open_problem = "request_id" in node.get("properties", {})
            if "properties" in node and ("additionalProperties" not in node or open_problem):
                node["additionalProperties"] = False
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(schema)
    return schema


def _items(validator, items, instance, schema):
    """Long vectors are checked by one loop instead of one validator call a number."""
    if items == {"type": "number"} and isinstance(instance, list):
        if not all(type(value) in (int, float) for value in instance):
            yield jsonschema.ValidationError("not an array of numbers")
        return
    yield from jsonschema.Draft4Validator.VALIDATORS["items"](validator, items, instance, schema)


def _also(keyword):
    """`x-openai-also`: what clients of the OpenAI API send and get beyond what a type can say."""
    def check(validator, value, instance, schema):
        also = schema.get("x-openai-also", [])
        allowed = isinstance(instance, str) and (also == "string" or instance in also)
        if not allowed:
            yield from jsonschema.Draft4Validator.VALIDATORS[keyword](validator, value, instance, schema)
    return check


Validator = jsonschema.validators.extend(
    jsonschema.Draft4Validator, {"items": _items, "type": _also("type"), "enum": _also("enum")})
formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time")
def _is_time(value):
    return not isinstance(value, str) or RFC3339.match(value) is not None


def validator(schema):
    return Validator(schema, format_checker=formats)


class Operation:
    def __init__(self, document, template, method, item):
        node = item[method]
        self.template, self.method = template, method.upper()
        self.id = node["operationId"]
        parameters = resolve(document, item.get("parameters", []) + node.get("parameters", []))
        self.parameters = {(p["in"], p["name"]): p for p in parameters}
        self.query = {name: p for (where, name), p in self.parameters.items() if where == "query"}
        body = resolve(document, node.get("requestBody"))
        self.body_type = self.body = None
        self.body_required = bool(body and body.get("required"))
        if body:
            (self.body_type, media), = body["content"].items()
            self.body = media["schema"]
            self.example = media.get("example")
        self.responses = {int(status): self._response(resolve(document, response))
                          for status, response in node["responses"].items()}
        # A part of a file is a success beside that of the whole.
        self.success, = [status for status in self.responses if status < 300 and status != 206]
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        self.pattern = re.compile(f"^{pattern}$")

    @staticmethod
    def _response(node):
        (media_type, media), = node.get("content", {"": {"schema": {}}}).items()
        return {"type": media_type, "headers": node.get("headers", {}),
                "schema": media["schema"], "validator": validator(close(media["schema"]))}


class Contract:
    def __init__(self):
        self.document = load()
        self.operations = [Operation(self.document, template, method, item)
                           for template, item in self.document["paths"].items()
                           for method in METHODS if method in item]
        self.by_id = {operation.id: operation for operation in self.operations}
        self.seen = collections.Counter()

    # -- what a request is about --

    def on_path(self, path):
        """The operations of a raw path; literal segments go before variables."""
        matches = [o for o in self.operations if o.pattern.match(path)]
        fewest = min((o.template.count("{") for o in matches), default=0)
        return [o for o in matches if o.template.count("{") == fewest]

    # -- judging --

    def request_errors(self, operation, path, query, headers, body):
        """What the document says against a request; an empty list when nothing."""
        errors = []
        for name, value in operation.pattern.match(path).groupdict().items():
            self._parameter(operation, "path", name, urllib.parse.unquote(value), errors)
        names = [name for name, _ in query]
        for name, value in query:
            if name not in operation.query or names.count(name) > 1:
                errors.append(f"?{name} is unknown or repeated")
            else:
                self._parameter(operation, "query", name, value, errors)
        errors += [f"?{name} is missing" for name, parameter in operation.query.items()
                   if parameter.get("required") and name not in names]
        for (where, name), parameter in operation.parameters.items():
            if where == "query" and parameter["required"] and name not in names:
                errors.append(f"?{name} is missing")
            if where == "header" and headers.get(name) is not None:
                self._parameter(operation, where, name, headers[name], errors)
        if operation.body is None:
            if body is not None:
                errors.append("a body where none is described")
        elif operation.body_type == "application/json" and (body is not None or operation.body_required):
            errors += [f"body {list(e.path)}: {e.message}"
                       for e in validator(operation.body).iter_errors(body)]
        return errors

    @staticmethod
    def _parameter(operation, where, name, value, errors):
        schema = operation.parameters[(where, name)]["schema"]
        if schema["type"] == "integer":
            if not re.match(r"^-?\d+$", value):
                errors.append(f"{name} is not an integer")
                return
            value = int(value)
        errors += [f"{name}: {e.message}" for e in validator(schema).iter_errors(value)]

    def judge(self, method, path, response):
        """Holds an answer against the document and notes what was seen. `response` has status,
        headers (case-insensitive get), json() and content."""
        self._common(method, path, response)
        operations = self.on_path(path)
        if method == "OPTIONS":
            return
        if not operations:
            self._problem(path, response, {400, 404, 414, 503})
            return
        wanted = "GET" if method == "HEAD" else method
        operation = next((o for o in operations if o.method == wanted), None)
        if operation is None:
            self._problem(path, response, {400, 405, 414})
            if response.status == 405:
                allowed = {name.strip() for name in response.headers.get("Allow", "").split(",")}
                known = {o.method for o in operations} | {"OPTIONS"}
                known |= {"HEAD"} & ({"HEAD"} if "GET" in known else set())
                if allowed != known:
                    raise ContractError(f"Allow of {path} is {allowed}, not {known}")
                for each in operations:
                    self._declared(each, method, path, response)
            return
        self._declared(operation, method, path, response)

    def _declared(self, operation, method, path, response):
        where = f"{operation.id}: {method} {path} answered {response.status}"
        if response.status in BEFORE_ROUTING:
            self._problem(path, response, BEFORE_ROUTING)
            return
        described = operation.responses.get(response.status)
        if described is None:
            raise ContractError(f"{where}, which is not described: {response.content[:500]!r}")
        media_type = (response.headers.get("Content-Type") or "").split(";")[0].strip()
        if media_type != described["type"]:
            raise ContractError(f"{where} as {media_type!r}, not {described['type']!r}")
        for name, header in described["headers"].items():
            value = response.headers.get(name)
            if value is None and not header.get("required", True):
                continue
            if value is None:
                raise ContractError(f"{where} without the header {name}")
            if header["schema"]["type"] == "integer":
                value = int(value)
            validator(header["schema"]).validate(value)
        if method == "HEAD":
            return
        if described["type"].endswith(("/json", "+json")):
            self._body(where, described, response)
        self.seen[(operation.id, response.status)] += 1

    @staticmethod
    def _body(where, described, response):
        body = response.json()
        error = next(iter(described["validator"].iter_errors(body)), None)
        if error is not None:
            raise ContractError(f"{where}: {list(error.absolute_path)}: {error.message[:600]}")
        if response.status >= 400:
            Contract._problem_body(where, body, response)

    @staticmethod
    def _common(method, path, response):
        if not re.match(r"^[0-9a-f]{32}$", response.headers.get("X-Request-Id") or ""):
            raise ContractError(f"{method} {path}: no X-Request-Id")
        if not re.match(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
                        response.headers.get("traceparent") or ""):
            raise ContractError(f"{method} {path}: no traceparent")
        if method == "HEAD" and response.content:
            raise ContractError(f"HEAD {path} has a body")
        if method == "OPTIONS" and response.status < 400:
            if response.status != 204 or not response.headers.get("Allow"):
                raise ContractError(f"OPTIONS {path} answered {response.status}")

    @staticmethod
    def _problem_body(where, body, response):
        if body["status"] != response.status:
            raise ContractError(f"{where}, its body says {body['status']}")
        if body["request_id"] != response.headers.get("X-Request-Id"):
            raise ContractError(f"{where}, its body has another request id")

    def _problem(self, path, response, statuses):
        where = f"{path} answered {response.status}"
        if response.status not in statuses:
            raise ContractError(f"{where}: {response.content[:300]!r}")
        media_type = (response.headers.get("Content-Type") or "").split(";")[0].strip()
        if media_type != "application/problem+json":
            raise ContractError(f"{where} as {media_type!r}")
        if response.content:
            described = self.by_id["healthz"].responses[400]
            self._body(where, described, response)

    # -- coverage --

    def unseen(self):
        """Declared statuses that no answer of this session had."""
        return sorted(f"{operation.id} {status}" for operation in self.operations
                      for status in operation.responses if not self.seen[(operation.id, status)])


def decode_base64(text):
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ContractError(f"not base64: {error}") from error

"""Hooks of Schemathesis: real ids for those of the document's examples, and what depends on state."""
import gzip
import json
import os
import pathlib
import re
import sys

import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.transport.serialization import Binary

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from refusals import allowed  # noqa: E402
from support.placeholders import NUMBERS_OF_MOMENTS, Placeholders  # noqa: E402

FOLDER = pathlib.Path(os.environ["MONOCEROS_SCHEMATHESIS"])
WORLD = json.loads((FOLDER / "world.json").read_text(encoding="utf-8"))
EMBEDDINGS = (FOLDER / "embeddings.safetensors").read_bytes()
NAMES = Placeholders(WORLD["real"])
HEADERS = {"Authorization": f"Bearer {WORLD['authorization']}"}
DATASET = "/v1/datasets/{dataset}"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Says which datasets there are, which Schemathesis does not see by itself: their id is a name.
    And takes the schemas of event streams away, which are of the stream as text, as generators want them:
    Schemathesis would hold each event against them."""
    paths = raw_schema["paths"]
    for events in (answer["content"]["text/event-stream"] for item in paths.values()
                   for operation in item.values() if "operationId" in operation
                   for answer in operation["responses"].values()
                   if "text/event-stream" in answer.get("content", {})):
        del events["schema"]
    sources = [(paths["/v1/datasets"]["get"], "200", "$response.body#/items/0/name"),
               (paths[DATASET]["put"], "200", "$response.body#/name"),
               (paths[DATASET]["delete"], "202", "$response.body#/name")]
    for path, item in paths.items():
        if not path.startswith(DATASET):
            continue
        for method, operation in item.items():
            if "operationId" not in operation:
                continue
            for source, status, expression in sources:
                links = source["responses"][status].setdefault("links", {})
                links[operation["operationId"]] = {"operationId": operation["operationId"],
                                                   "parameters": {"path.dataset": expression}}


@schemathesis.hook
def before_call(context, case, kwargs):
    for container in (case.path_parameters, case.query):
        for name, value in (container or {}).items():
            container[name] = NAMES.value(name, value)
    # The member `key` of a new key is the key itself, and Schemathesis takes it for the name in the path.
    key = (case.path_parameters or {}).get("key", "")
    if isinstance(key, str) and key.startswith("mono_"):
        case.path_parameters["key"] = key[5:17]
    if isinstance(case.body, (dict, list)):
        case.body = NAMES.body(case.body)
    if is_positive(case):
        give_what_no_schema_says(case)
    spare_what_the_rest_needs(case)
    if case.query:
        ask_sooner(case.query)
        take_a_real_token(case)


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE


def give_what_no_schema_says(case):
    """A mean as long as the encoder's vectors; a file that is one, and gzip that is, half the time."""
    operation = case.operation.definition.raw.get("operationId")
    if operation == "put_image_moments" and isinstance(case.body, dict):
        case.body["mean"] = (case.body["mean"] + [0] * NUMBERS_OF_MOMENTS)[:NUMBERS_OF_MOMENTS]
    if not isinstance(case.body, Binary) or len(case.body.data) % 2:
        return
    if operation == "import_embeddings":
        case.body = Binary(EMBEDDINGS)
    if (case.headers or {}).get("Content-Encoding") == "gzip":
        case.body = Binary(gzip.compress(case.body.data))


def base(case):
    return case.operation.schema.get_base_url().rstrip("/")


def spare_what_the_rest_needs(case):
    """The dataset that has everything, and the key that this session uses, outlive the session."""
    operation = case.operation.definition.raw.get("operationId")
    path = case.path_parameters or {}
    if operation == "delete_dataset" and path.get("dataset") == WORLD["dataset"]:
        path["dataset"] = "for-nothing"
        made = requests.put(f"{base(case)}/v1/datasets/for-nothing", headers=HEADERS, timeout=60)
        made.raise_for_status()
    if operation in ("revoke_key", "rotate_key") and path.get("key") in WORLD["spared_keys"]:
        path["key"] = WORLD["real"]["key"]


def ask_sooner(query):
    """A run that does not end would be waited for; a wait that is none stays as it is."""
    if re.fullmatch(r"\d+(\.\d+)?(ms|s|m)?", str(query.get("wait", ""))):
        query["wait"] = "10ms"


def take_a_real_token(case):
    """Instead of one that fits the schema alone: that of the page behind the first item, or none."""
    if "page_token" not in case.query or not is_positive(case):
        return
    first = {**case.query, "page_size": 1}
    del case.query["page_token"], first["page_token"]
    answer = requests.get(base(case) + case.formatted_path, params=first, headers=HEADERS, timeout=60)
    token = answer.json().get("next_page_token") if answer.status_code == 200 else None
    if token:
        case.query["page_token"] = token


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if type(failure).__name__ == "UseAfterFree":
        # A key that was revoked stays, to be looked at.
        return not case.operation.path.startswith("/v1/keys/")
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    try:
        problem = response.json()
    except ValueError:
        return True
    return not allowed(case.operation.definition.raw.get("operationId"), problem)

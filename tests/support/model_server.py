#!/usr/bin/env python3
"""An OpenAI-compatible model server for tests: chat completions and embeddings, with faults on demand.

Command line:  python3 tests/support/model_server.py --port 0 [--script faults.json]
prints its base URL (ending in /v1) as the first line of standard output.

In tests:      with ModelServer(dimension=64) as server: ... server.url, server.control(...), server.stats()

Every good answer is a pure function of the request. What goes wrong is said by a configuration, given
as --script (a file, or JSON on the spot) and changed by POST /control with the same members:

  delay_ms      number, or [least, most] by the text's hash
  token_ms      and so much for each token of the answer
  slots         calls that it works on at a time; the others wait, and nobody tells them
  hang_above    in flight; beyond it a call is never answered
  rate          [calls, seconds]: 429 beyond, with x-ratelimit headers
  schema        "enforce", "ignore" (dialogues then stand in prose), or a status that refuses response_format
  capacity      429 above so many calls in flight
  dimension     of the vectors
  format        "auto" (as asked), "base64" or "float"
  batch_max     inputs of one embeddings call, batch_status (413) beyond
  bytes_max     of the texts of one embeddings call, 413 beyond
  base64        a status that refuses encoding_format; the refusal says so
  shorten       what becomes of `dimensions`: "honour", "ignore", or a status that refuses it
  reads         words of a text that are read; "truncated" then says which were longer, unless tell is false
  weights       another value makes other vectors of the same texts
  cosine        of what it answers to the vectors of its weights
  api_key       401 without it
  model         404 for any other
  served        what answers report as their model; the one that was asked for when not given
  poison        text that makes an embeddings call fail with poison_status (400)
  faults        list of {"kind": ..., which calls, options}; the first that applies is taken

Which calls: route ("chat", "embeddings"), match (substring of the text), every (each nth), first (only
the first n), first_per_text (the first n with the same text), share (at random, seeded), hash_share
(decided by the text's hash, so the same in every run). Several together must all hold; none: always.
Kinds: the methods named fault_*. {"reset": true} in /control zeroes the statistics.

GET /stats counts; GET /stats?texts=1 adds the number of calls by hash of the text.
"""
import argparse
import asyncio
import base64
import email.utils
import hashlib
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.model_limits import STREAM_HEAD, Rate, Slots, Stream, framed  # noqa: E402


def probe_texts():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../server/domain/probes.c")
    with open(source, encoding="utf-8") as file:
        table = re.search(r"probe_texts\[PROBES\] = \{(.*?)^\};", file.read(), re.DOTALL | re.MULTILINE)[1]
    literal = r'"(?:[^"\\]|\\.)*"'
    for text in re.findall(rf"((?:\s*{literal})+),", table):
        yield "".join(json.loads(part) for part in re.findall(literal, text))


DEFAULTS = {
    "delay_ms": 0,
    "token_ms": 0,
    "slots": None,
    "hang_above": None,
    "rate": None,
    "schema": "enforce",
    "capacity": None,
    "dimension": 64,
    "format": "auto",
    "batch_max": None,
    "batch_status": 413,
    "bytes_max": None,
    "base64": None,
    "shorten": "ignore",
    "reads": None,
    "tell": True,
    "weights": "",
    "cosine": 1,
    "api_key": None,
    "model": None,
    "served": None,
    "poison": None,
    "poison_status": 400,
    "faults": [],
}
# What asks a server for its model alone: counted apart, and spared by the faults.
PROBE = "Answer with the word ready."
# The same of an encoder: what server/domain/probes.c has.
ENCODER_PROBES = set(probe_texts())
HEAD_MAX = 65536
BODY_MAX = 64 << 20


class Drop(Exception):
    """Ends the connection; with a reset when told so."""

    def __init__(self, reset=True):
        super().__init__("drop")
        self.reset = reset


class Reply:
    """One HTTP reply; `raw` replaces all of it, `stream` its body."""

    def __init__(self, status=200, body=b"", headers=None, raw=None, then_drop=None, stream=None):
        self.status, self.body, self.headers = status, body, headers or {}
        self.raw, self.then_drop, self.stream = raw, then_drop, stream

    def encode(self):
        if self.raw is not None:
            return self.raw
        lines = [f"HTTP/1.1 {self.status} {'OK' if self.status < 300 else 'Error'}"]
        headers = {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        headers["Date"] = email.utils.formatdate(usegmt=True)
        headers.update(self.headers)
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def as_json(value, status=200, headers=None):
    return Reply(status, json.dumps(value, ensure_ascii=False).encode(), headers)


def error(status, message, code=None, headers=None):
    body = {"error": {"message": message, "type": "test_error", "param": None, "code": code}}
    return as_json(body, status, headers)


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


def share_of(*parts):
    """A number in [0, 1) that depends on the parts alone."""
    return int.from_bytes(digest(*parts)[:8], "big") / 2**64


def text_key(text):
    return digest(text)[:8].hex()


def pick(choices, *parts):
    return choices[int(share_of(*parts) * len(choices))]


# Good answers

SCENES = [
    "The scene opens on {seed}, set in {light} light that falls from the {side} and leaves {shadow} shadows.",
    "At the centre of the view stands {seed}, lit by {light} light from the {side} with {shadow} shadows.",
    "The picture is taken up by {seed}, while {light} light enters from the {side} and draws {shadow} shadows.",
]
DETAILS = [
    "The surfaces look {texture}, and {colour} tones stand out against a {backdrop} background.",
    "Around it, {colour} shades meet {texture} surfaces in front of a {backdrop} background.",
    "A {backdrop} background keeps the eye on {colour} tones and {texture} surfaces nearby.",
]
MOODS = [
    "Nothing hides the {shape} outlines in the middle, and a {tint} strip of {ground} leads the eye there.",
    "A {tint} strip of {ground} runs below, and its {shape} border separates near from far.",
    "Below it lies {ground}, {tint} in places, with a {shape} line where it meets the rest.",
    "The {shape} forms repeat in the {ground}, where a {tint} patch catches the eye.",
]
CLOSES = [
    "Towards the {edge}, {count} small objects lie in a loose row, each with its own outline, and the "
    "distance between them grows step by step until the view ends in a soft blur.",
    "Near the {edge}, {count} smaller shapes are arranged unevenly, their outlines clear, and behind "
    "them the ground rises gently until it meets the far end of the view.",
]
WORDS = {
    "light": ["warm", "cool", "pale", "golden", "silvery", "hazy"],
    "side": ["left", "right", "upper left", "upper right", "front"],
    "shadow": ["long", "short", "soft", "sharp", "faint"],
    "texture": ["smooth", "grainy", "polished", "worn", "rough"],
    "colour": ["amber", "teal", "grey", "crimson", "olive", "ivory", "cobalt"],
    "backdrop": ["plain", "wooded", "brick", "cloudy", "tiled"],
    "edge": ["left edge", "right edge", "lower edge", "upper edge"],
    "shape": ["round", "jagged", "slender", "broad", "curved", "angular", "wavy"],
    "tint": ["pink", "bluish", "mossy", "sandy", "violet", "chalky", "bronze"],
    "ground": ["gravel", "grass", "wet stone", "planks", "snow", "sand", "tiles"],
    "count": ["two", "three", "four", "five", "six"],
}
LABEL = re.compile(r"^(?:seed|caption|input|text|description)(?: \w+)?:\s*", re.IGNORECASE)


def seed_of(prompt):
    """What the prompt ends with: its last line without a label, quotes and full stop."""
    lines = [line.strip() for line in prompt.splitlines() if line.strip()]
    last = LABEL.sub("", lines[-1]) if lines else "an empty view"
    if len(last) > 1 and last[0] in "\"'`" and last[-1] == last[0]:
        last = last[1:-1]
    return last.strip() or "an empty view"


def words_for(key):
    return {name: pick(choices, name, key) for name, choices in WORDS.items()}


def caption_for(prompt, sampling):
    key = prompt + "\0" + sampling
    words = words_for(key)
    words["seed"] = seed_of(prompt)
    parts = [pick(form, str(i), key) for i, form in enumerate((SCENES, DETAILS, MOODS, CLOSES))]
    return " ".join(part.format(**words) for part in parts)


ASPECTS = [
    ("light", "What kind of light falls on the scene?", "The light is {0}."),
    ("side", "From which side does the light come?", "It comes from the {0}."),
    ("shadow", "What are the shadows like?", "They are {0}."),
    ("texture", "How do the surfaces look?", "They look {0}."),
    ("colour", "Which tones stand out?", "The {0} tones stand out."),
    ("backdrop", "What is behind the main subject?", "There is a {0} background."),
    ("edge", "Where do the smaller shapes lie?", "They lie near the {0}."),
    ("count", "How many smaller shapes are there?", "There are {0} of them."),
]


def options_for(name, right, key):
    """Four different options and the letter of the right one."""
    others = sorted((w for w in WORDS[name] if w != right), key=lambda w: digest(w, key))[:3]
    at = int(share_of("letter", name, key) * 4)
    values = others[:at] + [right] + others[at:]
    return dict(zip("ABCD", values)), "ABCD"[at]


def pair_for(i, choice, key):
    name, question, answer = ASPECTS[i % len(ASPECTS)]
    right = pick(WORDS[name], name, key)
    if not choice:
        reason = f" One can tell because the {right} impression repeats across the whole view."
        return {"question": question, "answer": answer.format(right) + reason}
    options, letter = options_for(name, right, key)
    return {"question": question, "options": options, "answer": letter}


def shape_of(schema):
    """How many pairs a schema asks for, and whether they have options."""
    pairs = schema.get("properties", {}).get("pairs", {})
    n = max(min(7, pairs.get("maxItems", 7)), pairs.get("minItems", 7 if "maxItems" not in pairs else 1))
    return n, '"options"' in json.dumps(schema)


def shape_in(prompt):
    """The same by the words of the built-in prompt; None when it asks for no dialogue."""
    found = re.search(r"Task: (multiple choice|questions|complex).*?Write (\d+) to (\d+) pairs", prompt)
    return found and (max(min(7, int(found[3])), int(found[2])), found[1] == "multiple choice")


def dialogue_for(prompt, shape, sampling):
    n, choice = shape
    return json.dumps({"pairs": [pair_for(i, choice, prompt + "\0" + sampling) for i in range(n)]})


def turned(text, dimension, cosine):
    """A vector at this cosine to the text's."""
    v, w = vector_for(text, dimension), vector_for("other: " + text, dimension)
    along = sum(a * b for a, b in zip(v, w))
    w = [b - along * a for a, b in zip(v, w)]
    scale = (1 - cosine * cosine) ** 0.5 / sum(b * b for b in w) ** 0.5
    return [cosine * a + scale * b for a, b in zip(v, w)]


def vector_for(text, dimension):
    raw = b"".join(digest(text, str(i)) for i in range((dimension * 2 + 31) // 32))
    values = struct.unpack(f">{dimension}h", raw[: dimension * 2])
    norm = sum(v * v for v in values) ** 0.5 or 1.0
    return [v / norm for v in values]


# The server


class Server:
    def __init__(self, config):
        self.config = {**DEFAULTS, **config}
        self.random = random.Random(1)
        self.connections = 0
        self.open_connections = 0
        self.reset()

    def reset(self):
        self.in_flight = self.max_in_flight = 0
        self.counts = {"chat": 0, "embeddings": 0, "embedding_inputs": 0, "probes": 0, "encoder_probes": 0}
        self.statuses = {}
        self.texts = {}
        self.fault_hits = {}
        self.fault_seen = {}
        self.text_faults = {}
        self.largest_batch = 0
        self.tokens = [0, 0]
        self.slots = Slots()
        self.rate = None
        self.with_schema = self.stream_events = self.streams_cut = 0
        self.traces = {}  # spans of each

    def stats(self, with_texts):
        result = {
            "chat_requests": self.counts["chat"],
            "probes": self.counts["probes"],
            "encoder_probes": self.counts["encoder_probes"],
            "embedding_requests": self.counts["embeddings"],
            "embedding_inputs": self.counts["embedding_inputs"],
            "largest_batch": self.largest_batch,
            "statuses": self.statuses,
            "faults": self.fault_hits,
            "connections": self.connections,
            "open_connections": self.open_connections,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "tokens_in": self.tokens[0],
            "tokens_out": self.tokens[1],
            "most_waiting": self.slots.most_waiting,
            "with_schema": self.with_schema,
            "stream_events": self.stream_events,
            "streams_cut": self.streams_cut,
            "traces": {trace: len(spans) for trace, spans in self.traces.items()},
            "distinct_texts": len(self.texts),
            "max_calls_per_text": max(self.texts.values(), default=0),
        }
        if with_texts:
            result["texts"] = self.texts
        return result

    def control(self, change):
        if change.pop("reset", False):
            self.reset()
        unknown = set(change) - set(DEFAULTS)
        if unknown:
            return error(400, f"unknown members: {sorted(unknown)}")
        if "faults" in change:
            self.fault_seen, self.text_faults = {}, {}
        if "rate" in change:
            self.rate = None
        self.config.update(change)
        return as_json(self.config)

    # Which fault

    def applies(self, i, fault, route, text):
        if fault.get("route", route) != route or fault.get("match", "") not in text:
            return False
        seen = self.fault_seen[i] = self.fault_seen.get(i, 0) + 1
        if "every" in fault and seen % fault["every"] != 0:
            return False
        if "first" in fault and seen > fault["first"]:
            return False
        if "share" in fault and self.random.random() >= fault["share"]:
            return False
        if "hash_share" in fault and share_of(fault["kind"], text) >= fault["hash_share"]:
            return False
        if "first_per_text" in fault:
            key = (i, text_key(text))
            self.text_faults[key] = self.text_faults.get(key, 0) + 1
            return self.text_faults[key] <= fault["first_per_text"]
        return True

    def fault_for(self, route, text):
        for i, fault in enumerate(self.config["faults"]):
            if self.applies(i, fault, route, text):
                self.fault_hits[fault["kind"]] = self.fault_hits.get(fault["kind"], 0) + 1
                return fault
        return None

    # Faults of the connection and of the status line

    async def fault_reset(self, fault, reply):
        raise Drop()

    async def fault_reset_headers(self, fault, reply):
        return Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Type: appl", then_drop=Drop())

    async def fault_cut_headers(self, fault, reply):
        return Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Type: appl", then_drop=Drop(False))

    async def fault_reset_body(self, fault, reply):
        raw = (await reply()).encode()
        return Reply(raw=raw[: len(raw) - 40], then_drop=Drop())

    async def fault_cut_body(self, fault, reply):
        raw = (await reply()).encode()
        return Reply(raw=raw[: len(raw) - 40], then_drop=Drop(False))

    async def fault_close_delimited(self, fault, reply):
        """A body that ends with the connection, cut."""
        good = await reply()
        good.headers["Content-Length"] = None
        raw = good.encode()
        return Reply(raw=raw[: len(raw) - 40], then_drop=Drop(False))

    async def fault_close(self, fault, reply):
        raise Drop(False)

    async def fault_hang(self, fault, reply):
        await asyncio.sleep(fault.get("seconds", 3600))
        raise Drop(False)

    async def fault_hang_body(self, fault, reply):
        raw = (await reply()).encode()
        return Reply(raw=raw[: len(raw) - 40], then_drop=asyncio.sleep(fault.get("seconds", 3600)))

    async def fault_garbage(self, fault, reply):
        return Reply(raw=b"\x00\x01 this is no HTTP at all\r\n\r\n", then_drop=Drop(False))

    async def fault_big_headers(self, fault, reply):
        good = await reply()
        good.headers.update({f"X-Filler-{i}": "x" * 4000 for i in range(100)})
        return good

    async def fault_gzip(self, fault, reply):
        good = await reply()
        good.headers["Content-Encoding"] = "gzip"
        return good

    async def fault_redirect(self, fault, reply):
        return Reply(302, b"", {"Location": fault.get("location", "file:///etc/passwd")})

    async def fault_empty_body(self, fault, reply):
        return Reply(fault.get("status", 200), b"")

    async def fault_status(self, fault, reply):
        status = fault["status"]
        headers = dict(fault.get("headers", {}))
        if "retry_after_date_s" in fault:
            when = time.time() + fault["retry_after_date_s"]
            headers["Retry-After"] = email.utils.formatdate(when, usegmt=True)
        return error(status, fault.get("message", f"status {status} on demand"), fault.get("code"), headers)

    async def fault_quota(self, fault, reply):
        return error(429, "You exceeded your current quota, please check your plan.", "insufficient_quota")

    async def fault_model_missing(self, fault, reply):
        return error(404, "The model does not exist.", "model_not_found")

    async def fault_unauthorized(self, fault, reply):
        return error(401, f"Incorrect API key provided: {fault.get('echo', '***')}", "invalid_api_key")

    async def fault_echo_key(self, fault, reply):
        return error(400, "bad request by " + self.last_authorization)

    # Faults of the body

    async def fault_truncated_json(self, fault, reply):
        good = await reply()
        good.body = good.body[: len(good.body) // 2]
        return good

    async def fault_invalid_json(self, fault, reply):
        return Reply(200, b"{'choices': [NaN, }")

    async def fault_html(self, fault, reply):
        return Reply(200, b"<html><body>It works!</body></html>", {"Content-Type": "text/html"})

    async def fault_wrong_schema(self, fault, reply):
        return as_json({"answer": 42})

    async def fault_error_200(self, fault, reply):
        return as_json({"error": {"message": fault.get("message", "out of luck"), "code": fault.get("code")}})

    async def fault_flat_error_200(self, fault, reply):
        return as_json({"object": "error", "message": "The queue is full.", "code": 503})

    async def fault_duplicate_keys(self, fault, reply):
        good = await reply()
        good.body = b'{"choices": [], ' + good.body[1:]
        return good

    async def fault_invalid_utf8(self, fault, reply):
        good = await reply()
        at = len(good.body) // 2
        good.body = good.body[:at] + b"\xff\xfe" + good.body[at:]
        return good

    async def fault_huge(self, fault, reply):
        filler = "x" * fault.get("bytes", 10 << 20)
        return as_json({"choices": [{"message": {"content": filler}}], "data": filler})

    async def changed(self, reply, change):
        """A good chat answer with its choice changed; others are left alone."""
        good = await reply()
        body = json.loads(good.body)
        if "choices" in body:
            change(body, body["choices"][0])
            good.body = json.dumps(body).encode()
            if good.stream:
                good.stream.body = body
        return good

    @staticmethod
    def content(value):
        return lambda body, choice: choice["message"].__setitem__("content", value)

    async def fault_empty(self, fault, reply):
        return await self.changed(reply, self.content(""))

    async def fault_spaces(self, fault, reply):
        return await self.changed(reply, self.content(" \n" * 100))

    async def fault_null(self, fault, reply):
        return await self.changed(reply, self.content(None))

    async def fault_nul(self, fault, reply):
        return await self.changed(reply, self.content("before\u0000after"))

    async def fault_text(self, fault, reply):
        return await self.changed(reply, self.content(fault["text"]))

    async def fault_cut(self, fault, reply):
        def change(body, choice):
            choice["message"]["content"] = fault["text"]
            choice["finish_reason"] = "length"
        return await self.changed(reply, change)

    async def fault_reasoning_only(self, fault, reply):
        def change(body, choice):
            choice["message"].update(content=None, reasoning="Let me think about this.")
        return await self.changed(reply, change)

    async def fault_parts(self, fault, reply):
        def change(body, choice):
            text = choice["message"]["content"]
            choice["message"]["content"] = [{"type": "text", "text": text[:10]}, {"type": "text", "text": text[10:]}]
        return await self.changed(reply, change)

    async def fault_fence(self, fault, reply):
        def change(body, choice):
            choice["message"]["content"] = "```json\n" + choice["message"]["content"] + "\n```\n"
        return await self.changed(reply, change)

    async def fault_think(self, fault, reply):
        def change(body, choice):
            choice["message"]["content"] = "<think>Hmm.\nWell.</think>\n\n" + choice["message"]["content"]
        return await self.changed(reply, change)

    async def fault_loop(self, fault, reply):
        """White space, or anything else, over and over, up to the token limit."""
        def change(body, choice):
            choice["message"]["content"] = choice["message"]["content"][:40] + fault["text"] * 500
            choice["finish_reason"] = fault.get("finish_reason", "length")
        return await self.changed(reply, change)

    async def fault_stream(self, fault, reply):
        """Faults of a stream are played by it; where none was asked for there is none."""
        good = await reply()
        if good.stream:
            good.stream.how = {**fault, "kind": fault["what"]}
        return good

    async def fault_usage(self, fault, reply):
        return await self.changed(reply, lambda body, choice: body.update(fault["members"]))

    async def fault_refusal(self, fault, reply):
        def change(body, choice):
            choice["message"].update(content=None, refusal="I cannot help with that.")
        return await self.changed(reply, change)

    async def fault_finish(self, fault, reply):
        return await self.changed(reply, lambda body, choice: choice.update(finish_reason=fault["finish_reason"]))

    async def fault_length(self, fault, reply):
        return await self.fault_finish({"finish_reason": "length"}, reply)

    async def fault_content_filter(self, fault, reply):
        return await self.fault_finish({"finish_reason": "content_filter"}, reply)

    async def fault_bad_usage(self, fault, reply):
        usage = {"prompt_tokens": -5, "completion_tokens": 10**15}
        return await self.changed(reply, lambda body, choice: body.update(usage=usage))

    async def fault_no_usage(self, fault, reply):
        return await self.changed(reply, lambda body, choice: (body.pop("usage"), body.pop("model")))

    # Faults of vectors; one item is concerned: that with the match, else the first

    async def fault_vector(self, fault, reply):
        good = await reply()
        body = json.loads(good.body)
        if isinstance(body, list):
            data = [{"index": i, "embedding": vector} for i, vector in enumerate(body)]
            self.spoil(fault, data)
            good.body = json.dumps([item["embedding"] for item in data]).encode()
        elif "data" in body:
            self.spoil(fault, body["data"])
            good.body = json.dumps(body).encode()
        return good

    def spoil(self, fault, data):
        at = next((i for i, t in enumerate(self.inputs) if fault.get("match", "") in t), 0)
        what, dimension = fault["what"], self.config["dimension"]
        values = vector_for(self.inputs[at], dimension)
        spoilt = {
            "null": None,
            "nulls": [None] * dimension,
            "nan": [float("nan")] + values[1:],
            "infinity": values[:-1] + [float("inf")],
            "string": ["0.5"] + values[1:],
            "zero": [0.0] * dimension,
            "short": values[:-1],
            "long": values + [0.5],
            "bad_base64": "!" * ((dimension * 32 + 5) // 6),
        }
        if what in spoilt:
            data[at]["embedding"] = spoilt[what]
        elif what == "all_short":
            for item, text in zip(data, self.inputs):
                item["embedding"] = vector_for(text, dimension)[:-1]
        elif what == "permuted":
            data.sort(key=lambda item: digest(str(item["index"])))
        elif what == "missing_index":
            data.pop()
        elif what == "no_index":
            data[at].pop("index")
        elif what == "duplicate_index" and len(data) > 1:
            data[1]["index"] = data[0]["index"]
        elif what == "huge_number":
            data[at]["embedding"] = [1e400] + values[1:]

    # Good answers

    def chat(self, request):
        user = request["messages"][-1]["content"]
        schema = request.get("response_format", {}).get("json_schema", {}).get("schema")
        ignored = self.config["schema"] == "ignore"
        shape = shape_of(schema) if schema and not ignored else shape_in(user)
        sampling = str(request.get("seed", ""))
        text = dialogue_for(user, shape, sampling) if shape else caption_for(user, sampling)
        if shape and ignored:
            text = f"Of course, here it is:\n```json\n{text}\n```\nShall I go on?"
        tokens = [len(json.dumps(request["messages"]).split()), len(text.split())]
        self.tokens = [a + b for a, b in zip(self.tokens, tokens)]
        reply = as_json({
            "id": "chatcmpl-" + text_key(user),
            "object": "chat.completion",
            "model": self.config["served"] or request.get("model", "test-model"),
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": tokens[0],
                "completion_tokens": tokens[1],
                "total_tokens": sum(tokens),
            },
        })
        if request.get("stream"):
            reply.stream = Stream(json.loads(reply.body))
        return reply

    def vector(self, text, dimension):
        if self.config["reads"]:
            text = " ".join(text.split()[: self.config["reads"]])
        text = self.config["weights"] + text
        return turned(text, dimension, self.config["cosine"]) if self.config["cosine"] < 1 \
            else vector_for(text, dimension)

    def embeddings(self, request):
        form, dimension = self.config["format"], self.config["dimension"]
        reads = self.config["reads"] or sys.maxsize
        if form == "auto":
            form = request.get("encoding_format", "float")
        if self.config["shorten"] == "honour":
            dimension = request.get("dimensions", dimension)
        data = []
        for i, text in enumerate(self.inputs):
            vector = self.vector(text, dimension)
            if form == "base64":
                vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            data.append({"object": "embedding", "index": i, "embedding": vector})
            if len(text.split()) > reads and self.config["tell"]:
                data[-1]["truncated"] = True
        if "inputs" in request:  # TEI's own form
            return as_json([item["embedding"] for item in data])
        tokens = sum(min(len(text.split()), reads) for text in self.inputs)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return as_json({"object": "list", "data": data, "model": self.config["served"] or request.get("model"),
                        "usage": usage})

    # A request

    def refused(self, route, request, headers):
        """What holds before any fault."""
        c = self.config
        if c["api_key"] and headers.get("authorization") != "Bearer " + c["api_key"]:
            return error(401, "Incorrect API key provided.", "invalid_api_key")
        if c["model"] and request.get("model") != c["model"]:
            return error(404, "The model does not exist.", "model_not_found")
        if c["capacity"] is not None and self.in_flight > c["capacity"]:
            return error(429, "Too many requests.", "rate_limit_exceeded")
        if c["rate"] and not self.rate_of().take():
            return error(429, "Rate limit reached.", "rate_limit_exceeded")
        if route == "chat" and "response_format" in request and isinstance(c["schema"], int):
            return error(c["schema"], "Unknown field: response_format.type json_schema")
        if route == "embeddings":
            if c["batch_max"] and len(self.inputs) > c["batch_max"]:
                return error(c["batch_status"], "The batch is too large.")
            if c["bytes_max"] and sum(len(text.encode()) for text in self.inputs) > c["bytes_max"]:
                return error(413, "Payload too large.")
            if c["base64"] and "encoding_format" in request:
                return error(c["base64"], "Unknown field: encoding_format")
            if isinstance(c["shorten"], int) and "dimensions" in request:
                return error(c["shorten"], "The model has no matryoshka representation.")
            if c["poison"] and any(c["poison"] in text for text in self.inputs):
                return error(c["poison_status"], "An input is not acceptable.")
        return None

    def rate_of(self):
        if self.rate is None:
            self.rate = Rate(*self.config["rate"])
        return self.rate

    async def delay(self, text, tokens=0):
        delay = self.config["delay_ms"]
        if isinstance(delay, list):
            delay = delay[0] + share_of("delay", text) * (delay[1] - delay[0])
        delay += tokens * self.config["token_ms"]
        if delay:
            await asyncio.sleep(delay / 1000)

    async def work(self, route, request, text):
        """The answer, after its time in a slot."""
        slots = self.slots
        await slots.take(self.config["slots"])
        try:
            reply = self.chat(request) if route == "chat" else self.embeddings(request)
            tokens = json.loads(reply.body)["usage"].get("completion_tokens", 0) if route == "chat" else 0
            await self.delay(text, tokens)
        finally:
            slots.give()
        return reply

    def note(self, route, texts):
        self.counts[route] += 1
        if route == "embeddings":
            self.counts["embedding_inputs"] += len(texts)
            self.largest_batch = max(self.largest_batch, len(texts))
        for text in texts:
            key = text_key(text)
            self.texts[key] = self.texts.get(key, 0) + 1

    async def answer(self, route, request, headers):
        if route == "chat":
            texts = [request["messages"][-1]["content"]]
        else:
            texts = request["inputs"] if "inputs" in request else request["input"]
            texts = texts if isinstance(texts, list) else [texts]
        text = "\n".join(texts)
        self.inputs = texts
        _, trace, span, _ = headers.get("traceparent", "---").split("-")
        self.traces.setdefault(trace, set()).add(span)
        if text == PROBE:
            self.counts["probes"] += 1
            return self.refused(route, request, headers) or self.chat(request)
        if ENCODER_PROBES.issuperset(texts) and texts != ["A dog."]:
            self.counts["encoder_probes"] += 1
            return self.refused(route, request, headers) or self.embeddings(request)
        self.note(route, texts)
        reply = self.refused(route, request, headers)
        if reply:
            return reply
        self.last_authorization = headers.get("authorization", "")
        self.with_schema += "response_format" in request
        if self.config["hang_above"] is not None and self.in_flight > self.config["hang_above"]:
            await self.forget_call()
        fault = self.fault_for(route, text)
        self.inputs = texts
        made = await self.work(route, request, text)

        async def good():
            self.inputs = texts
            return made

        reply = await getattr(self, "fault_" + fault["kind"])(fault, good) if fault else made
        if self.config["rate"]:
            reply.headers.update(self.rate_of().headers())
        return reply

    async def forget_call(self):
        """A call that nobody works on any more, and nobody answers."""
        self.in_flight -= 1
        try:
            await asyncio.sleep(3600)
        finally:
            self.in_flight += 1

    async def model_call(self, route, body, headers):
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            reply = await self.answer(route, json.loads(body), headers)
            key = "raw" if reply.raw is not None else str(reply.status)
        except Drop:
            key = "dropped"
            raise
        except (KeyError, TypeError, ValueError) as problem:
            reply, key = error(400, f"not a usable request: {problem!r}"), "400"
        finally:
            self.in_flight -= 1
            self.statuses[key] = self.statuses.get(key, 0) + 1
        return reply

    async def dispatch(self, method, target, headers, body):
        path, _, query = target.partition("?")
        if method == "GET" and path == "/stats":
            return as_json(self.stats("texts=1" in query))
        if method == "POST" and path == "/control":
            return self.control(json.loads(body))
        if method == "GET" and path.endswith("/models"):
            return as_json({"object": "list", "data": [{"id": self.config["model"] or "test-model"}]})
        if method == "POST" and path.endswith("/chat/completions"):
            return await self.model_call("chat", body, headers)
        if method == "POST" and path.endswith(("/embeddings", "/embed")):
            return await self.model_call("embeddings", body, headers)
        return error(404, "no such route")

    # Connections

    @staticmethod
    async def read_request(reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        if length > BODY_MAX:
            raise ValueError("body too large")
        return method, target, headers, await reader.readexactly(length)

    async def send_stream(self, stream, writer):
        """Events until the end, or until the client has closed."""
        writer.write(STREAM_HEAD)
        try:
            for data in stream.events():
                self.stream_events += 1
                writer.write(framed(data))
                await writer.drain()
                await asyncio.sleep(self.config["token_ms"] / 1000)
        except OSError:
            self.streams_cut += 1
            raise Drop(False) from None
        writer.write(framed(b""))
        await writer.drain()

    async def converse(self, reader, writer):
        while True:
            request = await self.read_request(reader)
            reply = await self.dispatch(*request)
            if reply.stream and reply.raw is None:
                await self.send_stream(reply.stream, writer)
                continue
            writer.write(reply.encode())
            await writer.drain()
            if isinstance(reply.then_drop, Exception):
                await asyncio.sleep(0.01)
                raise reply.then_drop
            if reply.then_drop is not None:
                await reply.then_drop
                raise Drop(False)

    async def connected(self, reader, writer):
        self.connections += 1
        self.open_connections += 1
        sock = writer.get_extra_info("socket")
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self.converse(reader, writer)
        except Drop as drop:
            if drop.reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()


async def exit_with(parent):
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    os._exit(0)


async def serve(args):
    server = Server(read_script(args))
    listener = await asyncio.start_server(server.connected, args.host, args.port, backlog=2048, limit=HEAD_MAX)
    port = listener.sockets[0].getsockname()[1]
    print(f"http://{args.host}:{port}/v1", flush=True)
    if args.exit_with_parent:
        asyncio.get_running_loop().create_task(exit_with(os.getppid()))
    async with listener:
        await listener.serve_forever()


def read_script(args):
    config = {}
    if args.script:
        if args.script.lstrip().startswith("{"):
            config = json.loads(args.script)
        else:
            with open(args.script, encoding="utf-8") as file:
                config = json.load(file)
    if args.dimension:
        config["dimension"] = args.dimension
    return config


class ModelServer:
    """A model server in a process of its own, for the length of a with statement or a fixture."""

    def __init__(self, port=0, **config):
        self.port, self.config = port, config
        self.process = self.url = None

    def start(self):
        command = [sys.executable, os.path.abspath(__file__), "--exit-with-parent"]
        command += ["--port", str(self.port), "--script", json.dumps(self.config)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError("the model server did not start")
        self.root = self.url[: -len("/v1")]
        self.port = int(self.root.rsplit(":", 1)[1])
        return self

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.root + path, data=data), timeout=30) as reply:
            return json.load(reply)

    def control(self, **change):
        return self.request("/control", change)

    def stats(self, texts=False):
        return self.request("/stats?texts=1" if texts else "/stats")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", help="configuration: a file, or JSON")
    parser.add_argument("--dimension", type=int)
    parser.add_argument("--exit-with-parent", action="store_true")
    try:
        asyncio.run(serve(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A small embeddings server for a sentence-transformers model of the BERT family, on the CPU.

    pip install numpy tokenizers
    python3 embeddings_server.py --model DIR --port 8090

DIR is as Hugging Face lays a model out: config.json, model.safetensors, tokenizer.json and, if they are
there, sentence_bert_config.json and 1_Pooling/config.json. It answers POST /v1/embeddings in the shape of the
OpenAI API, base64 included, and POST /embed in that of Text Embeddings Inference. Each item of the former
says when its text was longer than the model reads ("truncated": true), which Monoceros counts.

For Monoceros:   MONOCEROS_ENCODER_URL=http://127.0.0.1:8090/v1 MONOCEROS_ENCODER_MODEL=all-MiniLM-L6-v2
or as TEI:       MONOCEROS_ENCODER_KIND=tei MONOCEROS_ENCODER_URL=http://127.0.0.1:8090
"""
import argparse
import base64
import http.server
import json
import pathlib
import threading

import numpy
from tokenizers import Tokenizer

BODY_MAX = 8 << 20
TEXTS_MAX = 2048


def read_safetensors(path):
    """{name: float32 array} of the floating-point tensors."""
    data = path.read_bytes()
    n = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + n]), memoryview(data)[8 + n:]
    kinds = {"F32": numpy.float32, "F16": numpy.float16}
    return {name: numpy.frombuffer(body[slice(*t["data_offsets"])], kinds[t["dtype"]]).reshape(t["shape"])
            .astype(numpy.float32) for name, t in header.items() if name != "__metadata__" and t["dtype"] in kinds}


def erf(x):
    """To 1.5e-7 (Abramowitz and Stegun, 7.1.26)."""
    t = 1 / (1 + 0.3275911 * numpy.abs(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return numpy.sign(x) * (1 - poly * numpy.exp(-x * x))


def gelu(x):
    return 0.5 * x * (1 + erf(x * numpy.float32(0.70710678)))


class Encoder:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = {name.removeprefix("bert."): w
                        for name, w in read_safetensors(folder / "model.safetensors").items()}
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.limit = self.config["max_position_embeddings"]
        own = folder / "sentence_bert_config.json"
        if own.exists():
            self.limit = json.loads(own.read_text()).get("max_seq_length") or self.limit
        pooling = folder / "1_Pooling" / "config.json"
        self.first_token = pooling.exists() and json.loads(pooling.read_text())["pooling_mode_cls_token"]
        self.dimension = self.config["hidden_size"]

    def linear(self, name, x):
        flat = x.reshape(-1, x.shape[-1]) @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def norm(self, name, x):
        x = x - x.mean(-1, keepdims=True)
        x /= numpy.sqrt((x * x).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attention(self, name, x):
        heads = self.config["num_attention_heads"]
        def split(part):
            y = self.linear(f"{name}.self.{part}", x)
            return y.reshape(*y.shape[:2], heads, -1).transpose(0, 2, 1, 3)
        q, k, v = split("query"), split("key"), split("value")
        scores = q @ k.transpose(0, 1, 3, 2) / numpy.float32(q.shape[-1] ** 0.5)
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = (scores @ v).transpose(0, 2, 1, 3).reshape(x.shape)
        return self.norm(f"{name}.output.LayerNorm", self.linear(f"{name}.output.dense", mixed) + x)

    def forward(self, ids):
        """Of texts that all have the same number of tokens, so that nothing is padded."""
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][:ids.shape[1]]
        x = self.norm("embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0])
        for i in range(self.config["num_hidden_layers"]):
            name = f"encoder.layer.{i}"
            x = self.attention(f"{name}.attention", x)
            inner = gelu(self.linear(f"{name}.intermediate.dense", x))
            x = self.norm(f"{name}.output.LayerNorm", self.linear(f"{name}.output.dense", inner) + x)
        return x[:, 0] if self.first_token else x.mean(1)

    def tokens(self, text):
        """Ids, and whether the text was longer than the model reads."""
        ids = self.tokenizer.encode(text).ids
        return (ids, False) if len(ids) <= self.limit else (ids[:self.limit - 1] + ids[-1:], True)

    def encode(self, texts):
        """Vectors as the model makes them, and the tokens of each text."""
        tokens = [self.tokens(text) for text in texts]
        out = numpy.empty((len(texts), self.dimension), numpy.float32)
        by_length = {}
        for i, (ids, _) in enumerate(tokens):
            by_length.setdefault(len(ids), []).append(i)
        for places in by_length.values():
            out[places] = self.forward(numpy.array([tokens[i][0] for i in places]))
        return out, tokens


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def texts_of(request, name):
    texts = request.get(name)
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise Refused(422, f"{name} must be a text or a list of texts that are not empty")
    if len(texts) > TEXTS_MAX:
        raise Refused(422, f"{name} has more than {TEXTS_MAX} texts")
    return texts


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    encoder = lock = model = None  # set below

    def log_message(self, *_):
        pass

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/health":
            self.answer({"status": "ok"})
        elif self.path == "/v1/models":
            self.answer({"object": "list", "data": [{"id": self.model, "object": "model"}]})
        else:
            self.answer({"error": {"message": "no such route"}}, 404)

    def do_POST(self):
        routes = {"/v1/embeddings": self.openai, "/embed": self.tei}
        try:
            n = int(self.headers.get("Content-Length", 0))
            if n > BODY_MAX:
                raise Refused(413, "the body is too large")
            request = json.loads(self.rfile.read(n))
            if self.path not in routes or not isinstance(request, dict):
                raise Refused(404 if self.path not in routes else 400, "no such route, or no JSON object")
            self.answer(routes[self.path](request))
        except Refused as refused:
            self.close_connection = refused.status == 413
            self.answer({"error": {"message": str(refused), "type": "invalid_request_error"}}, refused.status)
        except ValueError as problem:
            self.answer({"error": {"message": f"not JSON: {problem}", "type": "invalid_request_error"}}, 400)

    def encode(self, texts, unit):
        with self.lock:  # one at a time uses all cores
            vectors, tokens = self.encoder.encode(texts)
        return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True) if unit else vectors, tokens

    def openai(self, request):
        if request.get("dimensions", self.encoder.dimension) != self.encoder.dimension:
            raise Refused(400, "the model has no matryoshka representation: dimensions must be left out")
        vectors, tokens = self.encode(texts_of(request, "input"), True)
        packed = request.get("encoding_format") == "base64"
        data = []
        for i, vector in enumerate(vectors):
            value = base64.b64encode(vector.astype("<f4").tobytes()).decode() if packed else vector.tolist()
            data.append({"object": "embedding", "index": i, "embedding": value, "truncated": tokens[i][1]})
        n = sum(len(ids) for ids, _ in tokens)
        return {"object": "list", "data": data, "model": self.model, "usage": {"prompt_tokens": n, "total_tokens": n}}

    def tei(self, request):
        texts = texts_of(request, "inputs")
        vectors, tokens = self.encode(texts, request.get("normalize", True))
        if not request.get("truncate", True) and any(cut for _, cut in tokens):
            raise Refused(413, f"inputs must have at most {self.encoder.limit} tokens")
        return vectors.tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="the model's directory")
    parser.add_argument("--name", default="all-MiniLM-L6-v2", help="what answers call it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    args = parser.parse_args()
    Handler.encoder, Handler.lock, Handler.model = Encoder(args.model), threading.Lock(), args.name
    with http.server.ThreadingHTTPServer((args.host, args.port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()

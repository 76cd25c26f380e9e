"""LLM2CLIP's text side as a server of embeddings in the shape of the OpenAI API, for an encoder of Monoceros.

NOT RUN WITH THE REAL WEIGHTS, see towers.py. With --tiny it serves random weights, to try the wiring:

    python examples/llm2clip/server.py --tiny --port 8081
    MONOCEROS_ENCODER_URL=http://127.0.0.1:8081/v1 MONOCEROS_ENCODER_MODEL=tiny-random monoceros serve

Texts of more than 512 tokens are cut; `usage` counts the tokens of the whole texts.

usage: server.py [--tiny] [--device cuda] [--host 127.0.0.1] [--port 8081] [--batch 32]
"""
import argparse
import base64
import http.server
import json
import threading

import towers

TEXTS_MAX = 2048
BODY_MAX = 64 << 20


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def texts_of(body, model):
    texts = body.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) and t for t in texts):
        raise Refused(400, "input must be a text or a list of texts, none of them empty")
    if len(texts) > TEXTS_MAX:
        raise Refused(413, f"input may have {TEXTS_MAX} texts")
    if body.get("model") not in (None, model):
        raise Refused(404, f"the model is {model}")
    if body.get("encoding_format", "float") not in ("float", "base64"):
        raise Refused(400, "encoding_format must be float or base64")
    return texts


class Embedder:
    """One model for all connections: a batch at a time."""

    def __init__(self, model, batch):
        self.model, self.batch, self.lock = model, batch, threading.Lock()

    def answer(self, body):
        texts, vectors = texts_of(body, self.model.name), []
        for at in range(0, len(texts), self.batch):
            with self.lock:
                vectors.extend(towers.unit(self.model.texts(texts[at:at + self.batch])))
        if "dimensions" in body and body["dimensions"] != len(vectors[0]):
            raise Refused(400, f"dimensions must be {len(vectors[0])}")
        packed = body.get("encoding_format") == "base64"
        tokens = sum(self.model.count(text) for text in texts)
        return {"object": "list", "model": self.model.name,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
                "data": [{"object": "embedding", "index": i,
                          "embedding": base64.b64encode(v.tobytes()).decode() if packed else v.tolist()}
                         for i, v in enumerate(vectors)]}


def handler(embedder):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def say(self, status, body):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def refuse(self, status, message):
            self.say(status, {"error": {"message": message, "type": "invalid_request_error", "code": None}})

        def do_GET(self):
            if self.path == "/health":
                self.say(200, {"status": "ok"})
            elif self.path == "/v1/models":
                self.say(200, {"object": "list", "data": [{"id": embedder.model.name, "object": "model"}]})
            else:
                self.refuse(404, "there is /v1/embeddings, /v1/models and /health")

        def do_POST(self):
            length = int(self.headers.get("Content-Length", 0))
            if length > BODY_MAX:
                self.close_connection = True
                self.refuse(413, f"a body may have {BODY_MAX} bytes")
                return
            data = self.rfile.read(length)
            try:
                if self.path != "/v1/embeddings":
                    raise Refused(404, "there is /v1/embeddings")
                body = json.loads(data)
                if not isinstance(body, dict):
                    raise Refused(400, "the body must be an object")
                self.say(200, embedder.answer(body))
            except Refused as error:
                self.refuse(error.status, str(error))
            except ValueError as error:
                self.refuse(400, str(error))

        def log_message(self, *_):
            pass
    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="random weights: the vectors mean nothing")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--batch", type=int, default=32, help="texts at a time in the model")
    args = parser.parse_args()
    embedder = Embedder(towers.load(args.tiny, args.device), args.batch)
    server = http.server.ThreadingHTTPServer((args.host, args.port), handler(embedder))
    print(f"{embedder.model.name} at http://{args.host}:{server.server_port}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

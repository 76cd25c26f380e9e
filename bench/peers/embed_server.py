"""A plain server of embeddings in the shape of the OpenAI API, as one writes it in an afternoon: aiohttp for the
requests, numpy for the vectors. They are of hashed trigrams of bytes, which is less than the service's own
encoder hashes. Prints its address; ends with its standard input.

usage: embed_server.py DIMENSION
"""
import asyncio
import base64
import sys

import numpy
from aiohttp import web

DIMENSION = int(sys.argv[1])
TARGETS = 12


def embed(texts):
    out = numpy.zeros((len(texts), DIMENSION), dtype="<f4")
    steps = numpy.arange(TARGETS, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
    for i, text in enumerate(texts):
        b = numpy.frombuffer(f"<{text.lower()}>".encode(), dtype="u1").astype(numpy.uint64)
        grams = numpy.unique(b[:-2] << numpy.uint64(16) | b[1:-1] << numpy.uint64(8) | b[2:])
        h = (grams[:, None] + numpy.uint64(1)) * numpy.uint64(0x7FB5D329728EA185) + steps
        h ^= h >> numpy.uint64(29)
        sign = numpy.where(h >> numpy.uint64(63), numpy.float32(1), numpy.float32(-1))
        at = (h % numpy.uint64(DIMENSION)).astype(numpy.int64)
        out[i] = numpy.bincount(at.ravel(), sign.ravel(), DIMENSION)
    out /= numpy.linalg.norm(out, axis=1, keepdims=True)
    return out


async def embeddings(request):
    body = await request.json()
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    vectors = embed(texts)
    if body.get("encoding_format") == "base64":
        values = [base64.b64encode(v.tobytes()).decode() for v in vectors]
    else:
        values = vectors.tolist()
    return web.json_response({
        "object": "list", "model": "plain", "usage": {"prompt_tokens": 0, "total_tokens": 0},
        "data": [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(values)]})


async def main():
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/v1/embeddings", embeddings)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())

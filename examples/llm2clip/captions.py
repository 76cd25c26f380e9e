"""Embeds the captions of a dataset here, where the GPU is, and imports the vectors.

NOT RUN WITH THE REAL WEIGHTS, see towers.py. The encoder must be declared in the service; a run with the
representations stage then finds the embeddings there. Asking again imports nothing twice.

usage: captions.py URL DATASET ENCODER [--tiny] [--device cuda] [--batch 32]
"""
import argparse
import io
import json
import urllib.parse
import urllib.request

import numpy
import towers

ROWS = 10000  # of one import


def captions(url, dataset):
    """(id, text) of every caption that the default view picks."""
    token = None
    while True:
        query = {"page_size": 1000, **({"page_token": token} if token else {})}
        with urllib.request.urlopen(f"{url}/v1/datasets/{dataset}/captions?{urllib.parse.urlencode(query)}") as reply:
            page = json.load(reply)
        yield from ((item["id"], item["text"]) for item in page["items"])
        token = page.get("next_page_token")
        if token is None:
            return


def chunks(items, size):
    chunk = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def send(url, dataset, encoder, ids, vectors):
    body = io.BytesIO()
    body.write("".join(id + "\n" for id in ids).encode())
    numpy.save(body, vectors)
    request = urllib.request.Request(
        f"{url}/v1/datasets/{dataset}/embeddings/import?{urllib.parse.urlencode({'encoder': encoder})}",
        data=body.getvalue(), headers={"Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("dataset")
    parser.add_argument("encoder")
    parser.add_argument("--tiny", action="store_true", help="random weights: the vectors mean nothing")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    model = towers.load(args.tiny, args.device)
    for rows in chunks(captions(args.url, args.dataset), ROWS):
        made = [towers.unit(model.texts([text for _, text in batch])) for batch in chunks(rows, args.batch)]
        counts = send(args.url, args.dataset, args.encoder, [id for id, _ in rows], numpy.concatenate(made))
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()

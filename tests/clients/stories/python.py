"""openapi-generator's Python client through the whole story."""
import json
import os
import pathlib

import monoceros_client as m
from monoceros_client.exceptions import ApiException

NAME = os.environ["DATASET"]


def problem(call, *arguments, **more):
    """What the client's error says about a request that fails."""
    try:
        call(*arguments, **more)
    except ApiException as error:
        said = error.data
        return {"status": error.status, "type": said.type, "pointers": [e.pointer for e in said.errors or []]}
    return None


def client(key):
    return m.ApiClient(m.Configuration(host=os.environ["URL"], access_token=key))


def captions(results):
    pages, token = [], None
    while True:
        page = results.list_captions(NAME, page_size=4, page_token=token)
        pages.append([[caption.id, caption.text] for caption in page.items])
        token = page.next_page_token
        if not token:
            return pages


def main():
    with client(os.environ["KEY"]) as api, client("wrong") as stranger:
        results, vectors, runs = m.ResultsApi(api), m.RepresentationsApi(api), m.RunsApi(api)
        made = m.DatasetsApi(api).put_dataset(NAME, m.DatasetRequest(shards=4, description="A story"))
        lines = pathlib.Path(os.environ["SEEDS"]).read_bytes()
        counts = m.SeedsApi(api).import_seeds(NAME, lines, source="story")
        run = runs.create_run(NAME, m.RunRequest(stages=["captions", "dialogues", "representations"]))
        while run.state in ("queued", "running"):
            run = runs.get_run(run.id, wait="25s")
        dialogues = results.list_dialogues(NAME, page_size=1000)
        floats = vectors.list_representations(NAME, transfer="mean_shift")
        packed = vectors.list_representations(NAME, transfer="mean_shift", encoding_format="base64")
        npy = vectors.export_npy(NAME, transfer="mean_shift")
        pathlib.Path(os.environ["NPY"]).write_bytes(npy)
        noise = m.TransferRequest(method="noise", parameters=m.TransferParameters(seed=2**53 - 1))
        seeds = m.SeedsRequest(seeds=[m.SeedInput(text="A dog."), m.SeedInput(text=" ")])
        print(json.dumps({
            "dataset": [made.name, made.shards],
            "imported": [counts.received, counts.new, counts.refused],
            "run": [run.id, run.state, [[stage.name, stage.done] for stage in run.stages]],
            "captions": captions(results),
            "dialogues": [[d.id, d.task, len(d.conversations)] for d in dialogues.items],
            "vectors": {item.id: item.vector for item in floats.items},
            "base64": {item.id: item.vector_base64 for item in packed.items},
            "int64": vectors.create_transfer(NAME, noise).parameters.seed,
            "missing": problem(results.list_captions, NAME + "-not"),
            "malformed": problem(results.list_captions, NAME, page_token="nonsense"),
            "invalid": problem(m.SeedsApi(api).create_seeds, NAME, seeds),
            "stranger": problem(m.DatasetsApi(stranger).get_dataset, NAME),
        }))


main()

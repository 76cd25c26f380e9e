"""openapi-python-client's client through the whole story."""
import io
import json
import os
import pathlib

from monoceros_attrs import AuthenticatedClient
from monoceros_attrs import models as m
from monoceros_attrs.api.datasets import get_dataset, put_dataset
from monoceros_attrs.api.representations import create_transfer, export_npy, list_representations
from monoceros_attrs.api.results import list_captions, list_dialogues
from monoceros_attrs.api.runs import create_run, get_run
from monoceros_attrs.api.seeds import create_seeds, import_seeds
from monoceros_attrs.types import UNSET, File

NAME = os.environ["DATASET"]


def problem(answer):
    """What the client makes of a request that fails."""
    said = answer.parsed
    assert isinstance(said, m.Problem)
    return {"status": answer.status_code, "type": said.type_, "pointers": [e.pointer for e in said.errors or []]}


def client(key):
    return AuthenticatedClient(base_url=os.environ["URL"], token=key, timeout=60)


def captions(api):
    pages, token = [], UNSET
    while True:
        page = list_captions.sync(NAME, client=api, page_size=4, page_token=token)
        pages.append([[caption.id, caption.text] for caption in page.items])
        token = page.next_page_token
        if not token:
            return pages


def main():
    with client(os.environ["KEY"]) as api, client("wrong") as stranger:
        body = m.DatasetRequest(shards=4, description="A story")
        made = put_dataset.sync(NAME, client=api, body=body)
        lines = File(payload=io.BytesIO(pathlib.Path(os.environ["SEEDS"]).read_bytes()))
        counts = import_seeds.sync(NAME, client=api, body=lines, source="story")
        stages = [m.RunRequestStagesItem(name) for name in ("captions", "dialogues", "representations")]
        run = create_run.sync(NAME, client=api, body=m.RunRequest(stages=stages))
        while run.state in ("queued", "running"):
            run = get_run.sync(run.id, client=api, wait="25s")
        dialogues = list_dialogues.sync(NAME, client=api, page_size=1000)
        floats = list_representations.sync(NAME, client=api, transfer="mean_shift")
        packed = list_representations.sync(NAME, client=api, transfer="mean_shift",
                                           encoding_format=m.ListRepresentationsEncodingFormat.BASE64)
        npy = export_npy.sync(NAME, client=api, transfer="mean_shift")
        pathlib.Path(os.environ["NPY"]).write_bytes(npy.payload.read())
        noise = m.TransferRequest(method=m.TransferRequestMethod.NOISE,
                                  parameters=m.TransferParameters(seed=2**53 - 1))
        seeds = m.SeedsRequest(seeds=[m.SeedInput(text="A dog."), m.SeedInput(text=" ")])
        print(json.dumps({
            "dataset": [made.name, made.shards],
            "imported": [counts.received, counts.new, counts.refused],
            "run": [run.id, run.state, [[stage.name, stage.done] for stage in run.stages]],
            "captions": captions(api),
            "dialogues": [[d.id, d.task, len(d.conversations)] for d in dialogues.items],
            "vectors": {item.id: item.vector for item in floats.items},
            "base64": {item.id: item.vector_base64 for item in packed.items},
            "int64": create_transfer.sync(NAME, client=api, body=noise).parameters.seed,
            "missing": problem(list_captions.sync_detailed(NAME + "-not", client=api)),
            "malformed": problem(list_captions.sync_detailed(NAME, client=api, page_token="nonsense")),
            "invalid": problem(create_seeds.sync_detailed(NAME, client=api, body=seeds)),
            "stranger": problem(get_dataset.sync_detailed(NAME, client=stranger)),
        }))


main()

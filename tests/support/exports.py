"""Exports as the tests use them."""
import time

from support.dataset import FINAL
from support.wait import PATIENCE


def create(dataset, formats=("captions",), expect=202, headers=None, **body):
    """Asks for an export; the answer."""
    return dataset.api.call("create_export", dataset=dataset.name, json={"formats": list(formats), **body},
                            expect=expect, headers=headers)


def wait(api, export, state="succeeded"):
    """Waits until the export is final and holds it to the state."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = api.call("get_export", export=export, params={"wait": "20s"}).json()
        if answer["state"] in FINAL:
            break
        assert time.monotonic() < deadline, f"the export does not end: {answer}"
    assert answer["state"] == state, answer
    return answer


def make(dataset, formats=("captions",), **body):
    """Makes an export; it, when it has succeeded."""
    return wait(dataset.api, create(dataset, formats, **body).json()["id"])

"""The examples of the document are requests that the server takes."""
import pytest

from support.client import CONTRACT, Api
from support.cluster import Database
from support.examples import Examples
from support.model_server import DEFAULTS as MODEL_DEFAULTS
from support.server import Server

# In this order, after all others.
LAST = ("pause_run", "resume_run", "cancel_run", "cancel_export", "delete_export", "revoke_key", "delete_dataset")
ORDERED = [o for o in CONTRACT.operations if o.id not in LAST] + [CONTRACT.by_id[name] for name in LAST]


@pytest.fixture(scope="module")
def examples(cluster, _models):
    _models.control(reset=True, **MODEL_DEFAULTS)
    server = Server(Database(cluster), MONOCEROS_LLM_URL=_models.url, MONOCEROS_LLM_MODEL="test-model",
                    MONOCEROS_ENCODER_URL=_models.url, MONOCEROS_ENCODER_MODEL="test-encoder")
    try:
        server.migrate()
        server.start()
        yield Examples(Api(server.base), _models, server.database)
        server.stop()
    finally:
        server.destroy()


@pytest.mark.parametrize("operation", [pytest.param(o, id=o.id) for o in ORDERED])
def test_example_runs(examples, operation):
    if operation.id == "delete_dataset":
        examples.settle()
    examples.api.call(operation.id, **examples.arguments(operation))

"""Pages of other origins: only those that the operator names, and no key is needed to ask."""
import pytest

from support import keys
from support.client import Api

ORIGINS = ["https://console.example", "http://localhost:3000"]


@pytest.fixture
def api(new_server):
    server = new_server(MONOCEROS_CORS_ORIGINS=" ".join(ORIGINS), MONOCEROS_AUTH="keys")
    return Api(server.base, keys.create(server, "read")), Api(server.base)


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_named_origin(api, origin):
    api, nobody = api
    asked = nobody.request("OPTIONS", "/v1/datasets/d", expect=204, headers={
        "Origin": origin, "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, content-type"})
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert "PUT" in asked.headers["Access-Control-Allow-Methods"].split(", ")
    assert {"Authorization", "Content-Type"} <= set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    for answer in (api.get("/v1/datasets", headers={"Origin": origin}, expect=200),
                   api.get("/v1/datasets/none", headers={"Origin": origin}, expect=404),
                   nobody.get("/v1/datasets", headers={"Origin": origin}, expect=401)):
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert {"ETag", "Link", "Retry-After"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://console.example.evil", "https://evil.example", "null", "*",
                                    "HTTPS://CONSOLE.EXAMPLE", " ".join(ORIGINS), "https://console.exampl", ""])
def test_others(api, origin):
    answer = api[0].raw("GET", "/healthz", headers=[("Origin", origin)], expect=200)
    assert "Access-Control-Allow-Origin" not in answer.headers and "Origin" in answer.headers["Vary"]


def test_nobody_by_default(new_server):
    answer = Api(new_server().base).get("/v1/datasets", headers={"Origin": ORIGINS[0]}, expect=200)
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert answer.headers["Vary"] == "Accept-Encoding"

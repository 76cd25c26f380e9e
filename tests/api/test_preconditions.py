"""If-Match and If-None-Match on PUT: of two writers one wins."""
import concurrent.futures

import pytest

from conftest import replicas, unique_name
from support.client import CONTRACT, Api
from support.dataset import Dataset

OTHER = '"' + "0" * 32 + '"'


@pytest.fixture(scope="module")
def servers(cluster):
    """Two replicas, so that requests meet in the database only."""
    with replicas(cluster) as made:
        yield made


@pytest.fixture
def apis(servers):
    return [Api(server.base) for server in servers]


def limits(api, body, expect=200, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.call("put_provider_limits", provider="offline", json=body, expect=expect, headers=headers)


def tag_of(api):
    return api.call("get_provider_limits", provider="offline").headers["ETag"]


# -- limits of a provider --

def test_limits(api):
    limits(api, {})
    nothing = tag_of(api)
    limits(api, {"max_in_flight": 7}, If_Match=nothing)
    seven = tag_of(api)
    assert seven != nothing
    assert api.call("get_provider_limits", provider="offline").json() == {"max_in_flight": 7}
    for wrong in (nothing, OTHER, "W/" + seven, seven.strip('"'), seven[:-2] + '"', f'"{seven[1:9]}*"', ""):
        refused = limits(api, {"max_in_flight": 8}, 412, If_Match=wrong)
        assert refused.problem == "precondition-failed", wrong
    for wrong in ("*", seven, "W/" + seven, f"{OTHER}, {seven}"):
        limits(api, {"max_in_flight": 8}, 412, If_None_Match=wrong)
    assert tag_of(api) == seven
    for right in (seven, "*", f"{OTHER}, {seven}", f'{seven[:-1]}-gzip"'):
        limits(api, {"max_in_flight": 7}, If_Match=right)
    limits(api, {"max_in_flight": 7}, If_None_Match=OTHER)
    limits(api, {"max_in_flight": 9}, If_Match=seven, If_None_Match=nothing)
    limits(api, {}, If_Match=tag_of(api))
    assert tag_of(api) == nothing


def test_limits_that_nobody_set(new_server):
    """There is no row yet; the tag is that of {}."""
    api = Api(new_server().base)
    nothing = tag_of(api)
    limits(api, {"max_in_flight": 3}, 412, If_Match=OTHER)
    limits(api, {"max_in_flight": 3}, 412, If_None_Match="*")
    assert tag_of(api) == nothing
    limits(api, {"max_in_flight": 3}, If_Match=nothing)
    limits(api, {"max_in_flight": 4}, 412, If_Match=nothing)
    assert api.call("get_provider_limits", provider="offline").json() == {"max_in_flight": 3}


def race(apis, put, n=8):
    """The statuses of n requests at once, over both replicas."""
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return sorted(pool.map(lambda i: put(Api(apis[i % 2].base), i).status, range(n)))


def test_writers_of_limits(servers, apis):
    for attempt in range(10):
        if attempt % 2:
            servers[0].database.execute("DELETE FROM provider_limits")
        tag = tag_of(apis[0])
        statuses = race(apis, lambda api, i, a=attempt, t=tag: limits(
            api, {"max_in_flight": 10 + 10 * a + i}, (200, 412), If_Match=t))
        assert statuses == [200] + [412] * 7


# -- datasets --

def test_only_create(apis):
    name = unique_name("only-create")
    api = apis[0]
    api.call("put_dataset", dataset=name, json={}, headers={"If-None-Match": "*"})
    refused = api.call("put_dataset", dataset=name, json={}, headers={"If-None-Match": "*"}, expect=412)
    assert refused.problem == "precondition-failed"
    api.call("put_dataset", dataset=name, json={"shards": 3}, headers={"If-None-Match": "*"}, expect=412)
    api.call("put_dataset", dataset=name, json={"shards": 3}, expect=409)


def test_creators(apis):
    for _ in range(10):
        name = unique_name("creators")
        statuses = race(apis, lambda api, _, n=name: api.call(
            "put_dataset", dataset=n, json={}, headers={"If-None-Match": "*"}, expect=(200, 412)))
        assert statuses == [200] + [412] * 7


def test_only_confirm(apis):
    name, api = unique_name("only-confirm"), apis[0]

    def put(tag, expect=200, body=None):
        return api.call("put_dataset", dataset=name, json=body or {}, headers={"If-Match": tag}, expect=expect)

    for tag in ("*", OTHER):
        put(tag, 412)
    api.call("get_dataset", dataset=name, expect=404)
    dataset = Dataset(api, name)
    tag = api.call("get_dataset", dataset=name).headers["ETag"]
    put(tag)
    put("*")
    put(OTHER, 412)
    put(tag, 409, {"shards": 7})
    dataset.add(["A dog."])
    put(tag, 412)
    put(api.call("get_dataset", dataset=name).headers["ETag"])


# -- image moments --

def moments(api, label, expect=201, count=10, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"label": label, "mean": [0.6] + [0] * 1279, "trace": 0.64, "count": count}
    return api.call("put_image_moments", encoder="offline", json=body, expect=expect, headers=headers)


def test_versions_of_moments(apis):
    api, label = apis[0], unique_name("versions")
    moments(api, label, 412, If_Match="*")
    moments(api, label, 412, If_Match=OTHER)
    first = moments(api, label, If_None_Match="*").json()
    assert first["version"] == 1
    moments(api, label, 412, If_None_Match="*")
    second = moments(api, label, If_Match=f'"{first["id"]}"').json()
    assert second["version"] == 2
    moments(api, label, 412, If_Match=f'"{first["id"]}"')
    moments(api, label, 412, If_None_Match=f'"{second["id"]}"')
    assert moments(api, label, If_Match="*").json()["version"] == 3
    moments(api, unique_name("versions"), If_None_Match="*")  # of another label
    listed = api.items("/v1/encoders/offline/image-moments", label=label)
    assert [m["version"] for m in listed] == [3, 2, 1]


def test_writers_of_moments(apis):
    label = unique_name("writers")
    for attempt in range(6):
        newest = apis[0].items("/v1/encoders/offline/image-moments", label=label)[:1]
        condition = {"If_Match": f'"{newest[0]["id"]}"'} if newest else {"If_None_Match": "*"}
        statuses = race(apis, lambda api, i, c=condition: moments(api, label, (201, 412), 10 + i, **c))
        assert statuses == [201] + [412] * 7
        assert apis[0].items("/v1/encoders/offline/image-moments", label=label)[0]["version"] == attempt + 1


# -- all of them --

@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("operation", [pytest.param(o, id=o.id) for o in CONTRACT.operations if o.method == "PUT"])
def test_a_header_that_stands_twice(api, samples, operation, name):
    answer = api.raw("PUT", samples.target(operation), b"{}", expect=400,
                     headers=[(name, OTHER), (name, "*"), ("Content-Type", "application/json")])
    assert answer.problem == "malformed-request"

"""URLs that need no key: what they open, for how long, and that nothing in them can be changed."""
import time
import urllib.parse

import pytest
import requests

from conftest import unique_name
from support import keys
from support.client import Api
from support.dataset import Dataset
from support.seeds import generate
from support.wait import until


class Files:
    """A dataset with vectors behind a server that wants keys."""

    def __init__(self, server):
        self.base = server.base
        self.admin = Api(server.base, keys.create(server, "admin"))
        self.dataset = Dataset(self.admin, unique_name("signed"))
        self.dataset.load(generate(12))
        run = self.dataset.run(["captions", "representations"])["id"]
        self.path = f"/v1/datasets/{self.dataset.name}/representations.npy?transfer=none&dtype=float16"
        transfer = self.dataset.result(run)["transfers"][-1]["id"]
        self.vector = f"/v1/datasets/{self.dataset.name}/transfers/{transfer}/files/text_mean.npy"

    def key(self, *scopes, **body):
        return self.admin.call("create_key", json={"name": "signs", "scopes": list(scopes), **body}).json()

    def sign(self, url=None, key=None, **body):
        api = Api(self.base, key) if key else self.admin
        return api.call("sign_url", json={"url": url or self.path, **body}).json()["url"]

    def fetch(self, url, method="GET", **headers):
        return requests.request(method, self.base + url, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def files(guarded_server):
    return Files(guarded_server)


def refused(answer, why):
    assert answer.status_code == 401, answer.text
    assert why in answer.json()["detail"]
    return True


def test_whoever_has_the_url_gets_the_file(files):
    expected = files.admin.get(files.path).content
    url = files.sign()
    assert url.startswith(files.path + "&signature=")
    assert files.fetch(url).content == expected
    head = files.fetch(url, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(expected)


def test_a_url_without_a_query(files):
    url = files.sign(files.vector)
    assert url.startswith(files.vector + "?signature=")
    assert files.fetch(url).content == files.admin.get(files.vector).content


def test_nothing_in_it_can_be_changed(files):
    url = files.sign(expires_in=600)
    front, signature = url.split("&signature=")
    key, end, mac = signature.split(".")
    other = "0" if mac[-1] != "0" else "1"
    for changed in (url.replace("float16", "float32"), url.replace("transfer=none&", ""),
                    url.replace(".npy", ".safetensors"), url.replace(files.dataset.name, "streets"),
                    front + "&limit=1&signature=" + signature, url.replace("&signature", "&limit=1&signature"),
                    f"{front}&signature={key}.{int(end) + 1}.{mac}", url[:-1] + other,
                    f"{front}&signature={files.key('export')['id']}.{end}.{mac}",
                    f"{front}&signature={'0' * 12}.{end}.{mac}",
                    f"{front}&signature=nonsense", f"{front}&signature={key}.{end}.{mac[:-2]}",
                    url.replace("?transfer=none&dtype=float16", "?dtype=float16&transfer=none")):
        assert refused(files.fetch(changed), "not of this URL"), changed
    assert files.fetch(url + "&limit=1").status_code == 401
    assert files.fetch(url + "&signature=" + signature).status_code == 400


def test_it_ends(files):
    url = files.sign(expires_in=1)
    until(lambda: files.fetch(url).status_code == 401, "the signed URL to expire")
    assert refused(files.fetch(url), "has expired")


def test_when_it_ends_is_said(files):
    before = int(time.time())
    answer = files.admin.call("sign_url", json={"url": files.path}).json()
    end = int(answer["url"].rsplit(".", 2)[1])
    assert before + 3600 <= end <= time.time() + 3600
    assert answer["expires_at"] == time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(end))


def test_it_opens_what_its_key_may_see(files):
    elsewhere = files.key("export", datasets=["elsewhere"])["key"]
    assert files.fetch(files.sign(key=elsewhere)).status_code == 404
    here = files.key("export", datasets=[files.dataset.name])["key"]
    assert files.fetch(files.sign(key=here)).status_code == 200


def test_it_falls_with_its_key(files):
    made = files.key("export")
    url = files.sign(key=made["key"])
    assert files.fetch(url).status_code == 200
    files.admin.call("revoke_key", key=made["id"])
    assert refused(files.fetch(url), "revoked")


def test_it_opens_nothing_else(files):
    signature = urllib.parse.urlsplit(files.sign()).query.split("&")[-1]
    listed = f"/v1/datasets/{files.dataset.name}/representations?transfer=none&{signature}"
    assert files.fetch(listed).status_code == 400  # the operation knows no such parameter
    assert files.fetch(files.sign(), "DELETE").status_code == 405


def test_only_files_are_signed(files):
    signed = files.sign()
    for url in ("/v1/datasets", f"/v1/datasets/{files.dataset.name}/representations", "representations.npy",
                f"http://example.org{files.path}", files.path + "#end", files.path + " ", "/v1/signed-urls",
                f"/v1/datasets/{files.dataset.name}/representations.npy?", "/", "?", "/v1//", signed):
        answer = files.admin.call("sign_url", json={"url": url}, expect=422)
        assert answer.pointers == ["/url"], url
    for seconds in (0, 604801, -1):
        files.admin.call("sign_url", json={"url": files.path, "expires_in": seconds}, expect=422)


def test_a_key_needs_the_scope_to_sign(files):
    Api(files.base, files.key("read", "write", "run")["key"]).call("sign_url", json={"url": files.path}, expect=403)


def test_a_key_in_the_header_goes_first(files):
    url = files.sign()
    assert files.fetch(url, Authorization="Bearer nonsense").status_code == 401
    assert files.fetch(url[:-1], **{"X-API-Key": files.key("export")["key"]}).status_code == 200


def test_where_nobody_needs_a_key(api, dataset):
    path = f"/v1/datasets/{dataset.name}/representations.ids"
    assert api.call("sign_url", json={"url": path}).json()["url"] == path

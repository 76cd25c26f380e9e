"""A client that holds every request and every answer against the OpenAPI document."""
import gzip
import http.client
import json as jsonlib
import urllib.parse

import requests

from support.contract import Contract, ContractError
from support.wait import REQUEST_S

CONTRACT = Contract()  # one for the whole session, so that it knows all that was seen


class Response:
    """What judges and tests look at, however it came."""

    def __init__(self, status, headers, content):
        self.status, self.headers, self.content = status, headers, content

    @property
    def text(self):
        return self.content.decode()

    def json(self):
        def no_constant(name):
            raise ContractError(f"{name} is not JSON")
        return jsonlib.loads(self.content, parse_constant=no_constant)

    @property
    def problem(self):
        """The slug of a problem's type."""
        return self.json()["type"].removeprefix("/problems/")

    @property
    def pointers(self):
        return [error["pointer"] for error in self.json().get("errors", [])]

    def __repr__(self):
        return f"<{self.status} {self.content[:300]!r}>"


class Api:
    def __init__(self, base, key=None):
        self.base = base
        self.session = requests.Session()
        self.session.trust_env = False
        if key is not None:
            self.session.headers["Authorization"] = f"Bearer {key}"

    # -- by operation --

    def call(self, operation_id, expect=None, params=None, json=None, data=None, headers=None,
             lenient=False, **variables):
        """One operation. `expect` is the status that must come, the success status by default;
        `lenient` allows a success although the document says something against the request."""
        operation = CONTRACT.by_id[operation_id]
        path = operation.template
        for name, value in variables.items():
            path = path.replace("{" + name + "}", urllib.parse.quote(str(value), safe=""))
        assert "{" not in path, f"{operation_id} needs more of {operation.template}"
        return self.request(operation.method, path, expect=expect or operation.success, params=params,
                            json=json, data=data, headers=headers, lenient=lenient)

    # -- by path --

    def request(self, method, path, expect=None, params=None, json=None, data=None, headers=None,
                lenient=False):
        """`path` may have a query already, as links and Location have."""
        url = requests.Request(method, self.base + path, params=params).prepare().url
        headers = dict(headers or {})
        if json is not None:
            data = jsonlib.dumps(json, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        elif data is not None:
            headers.setdefault("Content-Type", "application/octet-stream")
        answer = self.session.request(method, url, data=data, headers=headers, timeout=REQUEST_S,
                                      allow_redirects=False)
        response = Response(answer.status_code, answer.headers, answer.content)
        self._judge(method, url, headers, data if json is None else json, response, lenient)
        self._expected(method, url, response, expect)
        return response

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def raw(self, method, target, body=None, headers=(), expect=None, gunzip=False):
        """Sends the target byte for byte; headers are pairs and may repeat. With `gunzip` a body that
        is coded is decoded."""
        host = urllib.parse.urlsplit(self.base)
        connection = http.client.HTTPConnection(host.hostname, host.port, timeout=REQUEST_S)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None and not any(n.lower() == "content-length" for n, _ in headers):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            if gunzip and answer.headers.get("Content-Encoding") == "gzip":
                content = gzip.decompress(content)
            response = Response(answer.status, answer.headers, content)
        finally:
            connection.close()
        CONTRACT.judge(method, target.split("?")[0], response)
        self._expected(method, target, response, expect)
        return response

    # -- the checks --

    @staticmethod
    def _judge(method, url, headers, body, response, lenient):
        parts = urllib.parse.urlsplit(url)
        CONTRACT.judge(method, parts.path, response)
        operation = next((o for o in CONTRACT.on_path(parts.path) if o.method == method), None)
        if operation is None or response.status >= 400 or lenient:
            return
        query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        if operation.body_type == "application/json" and isinstance(body, (bytes, str)):
            body = jsonlib.loads(body)
        errors = CONTRACT.request_errors(operation, parts.path, query, headers, body)
        if errors:
            raise ContractError(f"{operation.id} took what the document refuses: {errors[:3]}")

    @staticmethod
    def _expected(method, url, response, expect):
        if expect is None:
            return
        allowed = expect if isinstance(expect, (tuple, set, list)) else (expect,)
        assert response.status in allowed, \
            f"{method} {url}: {response.status} instead of {expect}: {response.content[:1500]!r}"

    # -- lists --

    def pages(self, path, page_size=None, **params):
        """The items of every page, page by page."""
        token = None
        for _ in range(100_000):
            query = {**params, **({"page_size": page_size} if page_size else {}),
                     **({"page_token": token} if token else {})}
            page = self.get(path, params=query, expect=200).json()
            yield page["items"]
            token = page.get("next_page_token")
            if token is None:
                return
        raise AssertionError(f"{path} has no last page")

    def items(self, path, page_size=1000, **params):
        return [item for page in self.pages(path, page_size, **params) for item in page]

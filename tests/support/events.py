"""Server-sent events as a client reads them."""
import http.client
import json
import urllib.parse

from support.client import REQUEST_S


class Events:
    """A stream of the events of a run, or of another job by its kind; iterating gives (id, job) until the
    server ends it."""

    def __init__(self, api, job, last=None, method="GET", kind="run"):
        self.kind = kind
        host = urllib.parse.urlsplit(api.base)
        self.connection = http.client.HTTPConnection(host.hostname, host.port, timeout=REQUEST_S)
        headers = {} if last is None else {"Last-Event-ID": last}
        self.connection.request(method, f"/v1/{kind}s/{job}/events", headers=headers)
        self.answer = self.connection.getresponse()
        self.status, self.headers = self.answer.status, self.answer.headers
        self.comments, self.retries = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.answer.close()
        self.connection.close()

    def _blocks(self):
        lines = []
        while line := self.answer.readline().decode():
            assert line.endswith("\n"), f"the stream broke off in {line!r}"
            if line != "\n":
                lines.append(line[:-1])
            else:
                yield lines
                lines = []
        assert lines == []

    def __iter__(self):
        for lines in self._blocks():
            event = {}
            for line in lines:
                name, value = line.split(":", 1)
                event.setdefault(name, value.removeprefix(" "))
            self.comments += [event[""]] if "" in event else []
            self.retries += [int(event["retry"])] if "retry" in event else []
            if "data" in event:
                assert event["event"] == self.kind
                yield event["id"], json.loads(event["data"])

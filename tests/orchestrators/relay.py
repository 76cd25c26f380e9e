"""What stands between an orchestrator and the server: keeps what was asked, loses and refuses on demand."""
import dataclasses
import http.client
import http.server
import threading
import urllib.parse

from support.wait import REQUEST_S

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclasses.dataclass
class Call:
    method: str
    path: str
    query: str
    headers: dict
    status: int

    def fits(self, method, end):
        return self.method == method and self.path.endswith(end)


@dataclasses.dataclass
class Fault:
    """Of the next request that fits. Without a status the server gets the request, and nobody the answer."""
    method: str
    end: str
    status: int = None
    headers: dict = None


class Relay:
    """Listens on a port of its own for the length of a with statement."""

    def __init__(self, base):
        self.upstream = urllib.parse.urlsplit(base).netloc
        self.calls, self.faults, self.lock = [], [], threading.Lock()
        relay = self

        class Handler(_Handler):
            owner = relay
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def reset(self):
        with self.lock:
            self.calls, self.faults = [], []

    def lose_answer(self, method, end):
        self.faults.append(Fault(method, end))

    def refuse(self, method, end, status, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append(Fault(method, end, status, headers))

    def seen(self, method, end):
        """The calls with this method whose path ends so, in the order of their answers."""
        with self.lock:
            return [call for call in self.calls if call.fits(method, end)]

    # -- for the handler --

    def fault_for(self, call):
        with self.lock:
            found = next((f for f in self.faults if call.fits(f.method, f.end)), None)
            if found is not None:
                self.faults.remove(found)
            return found

    def keep(self, call):
        with self.lock:
            self.calls.append(call)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner = None

    def log_message(self, *_):
        pass

    def answer(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        call = Call(self.command, path, query, dict(self.headers), 0)
        fault = self.owner.fault_for(call)
        if fault is not None and fault.status is not None:
            call.status = fault.status
            self.owner.keep(call)
            self.send(fault.status, fault.headers.items(), b"")
            return
        call.status, headers, content = self.forward(body)
        self.owner.keep(call)
        if fault is not None:
            self.close_connection = True
            return
        self.send(call.status, headers, content)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def forward(self, body):
        connection = http.client.HTTPConnection(self.owner.upstream, timeout=REQUEST_S)
        try:
            headers = {n: v for n, v in self.headers.items() if n.lower() not in HOP_BY_HOP | {"host"}}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def send(self, status, headers, content):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

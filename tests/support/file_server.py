"""A folder over HTTP as the service has its exports: ranges, a key, and connections that break when told to."""
import http.server
import pathlib
import re
import threading


class FileServer:
    """`cut` is after how many bytes of a body a connection breaks; None: never."""

    def __init__(self, folder, key=None, cut=None):
        self.folder, self.key, self.cut, self.requests = pathlib.Path(folder), key, cut, []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/exports/{'0' * 32}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request):
        """(status, whole size, first byte, body)"""
        self.requests.append((request.path, request.headers.get("Range")))
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return 401, 0, 0, b"no key\n"
        path = self.folder / pathlib.PurePosixPath(request.path).name
        if "/files/" not in request.path or not path.is_file():
            return 404, 0, 0, b"nothing here\n"
        data = path.read_bytes()
        ranged = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if not ranged:
            return 200, len(data), 0, data
        first, last = int(ranged[1]), int(ranged[2] or len(data) - 1)
        if first >= len(data):
            return 416, len(data), 0, b""
        return 206, len(data), first, data[first:last + 1]


def handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            status, size, first, body = server.answer(self)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Accept-Ranges", "bytes")
            if status == 206:
                self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{size}")
            self.end_headers()
            if self.command == "HEAD":
                return
            if server.cut is not None and len(body) > server.cut:
                body, self.close_connection = body[:server.cut], True
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    return Handler

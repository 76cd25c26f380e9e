"""Bytes on a connection, and the answers that come back."""
import http.client
import io
import re
import socket
import ssl
import urllib.parse

from support.wait import PATIENCE

HEAD = re.compile(rb"HTTP/1\.[01] \d{3}[ \r]")


def connect(base, receive_buffer=None, context=None):
    """A connection to the host and port of a URL; over TLS with a context."""
    parts = urllib.parse.urlsplit(base)
    s = socket.socket()
    s.settimeout(PATIENCE)
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.connect((parts.hostname, parts.port))
    return context.wrap_socket(s, server_hostname=parts.hostname) if context else s


def rest(s):
    """What comes until the connection ends."""
    received = b""
    while True:
        try:
            part = s.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return received
        if not part:
            return received
        received += part


def exchange(base, data, half_close=True, context=None):
    """Sends bytes and reads what comes until the connection ends. Without `half_close` it is for the
    server to end it."""
    with connect(base, context=context) as s:
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has heard enough; what it said is read all the same
        return rest(s)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"<{self.status} {self.headers.get('Content-Type')} {self.body[:200]!r}>"


def read_answer(stream, method="GET"):
    """One answer off a stream with perhaps several; None at its end."""
    line = stream.readline()
    if not line:
        return None
    assert HEAD.match(line), line
    status = int(line.split()[1])
    headers = http.client.parse_headers(stream)
    if status < 200 or status in (204, 304) or method == "HEAD":
        return Answer(status, headers, b"")
    length = headers["Content-Length"]
    body = stream.read() if length is None else stream.read(int(length))
    assert length is None or len(body) == int(length), "the answer is not whole"
    return Answer(status, headers, body)


def read_answers(data):
    """All answers in these bytes; what is not one fails."""
    stream, answers = io.BytesIO(data), []
    while True:
        answer = read_answer(stream)
        if answer is None:
            return answers
        answers.append(answer)

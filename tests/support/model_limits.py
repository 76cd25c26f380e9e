"""What makes the model server of the tests a realistic one: slots with a silent queue, rates with their
headers, hanging, and answers as a stream of events."""
import asyncio
import collections
import json
import time


class Slots:
    """So many calls at work at a time; the others wait in order of arrival, and nobody tells them."""

    def __init__(self):
        self.busy = 0
        self.waiting = collections.deque()
        self.most_waiting = 0

    async def take(self, slots):
        if slots is None or (self.busy < slots and not self.waiting):
            self.busy += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        self.most_waiting = max(self.most_waiting, len(self.waiting))
        await turn
        self.busy += 1

    def give(self):
        self.busy -= 1
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class Rate:
    """`limit` calls in each window of `per_s` seconds; says so in headers, as OpenAI does."""

    def __init__(self, limit, per_s):
        self.limit, self.per_s = limit, per_s
        self.level, self.at = float(limit), time.monotonic()

    def take(self):
        now = time.monotonic()
        self.level = min(self.limit, self.level + (now - self.at) / self.per_s * self.limit)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True

    def headers(self):
        reset = (self.limit - self.level) / self.limit * self.per_s
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(int(self.level)),
            "x-ratelimit-reset-requests": f"{int(reset * 1000)}ms",
            "x-ratelimit-limit-tokens": "-1",
            "x-ratelimit-remaining-tokens": "0",
        }


def event(value):
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


def pieces(text, size=12):
    return [text[i : i + size] for i in range(0, len(text), size)]


class Stream:
    """A whole chat answer as events. `how` is the fault that is to be played, if any."""

    def __init__(self, body, how=None):
        self.body, self.how = body, how or {}

    def chunk(self, delta, finish=None):
        return {
            "id": self.body["id"],
            "object": "chat.completion.chunk",
            "model": self.body.get("model"),
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            "usage": None,
        }

    def endless(self, text):
        while True:
            yield event(self.chunk({"content": text}))

    def events(self):
        kind = self.how.get("kind")
        choice = self.body["choices"][0]
        yield b": a comment that keeps the connection awake\r\n\r\n"
        if kind == "stream_error":
            yield event({"error": {"message": "The request queue is full.", "code": 503}})
            return
        yield event(self.chunk({"role": "assistant", "content": ""}))
        if kind == "stream_loop":
            yield from self.endless(self.how["text"])
        if kind == "stream_think":
            yield event(self.chunk({"reasoning_content": "Let me see."}))
        for name in ("reasoning", "refusal"):
            for piece in pieces(choice["message"].get(name) or ""):
                yield event(self.chunk({name: piece}))
        for piece in pieces(choice["message"]["content"] or ""):
            yield event(self.chunk({"content": piece}))
            if kind == "stream_garbage":
                yield b"data: {nothing\n\n"
            if kind == "stream_cut":
                return
        yield event(self.chunk({}, choice["finish_reason"]))
        if "usage" in self.body:
            yield event({**self.chunk({}), "choices": [], "usage": self.body["usage"]})
        yield event("[DONE]")


def framed(data):
    """One piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)

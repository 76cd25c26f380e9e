"""Keys as the program makes them, and things that only look like one."""
import hashlib

from support.server import run

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SCOPES = ["read", "write", "run", "export", "admin"]


def checksum(text):
    value = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    out = ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        out += DIGITS[digit]
    return out


def forged(id="0" * 12, secret="0" * 43):
    """Well-formed, with the right checksum."""
    text = f"mono_{id}_{secret}"
    return text + checksum(text)


def create(server, *scopes, owner="default", **flags):
    """By the command line; the key."""
    more = [word for name, value in flags.items() for word in (f"--{name}", value)]
    done = run("keys", "create", "--name", "made by a test", "--owner", owner,
               "--scopes", ",".join(scopes), *more, **server.settings)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().removesuffix("\n")

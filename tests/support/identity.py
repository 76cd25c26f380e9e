"""Identity as the documentation defines it, written without a look at the program."""
import hashlib
import json
import unicodedata

# The code points with the Unicode property White_Space.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) \
    + "\u2028\u2029\u202f\u205f\u3000"
PAPER_MIX = {"multiple_choice": 171 / 1243, "question_answering": 199 / 1243,
             "complex_reasoning": 100 / 1243}


def normalise(text):
    """NFC; white space trimmed and collapsed to one space."""
    spaced = "".join(" " if c in WHITE_SPACE else c for c in unicodedata.normalize("NFC", text))
    return " ".join(word for word in spaced.split(" ") if word)


def seed_id(text):
    return hashlib.sha256(normalise(text).encode()).digest()[:16].hex()


def shard(seed, shards):
    return int(seed[:16], 16) % shards


def caption_id(seed, recipe, variant, text):
    digest = hashlib.sha256(b"\0".join([recipe.encode(), str(variant).encode(), text.encode()]))
    return f"{seed}-{digest.digest()[:8].hex()}"


def imported_recipe(name):
    return hashlib.sha256(json.dumps({"kind": "imported", "name": name, "stage": "captions"},
                                     separators=(",", ":")).encode()).digest()[:16].hex()


def dialogue_id(caption, recipe, task, conversations):
    """`conversations` is the stored text of the dialogue."""
    digest = hashlib.sha256(b"\0".join([recipe.encode(), task.encode(), conversations.encode()]))
    return f"{caption}-{digest.digest()[:4].hex()}"


def chosen(task, caption, share):
    """Whether a caption becomes a dialogue of a task."""
    digest = hashlib.sha256(f"dialogue:{task}{caption}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2.0**64

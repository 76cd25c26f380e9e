"""Seeds of our own: varied, distinct, the same for the same arguments."""
import gzip
import pathlib
import random

import pytest

from support.server import ROOT

WHO = ["a man", "a woman", "a child", "two girls", "three boys", "an old fisherman", "a cyclist",
       "a brown dog", "a black cat", "two horses", "a flock of birds", "a street musician", "a chef",
       "a painter", "a couple", "a group of students", "a climber", "a nurse", "a red bus",
       "a small boat", "a farmer", "a toddler", "four friends", "a white goat", "a train"]
WHAT = ["walking", "sitting", "waiting", "resting", "playing", "standing", "running", "working",
        "looking around", "eating", "reading", "jumping", "talking", "sleeping", "turning"]
HOW = ["slowly", "with a blue umbrella", "under a grey sky", "in the rain", "at sunset", "in the snow",
       "beside a red car", "with a wooden box", "near a bench", "in bright light", "in the shade",
       "with an orange ball", "behind a low wall", "between tall trees", "without hurry"]
WHERE = ["on a beach", "in a kitchen", "at a market", "on a bridge", "in a park", "by a river",
         "in a library", "on a mountain path", "in front of a church", "at a station", "in a field",
         "on a roof", "at a harbour", "in a narrow street", "next to a fountain", "in a garden"]


def generate(n, seed=1):
    """n distinct texts; the first k of n are generate(k)."""
    rng = random.Random(seed)
    texts = {}
    while len(texts) < n:
        who, what, how, where = map(rng.choice, (WHO, WHAT, HOW, WHERE))
        form = rng.choice(["{who} {what} {where} {how}.", "{who} {what} {how} {where}.",
                           "{where}, {who} {what} {how}.", "{how}, {who} {what} {where}."])
        text = form.format(who=who, what=what, how=how, where=where)
        texts[text[0].upper() + text[1:]] = None
        if len(texts) > 50_000:
            raise ValueError("the lists are too short for so many")
    return list(texts)


def real_seeds():
    """The corpus beside the project, gzip as it is and as distinct lines; skips where there is none."""
    path = pathlib.Path(ROOT).parent / "shared/data/seeds-flickr8k-24k.txt.gz"
    if not path.exists():
        pytest.skip("the seed corpus is not beside the project")
    packed = path.read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return packed, lines

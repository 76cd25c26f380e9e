"""What the examples of the document call things, and what they are called here."""
import re

# The document names things that get their ids from the server by these digits.
PLACEHOLDER = re.compile(r"^(0123456789abcdef|fedcba9876543210)")
KEY = "4fJq8XwLm2Zt"
MEMBERS = {"ids": "caption", "caption_id": "caption", "caption_ids": "caption", "seed_id": "seed",
           "seed_ids": "seed", "dialogue_id": "dialogue", "run_id": "run", "text_moments": "moments"}
SIDE = re.compile(r"@(run|recipe):(0123456789abcdef|fedcba9876543210)[0-9a-f]{16}$")
NUMBERS_OF_MOMENTS = 1280  # of the built-in encoder; the document's example is shorter
SHORT_MEAN = [0.6, 0.0, 0.0]


class Placeholders:
    """`real` has the ids by what they are of: run, seed, caption and so on."""

    def __init__(self, real):
        self.real = real

    def value(self, name, value):
        """What a value stands for; `name` is that of the parameter or member."""
        if not isinstance(value, str):
            return value
        if value == KEY:
            return self.real["key"]
        kind = MEMBERS.get(name, name)
        if name == "after":  # of one operation a caption, of another a dialogue
            kind = "dialogue" if value.count("-") == 2 else "caption"
        if PLACEHOLDER.match(value):
            return self.real.get(kind, value)
        return SIDE.sub(lambda match: f"@{match[1]}:{self.real[match[1]]}", value)

    def body(self, node, name=None):
        """The same for all that is in a body."""
        if isinstance(node, dict):
            return {key: self.body(value, key) for key, value in node.items()}
        if name == "mean" and node == SHORT_MEAN:
            return node + [0] * (NUMBERS_OF_MOMENTS - len(node))
        if isinstance(node, list):
            return [self.body(item, name) for item in node]
        return self.value(name, node)

"""Real tokenizers, whose files packages bring: that of Llama 3, which Unicorn's model has, and that of Mistral,
which is much like Llama 2's. Each call gives the tokens of a text with the beginning's in front."""
import base64
import pathlib
import re

import llama_models.llama3
import mistral_common
import sentencepiece
import tiktoken

MOST = 2048
WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")


class Llama3:
    end_text, model_max_length = "<|end_of_text|>", MOST

    def __init__(self):
        path = pathlib.Path(llama_models.llama3.__file__).parent / "tokenizer.model"
        ranks = {base64.b64decode(token): int(rank) for token, rank in map(str.split, path.open(encoding="ascii"))}
        self.bos, self.eos, self.pad = len(ranks), len(ranks) + 1, len(ranks) + 2
        special = {"<|begin_of_text|>": self.bos, self.end_text: self.eos, "<|reserved_special_token_0|>": self.pad}
        self.model = tiktoken.Encoding("llama3", pat_str=WORDS, mergeable_ranks=ranks, special_tokens=special)

    def __call__(self, text):
        return [self.bos] + self.model.encode(text, allowed_special="all")

    def decode(self, ids):
        return self.model.decode(ids)


class WithoutBeginning(Llama3):
    """As the tokenizers of Phi and Qwen, which put nothing in front."""
    def __init__(self):
        super().__init__()
        self.bos = None

    def __call__(self, text):
        return self.model.encode(text, allowed_special="all")


class Mistral:
    end_text, model_max_length = "</s>", MOST

    def __init__(self):
        path = pathlib.Path(mistral_common.__file__).parent / "data/tokenizer.model.v1"
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.bos, self.eos, self.pad = self.model.bos_id(), self.model.eos_id(), self.model.unk_id()

    def __call__(self, text):
        ids = [self.bos]
        for part in re.split(f"({self.end_text})", text):
            ids += [self.eos] if part == self.end_text else self.model.encode(part)
        return ids

    def decode(self, ids):
        pieces, at = [], 0
        for place, id in enumerate([*ids, self.eos]):
            if id == self.eos:
                pieces.append(self.model.decode(ids[at:place]))
                at = place + 1
        return self.end_text.join(pieces)


ALL = [Llama3, WithoutBeginning, Mistral]

"""What Unicorn's trainer makes of a conversation, written anew from a description of it: templates, the mark of
the picture, tokens, and which of them are learned. Samples that do not come out are masked as a whole there, or
cut; here both are found by whoever looks. `template` chooses, as its --version does."""
import copy

import torch

MASKED, IMAGE = -100, -200
MARK = "<image>"
SYSTEM = ("A chat between a curious user and an artificial intelligence assistant. "
          "The assistant gives helpful, detailed, and polite answers to the user's questions.")
HUMAN, GPT, BETWEEN = "USER: ", " ASSISTANT: ", " "

template = "plain"  # of pretraining; "turns" for instructions


def preprocess_multimodal(sources, data_args):
    """The mark goes to the front of its turn, on a line of its own."""
    for source in sources:
        for turn in source:
            if MARK in turn["value"]:
                turn["value"] = f"{MARK}\n{turn['value'].replace(MARK, '').strip()}".strip()
    return sources


def with_image(text, tokenizer):
    """Tokens of the text, the mark as IMAGE; the first token of all stays the only one of its kind."""
    chunks = [tokenizer(chunk) for chunk in text.split(MARK)]
    starts = int(bool(chunks[0]) and chunks[0][0] == tokenizer.bos)
    ids = chunks[0][:]
    for chunk in chunks[1:]:
        ids += [IMAGE] + chunk[starts:]
    return ids


def plain(source, tokenizer):
    """Pretraining: the picture and the answer; whatever was asked is thrown away."""
    assert len(source) == 2 and MARK in source[0]["value"]
    ids = with_image(MARK + source[1]["value"] + "\n", tokenizer)
    labels = ids[:]
    learned = len(with_image(MARK, tokenizer))
    labels[:learned] = [MASKED] * learned
    return ids, labels


def prompt(source, end):
    assert [turn["from"] for turn in source] == ["human", "gpt"] * (len(source) // 2)
    turns = [f"{HUMAN}{human['value']}{GPT}{gpt['value']}{end}" for human, gpt in zip(source[::2], source[1::2])]
    return SYSTEM + BETWEEN + "".join(turns)


def turns(source, tokenizer):
    """Instructions: the answers and the end of each are learned. The text is cut at the ends of turns, and each
    of these at the assistant's word; whether the lengths add up decides over the whole sample."""
    text = prompt(source, tokenizer.end_text)
    ids = with_image(text, tokenizer)
    labels, first = ids[:], int(tokenizer.bos is not None)
    at = first
    labels[:at] = [MASKED] * at
    for turn in text.split(tokenizer.end_text):
        parts = turn.split(GPT)
        if turn == "" or len(parts) != 2:
            break
        asked = len(with_image(parts[0] + GPT, tokenizer)) - first - 1
        labels[at:at + asked] = [MASKED] * asked
        at += len(with_image(turn, tokenizer)) - first + 1
    labels[at:] = [MASKED] * (len(ids) - at)
    if at < tokenizer.model_max_length and at != len(ids):
        labels = [MASKED] * len(ids)
    return ids, labels


def preprocess(sources, tokenizer, has_image=False):
    assert has_image
    make = {"plain": plain, "turns": turns}[template]
    made = [make(copy.deepcopy(source), tokenizer) for source in sources]
    return {"input_ids": [torch.tensor(ids) for ids, _ in made],
            "labels": [torch.tensor(labels) for _, labels in made]}


class DataCollatorForSupervisedDataset:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, instances):
        most = self.tokenizer.model_max_length
        pad = torch.nn.utils.rnn.pad_sequence
        ids = pad([i["input_ids"] for i in instances], True, self.tokenizer.pad)[:, :most]
        labels = pad([i["labels"] for i in instances], True, MASKED)[:, :most]
        return {"input_ids": ids, "labels": labels, "attention_mask": ids.ne(self.tokenizer.pad),
                "embeds": torch.stack([torch.from_numpy(i["embed"]) for i in instances])}

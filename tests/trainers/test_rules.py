"""The rules of Unicorn's trainer over every sample of a real export, with real tokenizers: none is masked, cut,
or beside the vector of another."""
import types

import numpy
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not there", exc_type=ImportError)

import tokenizers  # noqa: E402
import unicorn_data  # noqa: E402
from bunny.util import data_utils  # noqa: E402
from monoceros_export import Mismatch  # noqa: E402
from support.dialogues import RESERVED  # noqa: E402

IMAGE_TOKENS = 576


@pytest.fixture(params=tokenizers.ALL, ids=lambda one: one.__name__, scope="module")
def tokenizer(request):
    return request.param()


def module(folder, part, tokenizer):
    data_utils.template = {"pretrain": "plain", "instruct": "turns"}[part]
    arguments = types.SimpleNamespace(data_path=str(next(folder.glob(f"{part}-00000-of-*.jsonl"))))
    made = unicorn_data.make_supervised_data_module(tokenizer, arguments)
    assert made["eval_dataset"] is None
    return made["train_dataset"], made["data_collator"]


def check_texts(sample):
    """The form, and no word that means something to a trainer."""
    turns = sample["conversations"]
    assert [turn["from"] for turn in turns] == ["human", "gpt"] * (len(turns) // 2) and turns
    assert "\n".join(turn["value"] for turn in turns).count("<image>") == 1
    assert turns[0]["value"].startswith("<image>\n") and turns[0]["value"].strip() != "<image>"
    for turn in turns:
        text = turn["value"].removeprefix("<image>\n")
        assert text.strip() == text != ""
        assert not [word for word in [*RESERVED, "<image>", "<|end_of_text|>"] if word in text]


def learned(item, tokenizer):
    return tokenizer.decode(item["labels"][item["labels"] != data_utils.MASKED].tolist())


def check_item(item, sample, tokenizer, told):
    ids = item["input_ids"].tolist()
    assert ids.count(data_utils.IMAGE) == 1
    assert len(ids) + IMAGE_TOKENS - 1 <= tokenizer.model_max_length  # not cut
    answers = [turn["value"] for turn in sample["conversations"][1::2]]
    if data_utils.template == "plain":
        assert learned(item, tokenizer).strip() == answers[0].strip()
    else:
        found = learned(item, tokenizer).split(tokenizer.end_text)
        assert [text.strip() for text in found[:-1]] == answers or not answers
    stored = told.vectors[told.row[sample["id"]]].astype("<f2").astype("<f4")
    assert item["embed"].dtype == numpy.float32 and (item["embed"] == stored).all()


@pytest.mark.parametrize("part", ["pretrain", "instruct"])
def test_every_sample(folder, told, tokenizer, part):
    dataset, _ = module(folder, part, tokenizer)
    assert len(dataset) == len(told.ids if part == "pretrain" else told.dialogues)
    longest = 0
    for i in range(len(dataset)):
        sample, item = dataset.samples[i], dataset[i]
        check_texts(sample)
        check_item(item, sample, tokenizer, told)
        longest = max(longest, len(item["input_ids"]))
    print(f"{part}: {len(dataset)} samples, the longest has {longest} tokens of {type(tokenizer).__name__}")


def test_batches_have_what_the_model_takes(folder, told):
    dataset, collator = module(folder, "instruct", tokenizers.Llama3())
    items = [dataset[i] for i in (7, 0, 12)]
    batch = collator(items)
    assert set(batch) == {"input_ids", "labels", "attention_mask", "embeds"}
    assert batch["embeds"].shape == (3, told.vectors.shape[1])
    for row, (i, item) in enumerate(zip((7, 0, 12), items)):
        assert torch.equal(batch["input_ids"][row][batch["attention_mask"][row]], item["input_ids"])
        vector = told.vectors[told.row[dataset.samples[i]["id"]]].astype("<f2").astype("<f4")
        assert (batch["embeds"][row].numpy() == vector).all()
    few = dataset.lengths[:3], dataset.modality_lengths[:3]
    assert [length - words for length, words in zip(*few)] == [IMAGE_TOKENS] * 3 and min(few[1]) > 0


@pytest.mark.parametrize("answer", ["He says ASSISTANT: now.", "It ends.<|end_of_text|>And more."])
def test_the_rules_find_what_breaks_a_sample(folder, monkeypatch, answer):
    """Without this the tests above would prove nothing."""
    dataset, _ = module(folder, "instruct", tokenizers.Llama3())
    whole = type(dataset.samples).__getitem__

    def broken(self, i):
        sample = whole(self, i)
        sample["conversations"][3]["value"] = answer
        return sample

    monkeypatch.setattr(type(dataset.samples), "__getitem__", broken)
    with pytest.raises(Mismatch, match="masks all"):
        dataset[0]


def test_a_sample_that_would_be_cut_is_found(folder, monkeypatch):
    dataset, _ = module(folder, "instruct", tokenizers.Llama3())
    monkeypatch.setattr(dataset.tokenizer, "model_max_length", IMAGE_TOKENS + 100)
    with pytest.raises(Mismatch, match="more than the model takes"):
        dataset[0]

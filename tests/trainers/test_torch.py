"""The loaders for PyTorch over a real export: ranks, workers, resuming, and every vector."""
import json

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not there", exc_type=ImportError)

from torch.utils.data import DataLoader  # noqa: E402

from conftest import WORKERS, WORLD, once  # noqa: E402
from monoceros_torch import RankSampler, SampleDataset, SampleStream, advance, collate  # noqa: E402

BATCH = 64


def loader(dataset, sampler=None, workers=WORKERS, batch=BATCH):
    return DataLoader(dataset, batch, sampler=sampler, num_workers=workers, collate_fn=collate)


def names(batches):
    """What a sample is known by: its dialogue, or its caption."""
    return [dialogue or id for batch in batches for id, dialogue in zip(batch["id"], batch["dialogue_id"])]


def expected(told, part):
    return told.ids if part == "pretrain" else [d["dialogue_id"] for d in told.dialogues]


def check_vectors(batches, told, dtype):
    """To the bit, after the one rounding that the export has made."""
    for batch in batches:
        rows = [told.row[id] for id in batch["id"]]
        assert batch["vector"].dtype == dtype
        assert torch.equal(batch["vector"], torch.from_numpy(told.vectors[rows]).to(dtype))


def test_every_sample_and_vector_by_number(folder, told):
    pretrain = SampleDataset(folder, "pretrain")
    told.check_pretrain([{k: v for k, v in pretrain[i].items() if k != "vector"} for i in range(len(pretrain))])
    instruct = SampleDataset(folder, "instruct")
    told.check_instruct([{k: v for k, v in instruct[i].items() if k != "vector"} for i in range(len(instruct))])
    for dataset in (pretrain, instruct):
        check_vectors(loader(dataset), told, torch.float16)
    with pytest.raises(IndexError):
        pretrain[len(pretrain)]


@pytest.mark.parametrize("dtype, forms, files", [("float32", ["llava", "npy"], 1),
                                                 ("float32", ["llava", "safetensors"], 3),
                                                 ("bfloat16", ["llava", "safetensors"], 5)])
def test_other_numbers_and_files(story, told, dtype, forms, files):
    url = story.export(formats=forms, files=files, dtype=dtype, include=["captions", "representations"])
    dataset = SampleDataset(story.download(url, f"{dtype}-{files}"))
    check_vectors(loader(dataset), told, getattr(torch, dtype))
    check_vectors(loader(SampleStream(url)), told, getattr(torch, dtype))


@pytest.mark.parametrize("part", ["pretrain", "instruct"])
def test_ranks_share_a_shuffle(folder, told, part):
    dataset, found = SampleDataset(folder, part), []
    for rank in range(WORLD):
        found += names(loader(dataset, RankSampler(len(dataset), rank, WORLD, epoch=3)))
    once(found, expected(told, part))
    assert found != names(loader(dataset))
    other = names(loader(dataset, RankSampler(len(dataset), 0, WORLD, epoch=4)))
    assert other != found[:len(other)]


def test_a_shuffle_goes_on_in_the_middle(folder):
    dataset = SampleDataset(folder)
    whole = names(loader(dataset, RankSampler(len(dataset), 2, WORLD)))
    rest = RankSampler(len(dataset), 2, WORLD, start=1000)
    assert names(loader(dataset, rest)) == whole[1000:] and len(rest) == len(whole) - 1000


@pytest.mark.parametrize("part", ["pretrain", "instruct"])
@pytest.mark.parametrize("world, workers", [(WORLD, WORKERS), (3, 1), (1, 0)])
def test_ranks_and_workers_share_a_stream(where, told, part, world, workers):
    found = []
    for rank in range(world):
        batches = list(loader(SampleStream(where, part, rank, world), workers=workers))
        check_vectors(batches, told, torch.float16)
        mine = names(batches)
        assert len(mine) >= len(expected(told, part)) // (2 * world)  # nobody is idle
        found += mine
    once(found, expected(told, part))


@pytest.mark.parametrize("part", ["pretrain", "instruct"])
def test_a_stream_goes_on_in_the_middle(where, told, part):
    found = []
    for rank in range(WORLD):
        state = {}
        for number, batch in enumerate(loader(SampleStream(where, part, rank, WORLD))):
            if number == 5 + rank:
                break  # it was fetched, and not trained on
            found += names([batch])
            advance(state, batch)
        state = json.loads(json.dumps(state))
        found += names(loader(SampleStream(where, part, rank, WORLD, state)))
    once(found, expected(told, part))


def test_a_stream_that_had_ended_has_no_more(folder):
    state = {}
    for batch in loader(SampleStream(folder, "instruct", 1, WORLD)):
        advance(state, batch)
    assert names(loader(SampleStream(folder, "instruct", 1, WORLD, state))) == []


def test_a_state_of_other_ranks_is_refused(folder):
    state = advance({}, next(iter(loader(SampleStream(folder, rank=0, world=4)))))
    with pytest.raises(ValueError, match="8 ranks and workers, not 6"):
        list(loader(SampleStream(folder, rank=0, world=3, state=state)))


def test_workers_that_are_not_forked(folder, told):
    dataset = SampleDataset(folder, "instruct")
    batches = DataLoader(dataset, 512, num_workers=2, collate_fn=collate, multiprocessing_context="spawn")
    once(names(batches), expected(told, "instruct"))


def test_a_directory_is_needed_for_numbers(url):
    with pytest.raises(ValueError, match="download.sh"):
        SampleDataset(url)

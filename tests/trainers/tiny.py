"""One rank of a training: python3 tiny.py EXPORT RANK WORLD STORE STEPS OUT. A projector and a small transformer,
over bytes, through `pretrain` and then `instruct` of a stream; OUT gets what it saw as JSON."""
import json
import sys

import torch
import torch.distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from monoceros_torch import SampleStream, advance, collate

BATCH, WIDTH, LONGEST, START, END, PAD, MASKED = 4, 64, 6144, 256, 257, 258, -100


class Model(nn.Module):
    """The vector becomes the first position of the text that is to be said about it."""

    def __init__(self, dimension):
        super().__init__()
        self.projector = nn.Sequential(nn.Linear(dimension, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.words = nn.Embedding(PAD + 1, WIDTH)
        self.places = nn.Embedding(LONGEST, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, dropout=0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, PAD)

    def forward(self, vectors, ids):
        seen = torch.cat([self.projector(vectors)[:, None], self.words(ids[:, :-1])], 1)
        seen = seen + self.places(torch.arange(seen.shape[1]))
        return self.head(self.layers(seen, nn.Transformer.generate_square_subsequent_mask(seen.shape[1])))


def tokens(turns):
    """Ids, and what is learned of them: the answers and their ends."""
    ids, labels = [START], [MASKED]
    for turn in turns:
        text = list(turn["value"].replace("<image>\n", "").encode()) + [END]
        ids += text
        labels += text if turn["from"] == "gpt" else [MASKED] * len(text)
    assert len(ids) < LONGEST, "this sample would be cut"
    return torch.tensor(ids), torch.tensor(labels)


def padded(batch):
    made = [tokens(turns) for turns in batch["conversations"]]
    pad = nn.utils.rnn.pad_sequence
    return pad([ids for ids, _ in made], True, PAD), pad([labels for _, labels in made], True, MASKED)


def train(model, optimiser, where, part, steps):
    """The losses, the ids and the first number of each vector, in order."""
    losses, seen, state = [], [], {}
    for batch in DataLoader(SampleStream(where, part), BATCH, num_workers=2, collate_fn=collate):
        ids, labels = padded(batch)
        scores = model(batch["vector"].float(), ids)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=MASKED)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        seen += [[id, dialogue, vector.view(torch.int16).tolist()]
                 for id, dialogue, vector in zip(batch["id"], batch["dialogue_id"], batch["vector"])]
        advance(state, batch)
        if len(losses) == steps:
            break
    return {"losses": losses, "seen": seen, "state": state}


def main(where, rank, world, store, steps, out):
    torch.set_num_threads(1)
    torch.manual_seed(int(rank))  # DistributedDataParallel gives all ranks the parameters of the first
    torch.distributed.init_process_group("gloo", f"file://{store}", rank=int(rank), world_size=int(world))
    dimension = len(next(iter(SampleStream(where, rank=0, world=1)))["vector"])
    model = DistributedDataParallel(Model(dimension))
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    told = {part: train(model, optimiser, where, part, int(steps)) for part in ("pretrain", "instruct")}
    told["parameters"] = [p.double().sum().item() for p in model.parameters()]
    with open(out, "w", encoding="utf-8") as file:
        json.dump(told, file)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])

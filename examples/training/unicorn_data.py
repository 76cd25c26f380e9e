"""The data module of the Unicorn (Bunny) trainer, fed by an export in a directory. In bunny/train/train.py:

    from unicorn_data import make_supervised_data_module

in the place of the same name from bunny.util.data_utils, and `--data_path` names a file of the export, such as
/data/street/pretrain.jsonl: all files of its kind in that directory are read, and their vectors beside them.

Templates, tokens and batches stay the trainer's own. What differs: a vector is found by an index and mapped from
the disk, instead of a search through all of them in the memory of each process; a sample whose id is not that of
its caption, without a vector, whose answers are all masked, or that is too long for the model, stops the training.
"""
import copy
import pathlib
import re

from bunny.util.data_utils import DataCollatorForSupervisedDataset, preprocess, preprocess_multimodal
from torch.utils.data import Dataset

from monoceros_export import Mismatch
from monoceros_torch import SampleDataset

MASKED = -100
IMAGE_TOKENS = 576  # that the model makes of one vector


class LazySupervisedDataset(Dataset):
    def __init__(self, data_path, tokenizer, data_args):
        path = pathlib.Path(data_path)
        self.samples = SampleDataset(path.parent, re.match("[a-z]+", path.name)[0])
        self.tokenizer, self.data_args = tokenizer, data_args

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        sample = self.samples[i]
        turns = preprocess_multimodal([copy.deepcopy(sample["conversations"])], self.data_args)
        made = preprocess(turns, self.tokenizer, has_image=True)
        ids, labels = made["input_ids"][0], made["labels"][0]
        if (labels == MASKED).all():
            raise Mismatch(f"{sample['id']}: the trainer masks all of this sample")
        if len(ids) + IMAGE_TOKENS - 1 > self.tokenizer.model_max_length:
            raise Mismatch(f"{sample['id']}: {len(ids)} tokens and the picture's are more than the model takes")
        return {"input_ids": ids, "labels": labels, "embed": sample["vector"].float().numpy()}

    @property
    def lengths(self):
        return [IMAGE_TOKENS + self._words(i) for i in range(len(self))]

    @property
    def modality_lengths(self):
        """Positive: every sample has a picture, in the form of its vector."""
        return [self._words(i) for i in range(len(self))]

    def _words(self, i):
        return sum(len(turn["value"].split()) for turn in self.samples[i]["conversations"])


def make_supervised_data_module(tokenizer, data_args):
    return {"train_dataset": LazySupervisedDataset(data_args.data_path, tokenizer, data_args),
            "eval_dataset": None, "data_collator": DataCollatorForSupervisedDataset(tokenizer=tokenizer)}

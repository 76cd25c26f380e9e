"""An export as ShareGPT lines, text only, for trainers without pictures.

    python3 to_sharegpt.py EXPORT [pretrain|instruct] [--caption] >street.jsonl

EXPORT is a directory or a URL. `--caption` gives the caption as the system's text, so that the questions can be
answered from something. LLaMA-Factory reads the result with `"formatting": "sharegpt"` in its dataset_info.json.
"""
import argparse
import json

from monoceros_export import Export, every_sample

MARK = "<image>"


def plain(sample):
    """The turns without the mark of the picture."""
    return [{"from": turn["from"], "value": turn["value"].replace(MARK, "").strip()}
            for turn in sample["conversations"]]


def sharegpt(sample, caption=False):
    made = {"id": sample["dialogue_id"] or sample["id"], "conversations": plain(sample)}
    return {**made, "system": sample["caption"]} if caption else made


def main(convert):
    parser = argparse.ArgumentParser()
    parser.add_argument("export")
    parser.add_argument("part", nargs="?", default="instruct", choices=["pretrain", "instruct"])
    parser.add_argument("--caption", action="store_true", help="the caption as the system's text")
    asked = parser.parse_args()
    for sample in every_sample(Export(asked.export), asked.part):
        print(json.dumps(convert(sample, asked.caption), ensure_ascii=False))


if __name__ == "__main__":
    main(sharegpt)

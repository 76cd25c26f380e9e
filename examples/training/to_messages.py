"""An export as OpenAI messages, a line each, text only: for TRL, axolotl, ms-swift and fine-tuning services.

    python3 to_messages.py EXPORT [pretrain|instruct] [--caption] >street.jsonl

The arguments are those of to_sharegpt.py.
"""
from to_sharegpt import main, plain

ROLES = {"human": "user", "gpt": "assistant"}


def messages(sample, caption=False):
    turns = [{"role": ROLES[turn["from"]], "content": turn["value"]} for turn in plain(sample)]
    return {"messages": [{"role": "system", "content": sample["caption"]}] * caption + turns}


if __name__ == "__main__":
    main(messages)

"""The rules for a dialogue, as a trainer relies on them."""
import collections
import re

RESERVED = ["</s>", "<s>", "<|", "|>", "ASSISTANT:", "USER:", "[INST]", "<<SYS>>"]
SOURCE = re.compile(r"\b(caption|the text|the description|the passage|the paragraph|as described|"
                    r"as mentioned)\b", re.IGNORECASE)
PAIRS = {"multiple_choice": (6, 8), "question_answering": (6, 8), "complex_reasoning": (2, 4)}


def check_conversations(task, conversations):
    assert [turn["from"] for turn in conversations] == ["human", "gpt"] * (len(conversations) // 2)
    pairs = list(zip(conversations[::2], conversations[1::2]))
    least, most = PAIRS[task]
    assert least <= len(pairs) <= most
    assert conversations[0]["value"].startswith("<image>\n")
    whole = "\n".join(turn["value"] for turn in conversations)
    assert whole.count("<image>") == 1
    assert not [word for word in RESERVED if word in whole], whole
    assert not SOURCE.search(whole), SOURCE.search(whole)
    questions = [human["value"].removeprefix("<image>\n") for human, _ in pairs]
    assert len({question.lower() for question in questions}) == len(questions)
    check_openings(questions)
    for question, (_, gpt) in zip(questions, pairs):
        assert question.strip() == question and gpt["value"].strip() == gpt["value"] != ""
        if task == "multiple_choice":
            check_choice(question, gpt["value"])
        else:
            assert "\n" not in question
    return len(pairs)


def check_openings(questions):
    begins = collections.Counter(re.match(r"\W*(\w+?)(?:['’]?s)?\b", question.lower())[1] for question in questions)
    if len(questions) >= 6:
        assert len(begins) >= 3 and max(begins.values()) * 2 <= len(questions), questions


def check_choice(question, answer):
    lines = question.split("\n")
    assert len(lines) == 5 and lines[0]
    assert [line[:3] for line in lines[1:]] == ["A: ", "B: ", "C: ", "D: "]
    options = [line[3:].lower() for line in lines[1:]]
    assert all(options) and len(set(options)) == 4
    assert answer in ("A", "B", "C", "D")

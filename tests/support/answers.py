#!/usr/bin/env python3
"""What language models answer when they are asked for a dialogue, good and bad, and what becomes of it.

Each case has a name, a task, the text of the answer and its verdict:
  as_is      taken, and the schema was kept
  repaired   taken after something was mended or left out
  refused    asked again, with a reason
Printed as JSON, one case a line, for the unit test of the stage; a part of the table goes through HTTP.
"""
import json
import random

CAPTION = (
    "A brown dog runs along a wet beach at low tide with a red ball in its mouth. Two children in yellow "
    "raincoats chase it past a wooden boat that lies on the sand. Grey clouds cover the sky, and small waves "
    "break behind them. A white lighthouse stands on the rocks to the left.")
MC, QA, CR = "multiple_choice", "question_answering", "complex_reasoning"


def choice(question, right, *wrong, letter):
    at = "ABCD".index(letter)
    options = list(wrong[:at]) + [right] + list(wrong[at:])
    return {"question": question, "options": dict(zip("ABCD", options)), "answer": letter}


PAIRS = {
    MC: [
        choice("What does the dog carry in its mouth?", "A red ball", "A short stick", "A blue ring", "A dead fish",
               letter="B"),
        choice("Where does the lighthouse stand?", "On the rocks to the left", "On a distant island",
               "Behind the wooden boat", "At the end of a pier", letter="A"),
        choice("How many children chase the dog?", "Two", "Three", "Four", "Five", letter="D"),
        choice("Which object lies on the sand?", "A wooden boat", "A striped towel", "A metal bucket",
               "A folded chair", letter="C"),
        choice("Why might the children wear raincoats?", "Rain seems likely", "They are swimming",
               "The sun is very hot", "They are selling fish", letter="B"),
        choice("Is the sky clear or covered?", "Covered by grey clouds", "Clear and deep blue", "Dark with stars",
               "Pink at sunset", letter="C"),
        choice("Who runs behind the dog?", "The two children", "A tall lifeguard", "An old fisherman",
               "Another dog", letter="A"),
        choice("At what stage is the tide?", "Low tide", "High tide", "Spring flood", "Storm surge", letter="D"),
    ],
    QA: [
        {"question": "What is the dog doing?", "answer": "It dashes over the wet sand while holding a ball."},
        {"question": "Where is the lighthouse?", "answer": "It rises from the rocks on the left-hand side."},
        {"question": "How are the children dressed?", "answer": "Both of them have yellow raincoats on."},
        {"question": "Which object rests on the sand?", "answer": "An old wooden boat has been left there."},
        {"question": "Why is the sand likely wet?", "answer": "The sea has just drawn back from this part of it."},
        {"question": "Does the weather look bright?", "answer": "No, a cover of grey clouds hides the sun."},
        {"question": "Who follows the dog?", "answer": "A pair of children is trying to catch up with it."},
        {"question": "Is anyone in the boat?", "answer": "No, the boat is empty and nobody is near it."},
    ],
    CR: [
        {"question": "What would change on this beach if the tide came in?",
         "answer": "The strip of wet sand that the dog is running on would be covered first, because it lies lowest. "
                   "Then the water would reach the boat and might lift it, so the children would have to leave."},
        {"question": "Why can one conclude that the children are playing with the dog?",
         "answer": "The dog holds a ball, which is a toy, and it does not let go of it while it runs. The children "
                   "run after it rather than away from it, so this is most likely a game of chase."},
        {"question": "How should the children prepare if they want to stay for another hour?",
         "answer": "The clouds are grey and thick, so rain may follow, but the raincoats already take care of that. "
                   "They only need to keep an eye on the waves and stay on the higher sand."},
        {"question": "Does the lighthouse tell anything about this coast?",
         "answer": "Lighthouses warn ships of danger, and this one stands on rocks. From both facts together it "
                   "follows that the water in front of it must hide more rocks."},
    ],
}
QUESTIONS = ["What", "Where", "How", "Which", "Why", "Is", "Who", "Does"]


def pairs(task, n=None, **changes):
    """The first n good pairs; p3={...} sets members of the third, None removes one."""
    some = json.loads(json.dumps(PAIRS[task][: n or {MC: 7, QA: 7, CR: 3}[task]]))
    for name, change in changes.items():
        pair = some[int(name[1:]) - 1]
        for key, value in change.items():
            if key in "ABCD" and "options" in pair:
                pair["options"][key] = value
            elif value is None:
                del pair[key]
            else:
                pair[key] = value
    return some


def doc(task, n=None, **changes):
    return {"pairs": pairs(task, n, **changes)}


def text(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


GOOD = {task: text(doc(task)) for task in (MC, QA, CR)}
CASES = []


def case(name, task, answer, verdict, reason=None, turns=None, held=None, http=False):
    held = True if verdict == "as_is" else held
    CASES.append({"name": name, "task": task, "answer": text(answer), "verdict": verdict, "reason": reason,
                  "turns": turns, "schema_held": held, "http": http})


def each_key(pair_list, rename):
    return [{rename.get(key, key): value for key, value in pair.items()} for pair in pair_list]


# Good ones
for task, least, most in ((MC, 6, 8), (QA, 6, 8), (CR, 2, 4)):
    case(f"good_{task}", task, GOOD[task], "as_is", turns={MC: 7, QA: 7, CR: 3}[task])
    case(f"least_{task}", task, doc(task, least), "as_is", turns=least)
    case(f"most_{task}", task, doc(task, most), "as_is", turns=most)
case("indented", QA, json.dumps(doc(QA), indent=4), "as_is", turns=7)
case("letters_of_europe", QA, doc(QA, p2={"answer": "It stands beside a café called “Zoë” on the left."}), "as_is",
     turns=7)

# What stands around the JSON
case("fence", MC, "```json\n" + GOOD[MC] + "\n```", "repaired", turns=7, http=True, held=False)
case("fence_and_prose", QA, "Here is the dialogue:\n\n```json\n" + GOOD[QA] + "\n```\n\nLet me know!", "repaired",
     turns=7, http=True)
case("think_tags", MC, "<think>The dog [brown] has {a ball}. Let me write {\"pairs\": [1]}.</think>\n" + GOOD[MC],
     "repaired", turns=7, http=True)
case("end_of_thoughts_only", CR, "so there are two of them.\n</think>\n\n" + GOOD[CR], "repaired", turns=3)
case("thoughts_behind", QA, GOOD[QA] + "\n<think>Is this right?</think>", "repaired", turns=7)
case("byte_order_mark", QA, "\ufeff" + GOOD[QA], "repaired", turns=7)
case("event_stream_left", MC, "data: " + GOOD[MC] + "\n\ndata: [DONE]\n\n", "repaired", turns=7)
case("chat_prefix", QA, "Assistant: " + GOOD[QA], "repaired", turns=7)
case("twice", QA, GOOD[QA] + "\n" + text(doc(QA, 6)), "repaired", turns=7)
case("cut_then_complete", QA, GOOD[QA][:300] + "\n\nSorry, again:\n" + GOOD[QA], "repaired", turns=7)
case("white_space_behind", MC, GOOD[MC] + "\n" * 20000, "as_is", turns=7)

# JSON that is none
case("single_quotes", QA, repr(doc(QA)), "repaired", turns=7, http=True)
case("smart_quotes", QA, GOOD[QA].replace('{"', "{“").replace('"}', "”}").replace('": "', "”: “")
     .replace('", "', "”, “").replace('"pairs', "“pairs").replace('": [', "”: ["), "repaired", turns=7)
case("no_quotes_at_names", MC, GOOD[MC].replace('"question"', "question").replace('"options"', "options")
     .replace('"answer"', "answer").replace('"pairs"', "pairs"), "repaired", turns=7)
case("trailing_commas", MC, GOOD[MC].replace("}, {", ",},\n {").replace("}]}", "},],}"), "repaired", turns=7)
case("missing_commas", QA, GOOD[QA].replace('", "answer"', '"\n"answer"'), "repaired", turns=7)
case("comments", QA, GOOD[QA].replace("}, {", "}, // next\n {"), "repaired", turns=7)
case("ellipsis", QA, GOOD[QA].replace("}]}", "}, ...]}"), "repaired", turns=7)
case("raw_line_ends", CR, GOOD[CR].replace(". Then", ".\n\nThen").replace(". The children", ".\n\tThe children"),
     "repaired", turns=3)
case("invalid_escapes", QA, GOOD[QA].replace("left-hand", "left\\-hand").replace("It dashes", "It\\'s dashing"),
     "repaired", turns=7)
case("inner_quotes", QA, GOOD[QA].replace("An old wooden boat", 'An old boat named "Sea Rose", all of wood,'),
     "repaired", turns=7)
case("double_encoded", MC, json.dumps(GOOD[MC]), "repaired", turns=7, http=True, held=False)
case("escaped_without_quotes", QA, GOOD[QA].replace('"', '\\"'), "repaired", turns=7)
case("list_in_a_string", QA, {"pairs": text(pairs(QA))}, "repaired", turns=7)
case("missing_bracket", QA, GOOD[QA][:-2] + "}", "repaired", turns=7)
case("stray_brace", QA, GOOD[QA].replace("}, {", "}}, {", 1), "repaired", turns=7)
case("cut_in_the_eighth", QA, text(doc(QA, 8))[:-30], "repaired", turns=7, http=True, held=False)
case("cut_in_an_answer_letter", MC, text(doc(MC, 8))[:-14], "repaired", turns=7)
case("cut_too_early", QA, GOOD[QA][:400], "refused", "cut")
case("cut_before_a_pair", MC, '{"pairs": [{"question": "What does the dog', "refused", "cut")
case("white_space_to_the_limit", MC, '{"pairs": [' + "\n \t" * 9000, "refused", "cut", http=True)
case("white_space_after_six", QA, text(doc(QA, 6))[:-2] + ", " + " " * 30000, "repaired", turns=6)
case("not_a_number", QA, text({"score": 0.5, **doc(QA)}).replace("0.5", "NaN"), "repaired", turns=7)
case("python_literals", QA, text({"done": True, **doc(QA)}).replace("true", "True"), "repaired", turns=7)
case("same_member_twice", QA, GOOD[QA].replace('"answer": "Both', '"answer": "They wear red.", "answer": "Both'),
     "repaired", turns=6)
case("same_member_same_value", QA,
     GOOD[QA].replace('{"question": "Who', '{"question": "Who follows the dog?", "question": "Who'), "repaired",
     turns=7)

# Other shapes
case("bare_list", QA, text(pairs(QA)), "repaired", turns=7, http=True, held=False)
case("extra_members", MC, {"id": 17, "pairs": [{"id": i, "difficulty": "hard", **p} for i, p in enumerate(pairs(MC))]},
     "repaired", turns=7, http=True, held=False)
case("wrapped", QA, {"response": {"data": doc(QA)}}, "repaired", turns=7)
case("list_of_lists", QA, {"pairs": [[p["question"], p["answer"]] for p in pairs(QA)]}, "repaired", turns=7)
case("numbered_object", QA, {"pairs": {str(i + 1): p for i, p in enumerate(pairs(QA))}}, "repaired", turns=7)
case("nested_pairs", QA, {"pairs": [{"pair": p} for p in pairs(QA)]}, "repaired", turns=7)
case("a_line_for_each", QA, "\n".join(text(p) for p in pairs(QA)), "repaired", turns=7)
case("capital_names", QA, {"Pairs": each_key(pairs(QA), {"question": "Question", "answer": "Answer"})}, "repaired",
     turns=7)
case("short_names", QA, {"qa": each_key(pairs(QA), {"question": "q", "answer": "a"})}, "repaired", turns=7)
case("other_names", MC, {"questions": each_key(pairs(MC), {"options": "choices", "answer": "correct_answer"})},
     "repaired", turns=7)
case("roles", QA, {"conversations": [turn for p in pairs(QA) for turn in (
    {"from": "human", "value": p["question"]}, {"from": "gpt", "value": p["answer"]})]}, "repaired", turns=7)
case("roles_of_openai", CR, {"messages": [turn for p in pairs(CR) for turn in (
    {"role": "user", "content": p["question"]}, {"role": "assistant", "content": p["answer"]})]}, "repaired", turns=3)
case("options_as_list", MC, doc(MC, p1={"options": ["A short stick", "A red ball", "A blue ring", "A dead fish"]}),
     "repaired", turns=7)
case("options_as_objects", MC, doc(MC, **{f"p{i}": {"options": [
    {"label": k, "text": v} for k, v in PAIRS[MC][i - 1]["options"].items()]} for i in range(1, 8)}), "repaired", turns=7)
case("options_with_letters", MC, doc(MC, **{f"p{i}": {"options": {
    k: f"{k}: {v}" for k, v in PAIRS[MC][i - 1]["options"].items()}} for i in range(1, 8)}), "repaired", turns=7)
case("options_in_the_pair", MC, {"pairs": [
    {"question": p["question"], **p["options"], "answer": p["answer"]} for p in pairs(MC)]}, "repaired", turns=7)
case("options_in_the_question", MC, {"pairs": [
    {"question": p["question"] + "".join(f"\n{k}) {v}" for k, v in p["options"].items()), "answer": p["answer"]}
    for p in pairs(MC)]}, "repaired", turns=7)
case("options_twice", MC, doc(MC, p1={"question": "What does the dog carry?\nA. A short stick\nB. A red ball\n"
                                                  "C. A blue ring\nD. A dead fish"}), "repaired", turns=7)
case("five_options", MC, doc(MC, p1={"options": {**PAIRS[MC][0]["options"], "E": "A bone"}}), "repaired", turns=7)
case("schema_echoed", MC, {"type": "object", "properties": {"pairs": {"type": "array", "items": {
    "type": "object", "properties": {"question": {"type": "string"}, "answer": {"type": "string"}}}}}}, "refused",
     "shape")
case("no_list", QA, {"dialogue": "The dog runs and the children follow it."}, "refused", "shape")
case("list_of_questions", QA, {"pairs": [p["question"] for p in pairs(QA)]}, "refused", "shape")
case("empty_list", QA, {"pairs": []}, "refused", "shape")
case("plain_text", QA, "What is the dog doing?\nIt runs along the beach.", "refused", "not_json", http=True, held=False)
case("html_page", QA, "<html><body><h1>502 Bad Gateway</h1></body></html>", "refused", "not_json")
case("refusal", MC, "I'm sorry, but I can't help with that request.", "refused", "refusal", http=True)
case("refusal_as_a_model", MC, "As an AI language model, I cannot see pictures.", "refused", "refusal")
case("nothing_but_null", QA, "null", "refused", "not_json")

# How many
case("five_turns", MC, doc(MC, 5), "refused", "turns", http=True, held=False)
case("one_turn_of_reasoning", CR, doc(CR, 1), "refused", "turns")
case("nine_turns", QA, {"pairs": pairs(QA, 8) + [
    {"question": "Can the boat be rowed?", "answer": "Yes, but first someone has to push it to the water."}]},
     "repaired", turns=8, http=True)
case("a_single_pair", QA, PAIRS[QA][0], "refused", "turns")

# Letters
case("letter_e", MC, doc(MC, p2={"answer": "E"}), "repaired", turns=6, http=True, held=False)
case("letters_wrong_twice", MC, doc(MC, p2={"answer": "E"}, p3={"answer": "?"}), "refused", "letters")
case("lower_case_letter", MC, doc(MC, p2={"answer": "a"}), "repaired", turns=7)
case("letter_with_stop", MC, doc(MC, p1={"answer": "B."}, p2={"answer": "(A)"}, p3={"answer": "D)"}), "repaired",
     turns=7)
case("letter_and_text", MC, doc(MC, p1={"answer": "B: A red ball"}, p4={"answer": "C) A wooden boat."}), "repaired",
     turns=7)
case("answer_as_text", MC, doc(MC, **{f"p{i}": {"answer": PAIRS[MC][i - 1]["options"][PAIRS[MC][i - 1]["answer"]]}
                                      for i in range(1, 8)}), "repaired", turns=7, http=True, held=False)
case("answer_sentence", MC, doc(MC, p1={"answer": "The correct answer is B"}), "repaired", turns=7)
case("letter_against_text", MC, doc(MC, 6, p1={"answer": "A) A red ball"}), "refused", "letters")
case("two_right_options", MC, doc(MC, 6, p1={"answer": "A and C"}), "refused", "letters")
case("list_of_letters", MC, doc(MC, 6, p1={"answer": ["A", "C"]}), "refused", "letters")
case("number_as_letter", MC, doc(MC, 6, p1={"answer": 2}), "refused", "letters")
case("missing_answer", MC, doc(MC, 6, p4={"answer": None}), "refused", "shape")
case("missing_answers_of_two", QA, doc(QA, p4={"answer": None}, p5={"answer": None}), "refused", "shape")

# Options
case("four_equal_options", MC, doc(MC, 6, p1={"A": "A ball", "B": "A ball", "C": "A ball", "D": "A ball"}), "refused",
     "options_equal")
case("two_equal_options", MC, doc(MC, 6, p1={"A": "A red ball", "B": "a red  ball."}), "refused", "options_equal")
case("three_options", MC, doc(MC, 6, p1={"options": {"A": "A stick", "B": "A red ball", "C": "A ring"}}), "refused",
     "options")
case("all_of_the_above", MC, doc(MC, 6, p1={"D": "All of the above"}), "refused", "options_meta", held=True)
case("none_of_the_above", MC, doc(MC, p1={"D": "None of the above."}), "repaired", turns=6)
case("both_a_and_b", MC, doc(MC, 6, p1={"D": "Both A and B"}), "refused", "options_meta")
case("number_among_things", MC, doc(MC, 6, p1={"D": "Seventeen"}), "refused", "options_kind")
case("yes_among_things", MC, doc(MC, 6, p1={"D": "Yes"}), "refused", "options_kind")
case("one_long_option", MC, doc(MC, 6, p1={"D": "A dead fish that the waves have thrown onto the shore last night"}),
     "refused", "options_length")
case("right_one_is_longest", MC, doc(MC, 6, p1={"B": "A small red ball of rubber with spots"}), "refused",
     "options_length")

# Words
case("source_leak", QA, doc(QA, p2={"question": "What does the caption say about the lighthouse?"}), "repaired",
     turns=6, http=True, held=True)
case("source_leaks", QA, doc(QA, p2={"answer": "It is mentioned that it stands on the left."},
                             p3={"answer": "As described above, they wear raincoats."}), "refused", "source_leak",
     http=True, held=True)
case("source_in_an_option", MC, doc(MC, 6, p1={"D": "A fish, as per the image"}), "refused", "source_leak")
case("two_images", QA, doc(QA, 6, p2={"question": "<image>\nWhere is the lighthouse?"}), "refused", "reserved_string",
     http=True)
case("reserved_string", QA, doc(QA, 6, p2={"answer": "It stands on rocks.</s>"}), "refused", "reserved_string")
case("reserved_role", QA, doc(QA, 6, p2={"answer": "It stands on rocks. ASSISTANT: Yes."}), "refused",
     "reserved_string")
case("refusal_in_a_turn", QA, doc(QA, 6, p5={"answer": "I'm sorry, I cannot see the picture."}), "refused", "refusal")
case("loop", CR, doc(CR, 2, p2={"answer": "The dog runs and the dog runs. " * 9}), "refused", "loop")
case("same_question_again", QA, doc(QA, 6, p2={"question": "What is the dog doing?"}), "refused", "repeated_question")
case("same_pair_over_and_over", QA, {"pairs": [PAIRS[QA][0]] * 8}, "refused", "repeated_question", http=True)
case("same_answer_again", QA, doc(QA, 6, p2={"answer": "It dashes over the wet sand while holding a ball."}), "refused",
     "repeated_answer")
case("copied_answer", QA, doc(QA, 6, p1={"answer": CAPTION.split(". ")[1] + "."}), "refused", "copied_answer", http=True, held=True)
case("copied_with_yes", QA, doc(QA, 6, p1={"answer": "Yes, " + CAPTION.split(". ")[0].lower() + "."}), "refused",
     "copied_answer")
case("all_begin_with_what", QA, {"pairs": [{"question": f"What {rest}?", "answer": p["answer"]} for rest, p in zip((
    "is the dog doing", "stands on the rocks", "do the children wear", "lies on the sand", "made the sand wet",
    "hides the sun", "follows the dog"), pairs(QA))]}, "refused", "question_variety", http=True)
case("more_than_half_begin_alike", QA, doc(QA, 8, p2={"question": "What stands on the rocks?"},
                                           p3={"question": "What do the children wear?"},
                                           p4={"question": "What lies on the sand?"},
                                           p5={"question": "What made the sand wet?"}), "repaired", turns=6)
case("one_word_of_reasoning", CR, doc(CR, 2, p2={"answer": "Yes."}), "refused", "too_short")
case("empty_strings", QA, doc(QA, 6, p2={"answer": ""}), "refused", "empty")
case("white_answer", QA, doc(QA, 6, p2={"answer": " \u00a0 \n"}), "refused", "empty")
case("punctuation_only", QA, doc(QA, 6, p2={"answer": "..."}), "refused", "empty")
case("null_answer", QA, GOOD[QA].replace('"It dashes over the wet sand while holding a ball."', "null"), "repaired",
     turns=6)
case("number_as_answer", QA, doc(QA, p3={"question": "How many children follow?", "answer": 2}), "repaired", turns=7)
case("answer_in_steps", CR, doc(CR, p1={"answer": PAIRS[CR][0]["answer"].split(". ")}), "repaired", turns=3)
case("numbering", QA, {"pairs": [{"question": f"Q{i + 1}: {p['question']}", "answer": f"A{i + 1}: {p['answer']}"}
                                 for i, p in enumerate(pairs(QA))]}, "repaired", turns=7, held=True)
case("speakers", QA, {"pairs": [{"question": "User: " + p["question"], "answer": "Answer: " + p["answer"]}
                                for p in pairs(QA)]}, "repaired", turns=7)
case("bold", QA, doc(QA, p1={"question": "**What** is the dog doing?"}, p2={"answer": "It is __left__ of `us` here."}),
     "repaired", turns=7, held=True)
case("bullets", CR, doc(CR, p1={"answer": "- The sand lies low and is covered first.\n- Then the boat floats away.\n"
                                          "- The children have to leave at last."}), "repaired", turns=3)
case("character_entities", QA, doc(QA, p1={"answer": "It&#39;s running &amp; holding a ball of rubber."}), "repaired",
     turns=7)
case("html_emphasis", QA, doc(QA, p1={"answer": "It is <b>running</b> over the sand.<br/>"}), "repaired", turns=7)
case("html_link", QA, doc(QA, 6, p1={"answer": "It is <a href='x'>running</a> over the sand."}), "refused", "markup")
case("web_address", QA, doc(QA, 6, p1={"answer": "See https://example.org/dog for what it does."}), "refused", "markup")
case("numbered_sentences", CR, doc(CR, 2, p1={
    "answer": "First look at the sand. 2. Then the boat is reached. 3. So they leave."}), "refused", "markup")
case("speaker_in_the_middle", QA, doc(QA, 6, p1={"answer": "It runs. Question: Where does it go?"}), "refused", "markup")
case("json_in_a_turn", QA, doc(QA, 6, p1={"answer": 'It runs. {"question": "x"}'}), "refused", "markup")
case("chinese", QA, {"pairs": [{"question": "这只狗在做什么？", "answer": "它在沙滩上奔跑，嘴里叼着一个红球。"}] * 6},
     "refused", "language")
case("chinese_answer", QA, doc(QA, p1={"answer": "它在沙滩上奔跑，嘴里叼着一个红球。"}), "repaired", turns=6, held=True)
case("spanish", QA, {"pairs": [
    {"question": f"¿{q} en la playa mojada?", "answer": "El perro corre rápido por la arena con una pelota roja."}
    for q in ("Qué hace el perro", "Dónde está el faro", "Cómo van los niños", "Por qué corre", "Quién corre detrás",
              "Cuántos niños hay")]}, "refused", "language", http=True)
case("german_answers", CR, doc(CR, 3, **{f"p{i}": {"answer": text} for i, text in enumerate((
    "Der nasse Sand liegt am tiefsten und wird zuerst vom Wasser bedeckt, danach erreicht die Flut das Boot in der Mitte.",
    "Der Hund hat einen Ball im Maul und die Kinder laufen hinter ihm her, also ist es wohl ein Spiel zwischen ihnen."), 1)}),
     "refused", "language")
case("french_answer", QA, doc(QA, 6, p1={"answer": "Le chien court sur le sable mouillé avec une balle rouge dans la "
                                                  "gueule, et deux enfants le suivent."}), "refused", "language")
case("english_without_common_words", QA, doc(QA, p1={"answer": "Running fast, teeth holding something round, paws "
                                                               "splashing shallow puddles."}), "as_is", turns=7)
case("french_questions", MC, doc(MC, 6, p1={"question": "Que porte le chien dans sa gueule ?"},
                                 p2={"question": "Où se trouve le grand phare blanc ?"}), "refused", "language")
case("mojibake", QA, doc(QA, 6, p1={"answer": "It â€œrunsâ€ over the childrenâ€™s sand."}), "refused", "mojibake",
     http=True)
case("replacement_character", QA, doc(QA, p1={"answer": "It runs past a caf\ufffd on the shore."}), "repaired", turns=6)
case("half_of_a_pair", QA, GOOD[QA].replace("It dashes", "It \\ud83d dashes"), "repaired", turns=6)
case("too_long_question", QA, doc(QA, 6, p1={"question": "What " + "is it that lies beside the boat and " * 20 + "?"}),
     "refused", "too_long")

WORDS = ("the sand and rocks of this shore are wet because tide wind dog boat children light cloud wave ball coat "
         "beside under past from with slowly north grey white yellow old small run lie stand turn reach").split()
dice = random.Random(7)
def rambling(task, chars):
    return {"pairs": [{"question": f"{word} would the day on this coast go on from here?",
                       "answer": " ".join(dice.choice(WORDS) for _ in range(600))[:chars].strip()}
                      for word in QUESTIONS[:{QA: 6, CR: 3}[task]]]}


case("too_long_in_all", QA, rambling(QA, 1500), "refused", "too_long")
case("too_long_by_one_pair", CR, rambling(CR, 2990), "repaired", turns=2)


if __name__ == "__main__":
    for one in CASES:
        print(json.dumps(one))

"""What the service may refuse although the schemas of the document take it: rules between members,
and values that depend on what is there. Each is said in the descriptions of the document; a schema of
OpenAPI 3.0 that every generator reads cannot say them. A refusal that no line here allows is a failure.

The operation (None for all), then the pointer and the detail, as expressions that match from the start.
A problem without pointers is about the body as a whole and has the pointer "".
"""
import re

REFUSALS = [
    # A token belongs to the list that gave it out, with its filters.
    (None, r"\?page_token$", r"is not a token that this list gave out"),
    # A range in units that a pattern would say in a way that nobody could read.
    ("get_run", r"\?wait$", r"the duration in ms must be from 0 to 60000"),
    # The 31st of a month that has 30 days.
    (None, r"/budget/deadline$|\?(from|to)$", r"must be a time as in RFC 3339"),
    # Which operations give files, only the table of routes says.
    ("sign_url", r"/url$", r"must be the path of a file|is signed already"),
    # What is there is not what the tags in the headers are of; a key that came before.
    (None, r"$", r"what is there is not what If-Match or If-None-Match asks for"),
    (None, r"$", r"this Idempotency-Key came with another body"),
    # What is there: shards of the dataset, encoders and providers that are declared, the dimension of
    # an encoder, sets of templates that ship, prompts, moments.
    (None, r"\?shards$", r"must be a shard or a range such as 0-3, of shards 0 to \d+$"),
    (None, r"\?of$", r"is more than the dataset's \d+ shards"),
    (None, r"\?after$", r"is in shard \d+, which reader"),
    ("create_export", r"/(view|dialogue_recipes)/\d+$", r"is no recipe of \w+ that the dataset has used"),
    ("create_export", r"/files$", r"must be at most the dataset's shards"),
    (None, r"[?/]", r"is not declared; there are: "),
    (None, r"/(captions|dialogues|representations)/", r"must say which: "),
    ("create_embeddings", r"/dimensions$", r"must be the encoder's, which is \d+"),
    ("put_image_moments", r"/mean$", r"has \d+ values?, the encoder's vectors have \d+"),
    ("expand_seeds", r"/template_set$", r"is not a set of templates|is required without templates"),
    ("expand_seeds", r"/per_label$", r"is more than the \d+ templates"),
    ("create_run", r"/(captions|dialogues)/prompts?(/\d+/prompt)?$", r"is no prompt of this stage"),
    (None, r"(/representations)?/image_moments$", r"the encoder.* has no such image moments"),
    (None, r"/text_moments$", r"are no moments of the texts of this dataset"),
    ("create_run", r"/budget/cost_usd$", r"the provider \S+ has no prices"),
    ("put_provider_limits", r"/[rt]pm$", r"the offline composer calls no server"),
    # What a text is once it is normalised: the limit of the schema is of the text as it is sent.
    (None, r"/(seeds/\d+/text|seed|caption)$",
     r"the text has (\d+ characters, \d+ are allowed|nothing but white space)"),
    (None, r"/reviewer$", r"has nothing but white space"),
    ("expand_seeds", r"/domain$", r"has nothing but white space"),
    (None, r"/input/\d+$", r"has no vector"),
    # What a stream has in it, and numbers within a member that takes any object.
    ("import_seeds", r"$", r"the compressed stream (is damaged|ends too early)"),
    ("import_captions", r"$", r"the compressed stream (is damaged|ends too early)"),
    ("import_embeddings", r"$", r""),
    ("import_image_moments", r"$", r""),
    ("create_seeds", r"$", r"line \d+, column \d+: a number is larger than can be represented"),
    # A label may not look like an id.
    (None, r"[?/]label$", r"must match \S+ and not look like an id"),
    # Names of members: OpenAPI 3.0 has no pattern for them.
    ("create_run", r"/labels/", r"is not a name of "),
    ("create_export", r"/labels/", r"is not a name of "),
    # Members that go with each other or not.
    ("list_captions", r"\?min_length$", r"is more than max_length"),
    ("stream_captions", r"\?min_length$", r"is more than max_length"),
    (None, r"\?(shard|of)$", r"must say (which|how many)|must be less than of"),
    ("create_export", r"/(include|formats|view|dialogue_recipes)(/\d+)?$",
     r"names \w\S* twice|stands twice|holds nothing of what is included"),
    ("create_export", r"/(mix|dialogue_recipes|transfer|encoder|dtype)$",
     r"is about \w+, which are not included|must have a share above 0|numpy has no bfloat16"),
    ("create_export", r"/select$", r"min_length must not be above max_length"),
    (None, r"(/representations)?/parameters/\w+$", r"is a parameter of |says what cosine says"),
    (None, r"(/representations)?/image_moments$",
     r"is of no use to this transfer|is required: the transfer uses"),
    ("compute_representations", r"/dataset$", r"is required: the transfer uses"),
    ("create_run", r"/(captions|dialogues|representations)$",
     r"settings of a stage that the run does not have"),
    ("create_run", r"/limit$", r"stands beside dry_run"),
    ("create_run", r"/(captions|dialogues)/(prompts|providers)", r"names \".*\" twice"),
    ("create_run", r"/(captions|dialogues)/\w+", r"stands? beside "),
    ("create_run", r"/(captions|dialogues)", r"must have a (weight|share|number) above 0"),
    ("create_run", r"/dialogues/(\w*turns)$", r"min (must not be above max|is \d+ and max is \d+)"),
    ("create_run", r"/captions/filters/", r"must be at least min_\w+, which is "),
    ("create_run", r"/stages", r"names \w+ twice"),
    ("create_prompt", r"/(system|template|tasks)",
     r"must have \{\{|\{\{.*\}\} (is not a variable|always has a value)"),
    ("create_prompt", r"/tasks$",
     r"is required for a prompt of dialogues|a prompt of captions has no tasks"),
    ("preview_prompt", r"/",
     r"is required (with|without|for)|comes from the seed|a prompt of \w+ has no such"),
    ("preview_prompt", r"/turns$", r"min must not be above max"),
    # What a template has in it, and whether it is there twice.
    ("expand_seeds", r"/templates/\d+$",
     r"must have \{label\}|has a (brace|reserved string)|is the same as one"),
    ("expand_seeds", r"/template_set$", r"goes without templates"),
    ("create_key", r"/datasets$", r"an admin key cannot be limited to some datasets"),
]


def allowed(operation, problem):
    """Whether everything that a problem says may be said."""
    errors = problem.get("errors") or [{"pointer": "", "detail": problem.get("detail", "")}]
    return all(any(which in (None, operation) and re.match(pointer, error["pointer"])
                   and re.match(detail, error["detail"]) for which, pointer, detail in REFUSALS)
               for error in errors)

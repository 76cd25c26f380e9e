"""Makes a language model of half a megabyte, as GGUF or as a Hugging Face folder: two layers of random weights over a vocabulary of
words, characters and bytes. What it says is word salad, but it ends its sentences and itself: the first
number of the hidden state is the same everywhere, so that the output weights on it are the words'
likelihoods.

Command line: python3 tests/support/tiny_model.py FILE.gguf | FOLDER
"""
import json
import pathlib
import struct
import sys

import numpy

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 64, 2, 2, 128, 32768
CONSTANT, SPREAD = 4.0, 0.5   # of a token's vector: its first number, the deviation of the others
RANDOMNESS = 0.08             # of the output weights: some words follow some words more often

WORDS = """a the one red blue green yellow white black grey brown small large wide narrow tall short round
square wooden stone metal glass smooth rough dry wet bright dark soft sharp old new man woman child dog cat
horse bird tree river lake field hill road street house wall door window roof table chair bench box basket
boat train bicycle sign lamp fence gate bridge tower garden market kitchen beach shore harbour station stands
sits lies rests leans hangs runs walks looks holds carries wears shows reaches crosses is are and with near
behind beside under over above between along in on at of to from towards around left right front back side
middle edge corner ground sky light shadow line row group leaf flower cloud water sand snow grass""".split()
KEYS = ["pairs", "question", "options", "answer", '":', '","', '{"', '"}']
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


def vocabulary():
    """(text, kind, logarithm of how likely it is), by token number."""
    tokens = [("<unk>", UNKNOWN, -30.0), ("<s>", CONTROL, -30.0), ("</s>", CONTROL, -4.2)]
    tokens += [(f"<0x{byte:02X}>", BYTE, -30.0) for byte in range(256)]
    tokens += [("\u2581", NORMAL, -12.0)]
    likely = {".": -2.6, ",": -3.5, '"': -2.3, "?": -5.0}
    tokens += [(chr(c), NORMAL, likely.get(chr(c), -12.0)) for c in range(0x21, 0x7f)]
    tokens += [(key, NORMAL, -9.0) for key in KEYS]  # where a grammar wants them, rather than by letters
    tokens += [("\u2581" + word, NORMAL, -5.0) for word in WORDS]
    return tokens


def weights(tokens, seed):
    rng = numpy.random.default_rng(seed)

    def matrix(rows, columns, spread):
        return rng.normal(0, spread, (rows, columns)).astype(numpy.float32)

    def keeps_constant(m):
        m[0] = 0  # nothing is added to the first number
        return m

    embedding = matrix(len(tokens), WIDTH, SPREAD)
    embedding[:, 0] = CONSTANT
    size = numpy.sqrt((CONSTANT ** 2 + (WIDTH - 1) * SPREAD ** 2) / WIDTH)
    output = matrix(len(tokens), WIDTH, RANDOMNESS)
    output[:, 0] = [likely * size / CONSTANT for _, _, likely in tokens]
    ones = numpy.ones(WIDTH, numpy.float32)
    tensors = {"token_embd.weight": embedding, "output_norm.weight": ones, "output.weight": output}
    for i in range(LAYERS):
        block = f"blk.{i}."
        tensors[block + "attn_norm.weight"] = tensors[block + "ffn_norm.weight"] = ones
        for name in ("attn_q", "attn_k", "attn_v"):
            tensors[f"{block}{name}.weight"] = matrix(WIDTH, WIDTH, 0.1)
        tensors[block + "attn_output.weight"] = keeps_constant(matrix(WIDTH, WIDTH, 0.1))
        tensors[block + "ffn_gate.weight"] = matrix(INNER, WIDTH, 0.1)
        tensors[block + "ffn_up.weight"] = matrix(INNER, WIDTH, 0.1)
        tensors[block + "ffn_down.weight"] = keeps_constant(matrix(WIDTH, INNER, 0.1))
    return tensors


# ---- GGUF ----

def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key, kind, value):
    forms = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}
    head = text(key) + struct.pack("<I", kind)
    if kind == STRING:
        return head + text(value)
    if kind == ARRAY:
        of, items = value
        body = b"".join(text(i) if of == STRING else struct.pack(forms[of], i) for i in items)
        return head + struct.pack("<IQ", of, len(items)) + body
    return head + struct.pack(forms[kind], value)


def metadata(tokens):
    texts, kinds, _ = zip(*tokens)
    return [
        pair("general.architecture", STRING, "llama"),
        pair("general.name", STRING, "tiny random"),
        pair("llama.context_length", U32, CONTEXT),
        pair("llama.embedding_length", U32, WIDTH),
        pair("llama.block_count", U32, LAYERS),
        pair("llama.feed_forward_length", U32, INNER),
        pair("llama.attention.head_count", U32, HEADS),
        pair("llama.attention.head_count_kv", U32, HEADS),
        pair("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        pair("llama.rope.dimension_count", U32, WIDTH // HEADS),
        pair("llama.vocab_size", U32, len(tokens)),
        pair("tokenizer.ggml.model", STRING, "llama"),
        pair("tokenizer.ggml.tokens", ARRAY, (STRING, texts)),
        pair("tokenizer.ggml.scores", ARRAY, (F32, [-float(i) for i in range(len(tokens))])),
        pair("tokenizer.ggml.token_type", ARRAY, (I32, kinds)),
        pair("tokenizer.ggml.bos_token_id", U32, 1),
        pair("tokenizer.ggml.eos_token_id", U32, 2),
        pair("tokenizer.ggml.unknown_token_id", U32, 0),
        pair("tokenizer.ggml.add_space_prefix", BOOL, False),
        pair("tokenizer.chat_template", STRING, TEMPLATE),
    ]


def aligned(raw, to=32):
    return raw + b"\0" * (-len(raw) % to)


def gguf(seed=1):
    """The model as the bytes of a GGUF file."""
    tokens = vocabulary()
    pairs, tensors = metadata(tokens), weights(tokens, seed)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs)
    data = b""
    for name, values in tensors.items():
        head += text(name) + struct.pack("<I", values.ndim)
        head += b"".join(struct.pack("<Q", n) for n in reversed(values.shape))
        head += struct.pack("<IQ", 0, len(data))
        data += aligned(values.astype("<f4").tobytes())
    return aligned(head) + data


# ---- a folder as transformers, vLLM and others read it ----

HF_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
            "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
            "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
            "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
            "ffn_down": "mlp.down_proj"}


def safetensors(tensors):
    head, data = {}, b""
    for name, values in tensors.items():
        block, _, part = name.removesuffix(".weight").rpartition(".")
        prefix = f"model.layers.{block.removeprefix('blk.')}." if block else ""
        raw = values.astype("<f4").tobytes()
        head[f"{prefix}{HF_NAMES[part]}.weight"] = {"dtype": "F32", "shape": list(values.shape),
                                                    "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    packed = json.dumps(head).encode()
    return struct.pack("<Q", len(packed)) + packed + data


def tokenizer(tokens):
    added = [{"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i, (content, _, _) in enumerate(tokens[:3])]
    decoders = [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"}]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
            "pre_tokenizer": None, "post_processor": None,
            "decoder": {"type": "Sequence", "decoders": decoders},
            "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": True,
                      "vocab": [[content, -1.0 - i / 100] for i, (content, _, _) in enumerate(tokens)]}}


def folder(path, context, seed=1):
    """The model as a folder with configuration, tokenizer and weights."""
    tokens, path = vocabulary(), pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": WIDTH,
              "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
              "num_key_value_heads": HEADS, "vocab_size": len(tokens), "max_position_embeddings": context,
              "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "bos_token_id": 1,
              "eos_token_id": 2, "torch_dtype": "float32", "tie_word_embeddings": False}
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "bos_token": "<s>",
             "eos_token": "</s>", "chat_template": TEMPLATE, "model_max_length": context,
             "clean_up_tokenization_spaces": False}
    for name, value in (("config.json", config), ("tokenizer_config.json", names),
                        ("tokenizer.json", tokenizer(tokens)),
                        ("generation_config.json", {"do_sample": True, "bos_token_id": 1, "eos_token_id": 2})):
        (path / name).write_text(json.dumps(value), encoding="utf-8")
    (path / "model.safetensors").write_bytes(safetensors(weights(tokens, seed)))


if __name__ == "__main__":
    if sys.argv[1].endswith(".gguf"):
        pathlib.Path(sys.argv[1]).write_bytes(gguf())
    else:
        folder(sys.argv[1], 8192)

"""Both sides of LLM2CLIP: texts and images as vectors of one space, float32, not normalised.

NOT RUN WITH THE REAL WEIGHTS. `Llm2Clip` follows the model card of microsoft/LLM2CLIP-Openai-L-14-336 and needs a
GPU, some 20 GB of weights and the package llm2vec; nobody has run it here. What is tested is `Tiny`: the same
interface over models of random weights, which transformers makes on the spot. Its vectors mean nothing.
"""
import numpy
import torch

CLIP = "microsoft/LLM2CLIP-Openai-L-14-336"
LLM = "microsoft/LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned"
PROCESSOR = "openai/clip-vit-large-patch14-336"
TOKENS_MAX = 512  # of a text; the rest is cut off


def rows(tensor):
    return tensor.detach().to("cpu", torch.float32).numpy()


class Llm2Clip:
    """Texts through the language model, mean pooling and the text adapter; images through the vision tower."""

    def __init__(self, device="cuda", texts=True):
        from transformers import AutoConfig, AutoModel, AutoTokenizer, CLIPImageProcessor
        self.name, self.device = CLIP, device
        self.processor = CLIPImageProcessor.from_pretrained(PROCESSOR)
        self.clip = AutoModel.from_pretrained(CLIP, torch_dtype=torch.float16, trust_remote_code=True)
        self.clip = self.clip.to(device).eval()
        if texts:
            from llm2vec import LLM2Vec
            config = AutoConfig.from_pretrained(LLM, trust_remote_code=True)
            llm = AutoModel.from_pretrained(LLM, torch_dtype=torch.bfloat16, config=config, trust_remote_code=True)
            llm.config._name_or_path = "meta-llama/Meta-Llama-3-8B-Instruct"  # which llm2vec looks for
            self.tokenizer = AutoTokenizer.from_pretrained(LLM)
            self.encoder = LLM2Vec(llm.to(device), self.tokenizer, pooling_mode="mean", max_length=TOKENS_MAX,
                                   doc_max_length=TOKENS_MAX)

    def count(self, text):
        return len(self.tokenizer(text)["input_ids"])

    @torch.inference_mode()
    def texts(self, texts):
        pooled = self.encoder.encode(texts, convert_to_tensor=True).to(self.device)
        with torch.autocast(self.device):
            return rows(self.clip.get_text_features(pooled))

    @torch.inference_mode()
    def images(self, images):
        pixels = self.processor(images=images, return_tensors="pt").pixel_values.to(self.device)
        with torch.autocast(self.device):
            return rows(self.clip.get_image_features(pixels))


class Tiny:
    """Random weights, the same each time, over bytes as tokens."""

    def __init__(self, dimension=64, seed=0):
        from transformers import (CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection, LlamaConfig,
                                  LlamaModel)
        torch.manual_seed(seed)
        self.name = "tiny-random"
        self.llm = LlamaModel(LlamaConfig(vocab_size=257, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                                          num_attention_heads=4, num_key_value_heads=2,
                                          max_position_embeddings=TOKENS_MAX)).eval()
        self.adapter = torch.nn.Linear(64, dimension)
        self.clip = CLIPVisionModelWithProjection(CLIPVisionConfig(
            hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, image_size=32,
            patch_size=8, projection_dim=dimension)).eval()
        self.processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})

    def count(self, text):
        return len(text.encode())

    @torch.inference_mode()
    def texts(self, texts):
        """One by one: a text has the same vector whatever it is asked with."""
        pooled = []
        for text in texts:
            tokens = torch.tensor([list(text.encode())[:TOKENS_MAX]])
            pooled.append(self.llm(input_ids=tokens).last_hidden_state[0].mean(dim=0))
        return rows(self.adapter(torch.stack(pooled)))

    @torch.inference_mode()
    def images(self, images):
        pixels = self.processor(images=images, return_tensors="pt").pixel_values
        return rows(self.clip(pixel_values=pixels).image_embeds)


def load(tiny, device="cuda", texts=True):
    return Tiny() if tiny else Llm2Clip(device, texts)


def unit(vectors):
    vectors = vectors.astype(numpy.float64)
    norms = numpy.linalg.norm(vectors, axis=1, keepdims=True)
    if not (numpy.isfinite(norms).all() and (norms > 0).all()):
        raise ValueError("a vector has no direction")
    return (vectors / norms).astype("<f4")

"""Models of one layer and width 8 with random weights, for tests that look at text and not at numbers."""

import torch

from bestiary.models.gpt2 import GPT2Config
from bestiary.models.gpt2.model import GPT2LMHeadModel
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM


def tiny(kind, seed, vocabulary):
    """A "llama" or "gpt2" whose answers vary; begin token 0, end token and padding 1."""
    torch.manual_seed(seed)
    shared = {"vocab_size": vocabulary, "initializer_range": 0.4, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    if kind == "llama":
        sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
        return LlamaForCausalLM(LlamaConfig(max_position_embeddings=512, **sizes, **shared)).eval()
    return GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=2, n_positions=512, **shared)).eval()

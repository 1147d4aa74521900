"""Tiny models of both libraries with the same weights, and byte-level tokenizers."""

import pytest
import torch
import transformers

from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM
from bestiary.models.t5 import T5Config
from bestiary.models.t5.model import T5ForConditionalGeneration

LLAMA = {
    "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 96, "initializer_range": 0.5, "eos_token_id": 2, "bos_token_id": 1,
    "pad_token_id": 0,
}  # fmt: skip
T5 = {
    "vocab_size": 64, "d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
    "initializer_factor": 2.0, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1,
}  # fmt: skip


def twins(reference_class, reference_config, our_class, our_config):
    torch.manual_seed(7)
    theirs = reference_class._from_config(reference_config, attn_implementation="eager").eval()
    mine = our_class(our_config).eval()
    missing = mine.load_state_dict(theirs.state_dict(), strict=False)
    assert not missing.unexpected_keys
    mine.tie_weights()
    return mine, theirs


@pytest.fixture(scope="session")
def llama():
    return twins(transformers.LlamaForCausalLM, transformers.LlamaConfig(**LLAMA), LlamaForCausalLM, LlamaConfig(**LLAMA))


@pytest.fixture(scope="session")
def t5():
    return twins(
        transformers.T5ForConditionalGeneration, transformers.T5Config(**T5), T5ForConditionalGeneration, T5Config(**T5)
    )


@pytest.fixture
def ids():
    return torch.randint(3, 64, (3, 7), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def padded(ids):
    mask = torch.ones_like(ids)
    mask[1, :3] = 0
    mask[2, :5] = 0
    return {"input_ids": ids.masked_fill(mask == 0, 0), "attention_mask": mask}

"""An assistant with another tokenizer."""

import copy

import pytest
import tokenizers
import torch
from kit import assistants, filled
from tokenizers import decoders, pre_tokenizers
from tokenizers import models as bpe

from bestiary.core.errors import ArgumentError
from bestiary.models.llama import LlamaConfig, LlamaForCausalLM
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast


@pytest.fixture(scope="module")
def bridged(byte_level):
    """A model, an assistant with letters for tokens, and both tokenizers."""
    letters = letters_tokenizer()
    sizes = {"model": len(byte_level), "draft": len(letters)}
    made = {
        name: filled.fill(
            LlamaForCausalLM(
                LlamaConfig(**{**assistants.LLAMA, "vocab_size": size, "eos_token_id": None, "num_hidden_layers": 1})
            )
        )
        for name, size in sizes.items()
    }
    return made["model"], made["draft"], byte_level, letters


def letters_tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(bpe.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made)


@pytest.mark.parametrize("options", [{}, {"assistant_lookbehind": 1, "target_lookbehind": 2}, {"do_sample": True, "seed": 4}])
def test_another_tokenizer(bridged, options):
    model, draft, tokenizer, other = bridged
    ids = tokenizer("def fibonacci(n):\n    return", return_tensors="pt").input_ids
    own = {name: value for name, value in options.items() if "lookbehind" not in name}
    plain = model.generate(ids, max_new_tokens=30, **own)
    got = model.generate(
        ids, max_new_tokens=30, assistant_model=draft, tokenizer=tokenizer, assistant_tokenizer=other, **options
    )
    assert torch.equal(got, plain)


def test_another_tokenizer_serves_one_row(bridged):
    model, draft, tokenizer, other = bridged
    ids = tokenizer(["def f", "def g"], return_tensors="pt").input_ids
    with pytest.raises(ArgumentError, match="found 2 rows and no encoder"):
        model.generate(ids, assistant_model=draft, tokenizer=tokenizer, assistant_tokenizer=other)


@pytest.mark.parametrize(("options", "most"), [({}, 7), ({"assistant_lookbehind": 2, "target_lookbehind": 2}, 9)])
def test_guesses_come_through_another_tokenizer_unharmed(options, most):
    """Two tokenizers that number the same characters differently, and two models that differ in nothing else."""
    letters = "abcdefghijklmnopqrstuvwxyz .,!?0123456789"[: assistants.LLAMA["vocab_size"]]
    made = []
    for order in (letters, letters[::-1]):
        tokenizer = tokenizers.Tokenizer(bpe.BPE({letter: i for i, letter in enumerate(order)}, []))
        tokenizer.decoder = decoders.Fuse()
        made.append(PreTrainedTokenizerFast(tokenizer_object=tokenizer))
    model, twin = assistants.model("llama"), copy.deepcopy(assistants.model("llama"))
    with torch.no_grad():
        for weight in (twin.model.embed_tokens.weight, twin.lm_head.weight):
            weight.copy_(weight.flip(0))
    options = {**options, "assistant_model": twin, "tokenizer": made[0], "assistant_tokenizer": made[1]}
    options |= {"num_assistant_tokens": 5, "assistant_confidence_threshold": 0.0, "max_new_tokens": 37, "eos_token_id": []}
    passes, handle = assistants.counted(model)
    got = model.generate(**assistants.inputs("llama"), **options)
    handle.remove()
    assert torch.equal(got, model.generate(**assistants.inputs("llama"), max_new_tokens=37, eos_token_id=[]))
    assert len(passes) <= most

"""`position_ids` and `token_type_ids` of a prompt go on in what is written, whatever goes over it: the reference's tokens."""

import pytest
import torch
import transformers

import bestiary

SIZES = {"vocab_size": 60, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.5}
CONFIGS = {
    "GPT2LMHeadModel": {"vocab_size": 60, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, **ENDS},
    "BertLMHeadModel": {**SIZES, "is_decoder": True, "max_position_embeddings": 64, **ENDS},
    "LlamaForCausalLM": {**SIZES, **ENDS},
}
IDS = torch.tensor([[0, 0, 8, 12, 30, 41], [7, 51, 4, 4, 19, 22]])
MASK = (IDS != 0).long()
POSITIONS = (MASK.cumsum(1) - 1).clamp(min=0)
SEGMENTS = torch.tensor([[0, 0, 0, 1, 1, 1], [1, 1, 0, 0, 1, 0]])
INPUTS = {
    "positions": {"position_ids": POSITIONS, "attention_mask": MASK},
    "shifted": {"position_ids": torch.arange(6).expand(2, -1) + 3, "attention_mask": torch.ones_like(IDS)},
    "segments": {"token_type_ids": SEGMENTS, "attention_mask": torch.ones_like(IDS)},
    "both": {"token_type_ids": SEGMENTS, "position_ids": POSITIONS + 1, "attention_mask": MASK},
}
PLAIN = {"max_new_tokens": 8, "eos_token_id": None, "do_sample": False}


@pytest.fixture(scope="module", params=CONFIGS)
def models(request, tmp_path_factory):
    torch.manual_seed(0)
    kind = getattr(transformers, request.param)
    theirs = kind(kind.config_class(**CONFIGS[request.param])).eval()
    folder = tmp_path_factory.mktemp("model")
    theirs.save_pretrained(folder)
    return getattr(bestiary, request.param).from_pretrained(folder), theirs


def cases(models, name):
    if "token_type_ids" in INPUTS[name] and isinstance(models[1], transformers.LlamaForCausalLM):
        pytest.skip("this model has no segments")
    return INPUTS[name]


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("options", [{}, {"use_cache": False}, {"num_beams": 3}, {"num_beams": 3, "use_cache": False}], ids=str)
def test_batches(models, name, options):
    tokens = [model.generate(IDS, **cases(models, name), **PLAIN, **options) for model in models]
    assert torch.equal(*tokens)


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("options", [{"assistant_model": True}, {"prompt_lookup_num_tokens": 3}], ids=str)
def test_guesses(models, name, options):
    row = {key: value[1:] for key, value in cases(models, name).items()}
    tokens = [
        model.generate(IDS[1:], **row, **PLAIN, **{key: model if value is True else value for key, value in options.items()})
        for model in models
    ]
    assert torch.equal(*tokens)


@pytest.mark.parametrize("name", INPUTS)
def test_our_own_ways(models, name):
    mine, inputs = models[0], cases(models, name)
    plain = mine.generate(IDS, **inputs, **PLAIN)
    assert torch.equal(mine.generate(IDS, **inputs, **PLAIN, prefill_chunk_size=4), plain)
    assert torch.equal(mine.generate(IDS, **inputs, **PLAIN, assistant_model=mine), plain)
    cache = bestiary.DynamicCache()
    seen = {key: value[:, :4] for key, value in inputs.items()}
    mine(IDS[:, :4], past_key_values=cache, **seen)
    assert torch.equal(mine.generate(IDS, **inputs, **PLAIN, past_key_values=cache), plain)


def test_columns_of_another_number_are_refused(models):
    for columns in (torch.zeros(2, 5, dtype=torch.int64), torch.zeros(2, 8, dtype=torch.int64)):
        with pytest.raises(bestiary.core.errors.InputError, match="position_ids"):
            models[0].generate(IDS, attention_mask=MASK, position_ids=columns, **PLAIN)

"""The exported step of every model that generates, run for 20 tokens, against the model itself."""

import io

import pytest
import torch
from kit.families import cases, pair

from bestiary.core.errors import ArgumentError
from bestiary.export.decoding_step import cache_tensors, export_step
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM

GENERATE = [(model_type, name) for model_type, case in cases().items() for name, head in case.heads.items() if head.generates]
STEPS = 20


def steps_of(program, logits, past, position, **fixed):
    """Greedy tokens and logits of `STEPS` steps of `program`, from the logits (B, V) after a prompt."""
    tokens, seen, mask = [], [], fixed.pop("attention_mask", None)
    grows = position is not None
    for _ in range(STEPS):
        newest = logits.argmax(-1, keepdim=True)
        tokens.append(newest)
        if mask is not None and grows:
            mask = torch.cat([mask, torch.ones_like(newest)], dim=1)
        extra = fixed if mask is None else {**fixed, "attention_mask": mask}
        logits, past = program(newest, position, past, **extra)
        seen.append(logits)
        position = position + 1 if grows else None
    return torch.cat(tokens, dim=1), torch.stack(seen, dim=1)


@pytest.mark.parametrize(
    ("model_type", "name", "padded"), [("llama", "LlamaForCausalLM", False), *((*row, True) for row in GENERATE)]
)
@torch.no_grad()
def test_twenty_steps(model_type, name, padded):
    model = pair(model_type, name).ours
    room = model.context_length() or model.config.get("max_target_positions") or 64
    if room < STEPS + 6:
        model = wider(model)
    stored = io.BytesIO()
    torch.export.save(export_step(model, padded=padded), stored)  # nothing but tensors, lists and dictionaries goes in
    stored.seek(0)
    program = torch.export.load(stored).module()
    for rows, length in ((1, 2), (4, 5)):
        draw = torch.Generator().manual_seed(length)
        ids = torch.randint(5, 60, (rows, length), generator=draw)
        run = _encoder_decoder if model.config.is_encoder_decoder else _decoder
        run(model, program, ids, padded, draw)


def wider(model):
    """The model with positions for more tokens, or the test would end before 20 steps."""
    config = type(model.config)(**{**model.config.to_dict(), "max_position_embeddings": 64, "n_positions": 64})
    torch.manual_seed(0)
    return type(model)(config).eval()


def _decoder(model, program, ids, padded, draw):
    mask = torch.ones_like(ids)
    if padded and len(ids) > 1:
        mask[1, :2] = 0
    output = model(ids, attention_mask=mask, use_cache=True)
    start = cache_tensors(output.past_key_values)
    copies = [tensor.clone() for tensor in start]
    fixed = {"attention_mask": mask} if padded else {}
    tokens, logits = steps_of(program, output.logits[:, -1], start, mask.sum(1, keepdim=True), **fixed)
    assert all(torch.equal(before, after) for before, after in zip(copies, start, strict=True))  # a pure function
    whole = torch.cat([ids, tokens], dim=1)
    mask = torch.cat([mask, torch.ones_like(tokens)], dim=1)
    expected = model(whole, attention_mask=mask, use_cache=False).logits
    assert torch.equal(expected[:, ids.shape[1] - 1 : -1].argmax(-1), tokens)
    torch.testing.assert_close(logits, expected[:, ids.shape[1] :], rtol=1e-5, atol=1e-5)


def _encoder_decoder(model, program, ids, padded, draw):
    from bestiary.core.outputs import BaseModelOutput

    states = torch.randn(len(ids), 7, model.config.hidden_size, generator=draw)
    mask = torch.ones(len(ids), 7, dtype=torch.int64)
    if padded:
        mask[-1, 4:] = 0
    given = {"attention_mask": mask} if padded else {}
    encoded = BaseModelOutput(states)
    output = model(decoder_input_ids=ids, encoder_outputs=encoded, use_cache=True, **given)
    start = cache_tensors(output.past_key_values)
    tokens, logits = steps_of(program, output.logits[:, -1], start, None, encoder_hidden_states=states, **given)
    whole = torch.cat([ids, tokens], dim=1)
    expected = model(decoder_input_ids=whole, encoder_outputs=encoded, use_cache=False, **given).logits
    assert torch.equal(expected[:, ids.shape[1] - 1 : -1].argmax(-1), tokens)
    torch.testing.assert_close(logits, expected[:, ids.shape[1] :], rtol=1e-5, atol=1e-5)


def test_the_model_stays_in_its_mode(llama):
    model, _ = llama
    model.train()
    try:
        export_step(model)
        assert model.training
    finally:
        model.eval()


def test_positions_that_depend_on_the_length_are_refused():
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}
    config = LlamaConfig(vocab_size=16, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=4,
                         rope_parameters=rope)  # fmt: skip
    with pytest.raises(ArgumentError, match="dynamic"):
        export_step(LlamaForCausalLM(config))

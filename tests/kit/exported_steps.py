"""An exported decoding step beside the model itself."""

import io
from typing import Any

import torch

from bestiary.core.outputs import BaseModelOutput
from bestiary.export.decoding_step import cache_tensors, export_step


@torch.no_grad()
def run_steps(model: Any, padded: bool, count: int, batches: tuple[tuple[int, int], ...], stored: bool = False) -> None:
    """Assert that the exported step gives the tokens and logits of the model, `count` of them after prompts of random ids.

    batches: rows and tokens of each batch. stored: write the program to a file and read it again before.
    """
    room = model.context_length() or model.config.get("max_target_positions") or 64
    if room < count + max(length for _, length in batches) + 1:
        model = wider(model)
    program = export_step(model, padded=padded)
    if stored:  # nothing but tensors, lists and dictionaries goes in
        file = io.BytesIO()
        torch.export.save(program, file)
        file.seek(0)
        program = torch.export.load(file)
    step = program.module()
    for rows, length in batches:
        draw = torch.Generator().manual_seed(length)
        ids = torch.randint(5, 60, (rows, length), generator=draw)
        run = _encoder_decoder if model.config.is_encoder_decoder else _decoder
        run(model, step, ids, padded, draw, count)


def steps_of(program, count, logits, past, position, **fixed):
    """Greedy tokens and logits of `count` steps of `program`, from the logits (B, V) after a prompt."""
    tokens, seen, mask = [], [], fixed.pop("attention_mask", None)
    grows = position is not None
    for _ in range(count):
        newest = logits.argmax(-1, keepdim=True)
        tokens.append(newest)
        if mask is not None and grows:
            mask = torch.cat([mask, torch.ones_like(newest)], dim=1)
        extra = fixed if mask is None else {**fixed, "attention_mask": mask}
        logits, past = program(newest, position, past, **extra)
        seen.append(logits)
        position = position + 1 if grows else None
    return torch.cat(tokens, dim=1), torch.stack(seen, dim=1)


def wider(model):
    """The model with positions for more tokens, or the test would end before its last step."""
    config = type(model.config)(**{**model.config.to_dict(), "max_position_embeddings": 64, "n_positions": 64})
    torch.manual_seed(0)
    return type(model)(config).eval()


def _decoder(model, program, ids, padded, draw, count):
    mask = torch.ones_like(ids)
    if padded and len(ids) > 1:
        mask[1, :2] = 0
    output = model(ids, attention_mask=mask, use_cache=True)
    start = cache_tensors(output.past_key_values)
    copies = [tensor.clone() for tensor in start]
    fixed = {"attention_mask": mask} if padded else {}
    tokens, logits = steps_of(program, count, output.logits[:, -1], start, mask.sum(1, keepdim=True), **fixed)
    assert all(torch.equal(before, after) for before, after in zip(copies, start, strict=True))  # a pure function
    whole = torch.cat([ids, tokens], dim=1)
    mask = torch.cat([mask, torch.ones_like(tokens)], dim=1)
    expected = model(whole, attention_mask=mask, use_cache=False).logits
    assert torch.equal(expected[:, ids.shape[1] - 1 : -1].argmax(-1), tokens)
    torch.testing.assert_close(logits, expected[:, ids.shape[1] :], rtol=1e-5, atol=1e-5)


def _encoder_decoder(model, program, ids, padded, draw, count):
    states = torch.randn(len(ids), 7, model.config.get_text_config(decoder=False).hidden_size, generator=draw)
    mask = torch.ones(len(ids), 7, dtype=torch.int64)
    if padded:
        mask[-1, 4:] = 0
    given = {"attention_mask": mask} if padded else {}
    encoded = BaseModelOutput(states)
    output = model(decoder_input_ids=ids, encoder_outputs=encoded, use_cache=True, **given)
    start = cache_tensors(output.past_key_values)
    tokens, logits = steps_of(program, count, output.logits[:, -1], start, None, encoder_hidden_states=states, **given)
    whole = torch.cat([ids, tokens], dim=1)
    expected = model(decoder_input_ids=whole, encoder_outputs=encoded, use_cache=False, **given).logits
    assert torch.equal(expected[:, ids.shape[1] - 1 : -1].argmax(-1), tokens)
    largest = max(1.0, float(expected.abs().max()))  # T5's are far beyond 1, and rounded accordingly
    torch.testing.assert_close(logits, expected[:, ids.shape[1] :], rtol=1e-5, atol=1e-5 * largest)

"""A row draws by its own seed: the same tokens alone, in any batch, streamed, from a cache, and as any copy."""

import math
import random

import pytest
import torch

from bestiary.cache import DynamicCache
from bestiary.core.errors import ArgumentError, NumericsError
from bestiary.core.logging import BestiaryWarning
from bestiary.nn.row_draws import pick, row_seed, uniforms

OPTIONS = {"do_sample": True, "max_new_tokens": 12, "eos_token_id": [9, 13], "pad_token_id": 0, "top_k": 0, "temperature": 1.2}


def prompts(count=6):
    draw = random.Random(0)
    return [[draw.randrange(3, 64) for _ in range(draw.randint(2, 9))] for _ in range(count)]


def batch(rows):
    """Padded on the left, as a tokenizer would."""
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


def trim(row):
    """The new tokens up to the first end."""
    ends = [place for place, token in enumerate(row) if token in (9, 13)]
    return row[: ends[0] + 1] if ends else row


def new_tokens(model, rows, seed, **more):
    made = model.generate(**batch(rows), seed=seed, **{**OPTIONS, **more})
    return [trim(row[max(map(len, rows)) :].tolist()) for row in made]


def test_any_batch_draws_what_each_row_draws_alone(llama):
    mine, rows = llama[0], prompts()
    seeds = [100 + index for index in range(len(rows))]
    alone = [new_tokens(mine, [row], seed)[0] for row, seed in zip(rows, seeds, strict=True)]
    assert len({tuple(tokens) for tokens in alone}) == len(rows)
    assert {len(tokens) for tokens in alone} > {12}
    draw = random.Random(1)
    for _ in range(50):
        chosen = [draw.randrange(len(rows)) for _ in range(draw.randint(1, 8))]
        got = new_tokens(mine, [rows[index] for index in chosen], [seeds[index] for index in chosen])
        assert got == [alone[index] for index in chosen]


@pytest.mark.parametrize("caching", [{"use_cache": False}, {"cache_implementation": "static"}], ids=str)
def test_caches_change_nothing(llama, caching):
    mine, rows = llama[0], prompts(3)
    assert new_tokens(mine, rows, 5, **caching) == new_tokens(mine, rows, 5)


def test_a_cached_prompt_changes_nothing(llama, ids):
    mine, cache = llama[0], DynamicCache()
    want = mine.generate(ids[:1], seed=3, **OPTIONS)
    with torch.no_grad():
        mine(ids[:1, :5], past_key_values=cache)
    assert torch.equal(mine.generate(ids[:1], past_key_values=cache, seed=3, **OPTIONS), want)


def test_copies_draw_by_derived_seeds(llama):
    mine, rows = llama[0], prompts(2)
    copies = new_tokens(mine, rows, [7, 8], num_return_sequences=3)
    for index, seed in enumerate([7, 8]):
        for copy in range(3):
            assert copies[3 * index + copy] == new_tokens(mine, [rows[index]], row_seed(seed, copy))[0]
    assert copies[0] == new_tokens(mine, rows, 7)[0]
    assert len({tuple(tokens) for tokens in copies}) == 6
    every = [row_seed(seed, copy) for seed in (7, 8) for copy in range(3)]
    assert new_tokens(mine, rows, every, num_return_sequences=3) == copies


def test_an_encoder_decoder(t5):
    mine, rows = t5[0], prompts(4)
    options = {**OPTIONS, "max_new_tokens": 9}
    together = mine.generate(**batch(rows), seed=[1, 2, 3, 4], **options)
    for index, row in enumerate(rows):
        alone = mine.generate(torch.tensor([row]), seed=index + 1, **options)[0, 1:].tolist()
        assert trim(together[index, 1:].tolist()) == trim(alone)


def test_the_result_says_its_seeds(llama, ids):
    mine = llama[0]
    made = mine.generate(ids, seed=[4, 5, 6], num_return_sequences=2, return_dict_in_generate=True, **OPTIONS)
    assert made.seeds == [4, row_seed(4, 1), 5, row_seed(5, 1), 6, row_seed(6, 1)]
    assert mine.generate(ids, return_dict_in_generate=True, **OPTIONS).seeds is None


def test_draws_follow_the_distribution():
    """Chi-square of 40,000 draws from 6 tokens, over seeds and over steps; 5 degrees of freedom, far tail."""
    wanted = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.0, 0.05])
    for places in (uniforms(range(40_000), [[3]])[:, 0], uniforms([12], [list(range(40_000))])[0]):
        counts = pick(wanted.expand(40_000, -1), places).bincount(minlength=6)
        assert counts[4] == 0
        expected = wanted * 40_000
        kept = expected > 0
        assert float(((counts - expected)[kept] ** 2 / expected[kept]).sum()) < 25


def test_neighbours_are_independent():
    """Correlation between rows, steps and copies of neighbouring seeds."""
    numbers = uniforms(range(300), [list(range(300))])
    copies = uniforms([row_seed(seed, 1) for seed in range(300)], [list(range(300))])
    for a, b in ((numbers[:-1], numbers[1:]), (numbers[:, :-1], numbers[:, 1:]), (numbers, copies)):
        correlation = float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])
        assert abs(correlation) < 4 / math.sqrt(a.numel())
    assert 0 <= float(numbers.min()) < 1e-3
    assert 1 - 1e-3 < float(numbers.max()) < 1


def test_a_row_can_count_for_itself():
    table = uniforms([5, 6, 7], [list(range(9))])
    assert torch.equal(uniforms([5, 6, 7], [8, 0, 3]), table[[0, 1, 2], [8, 0, 3]])


def test_a_token_without_probability_is_never_drawn():
    held = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]])
    assert pick(held, torch.zeros(1, dtype=torch.float64)).tolist() == [1]
    assert pick(held, torch.tensor([1 - 2.0**-52], dtype=torch.float64)).tolist() == [3]
    for bad in (torch.zeros(1, 3), torch.tensor([[0.5, torch.nan, 0.5]])):
        with pytest.raises(NumericsError, match="row 0 has no token"):
            pick(bad, torch.zeros(1, dtype=torch.float64))


@pytest.mark.parametrize(
    ("seed", "message"),
    [([1, 2], "seed holds 2 numbers; expected one, one for each of 3 prompts"), ([1, 2, "x"], "expected a whole number")],
)
def test_seeds_that_are_none(llama, ids, seed, message):
    with pytest.raises(ArgumentError, match=message):
        llama[0].generate(ids, seed=seed, **OPTIONS)


def test_what_has_no_effect_is_pointed_out(llama, ids):
    with pytest.warns(BestiaryWarning, match="seed=3 has no effect without do_sample"):
        llama[0].generate(ids, seed=3, max_new_tokens=2)
    twice = ids[[0, 1, 0]]
    with pytest.warns(BestiaryWarning, match="equal prompts get equal answers"):
        made = llama[0].generate(twice, seed=3, **OPTIONS)
    assert torch.equal(made[0], made[2])
    assert not torch.equal(made[0], made[1])


def test_big_and_negative_seeds(llama, ids):
    mine = llama[0]
    for seed in (2**64 - 1, -1):
        assert torch.equal(mine.generate(ids, seed=seed, **OPTIONS), mine.generate(ids, seed=-1, **OPTIONS))

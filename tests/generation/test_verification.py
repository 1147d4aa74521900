"""Guesses that are checked: draws have the distribution of plain ones, and guessing rests where it does not pay."""

import pytest
import torch
from kit import assistants, filled

from bestiary.generation.speculation.verification import accept
from bestiary.models.llama import LlamaConfig, LlamaForCausalLM

CHI_SQUARE = {4: 18.5, 15: 37.7, 63: 103.4}  # exceeded once in a thousand times, by degrees of freedom


def chi_square(counts, probabilities):
    expected = probabilities * counts.sum()
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("certain", [False, True])
def test_accepted_and_replaced_guesses_have_the_distribution(certain):
    generator = torch.Generator().manual_seed(0)
    p, q = torch.rand(2, 5, generator=generator).softmax(-1) ** 3
    p, q = p / p.sum(), q / q.sum()
    rows = 20_000
    if certain:
        guess = torch.full((rows,), 3)
        q = torch.nn.functional.one_hot(torch.tensor(3), 5).float()
    else:
        guess = torch.multinomial(q.expand(rows, 5), 1, generator=generator).squeeze(1)
    tokens, kept = accept(p.expand(rows, 5), q.expand(rows, 5), guess, generator)
    assert chi_square(tokens.bincount(minlength=5).double(), p.double()) < CHI_SQUARE[4]
    assert abs(float(kept.double().mean()) - float(torch.minimum(p, q).sum())) < 0.015
    assert torch.equal(tokens[kept], guess[kept])


@pytest.mark.parametrize("how", ["draft", "stranger", "early exit", "lookup"])
@torch.no_grad()
def test_draws_have_the_distribution_of_plain_ones(how):
    """Pairs and triples of tokens after a prompt, 20 000 rows, against exact probabilities."""
    small = {**assistants.LLAMA, "vocab_size": 4, "eos_token_id": None, "pad_token_id": None, "bos_token_id": None}
    model = filled.fill(LlamaForCausalLM(LlamaConfig(**{**small, "num_hidden_layers": 2})), 0.35)
    rows, ids = 20_000, torch.tensor([[1, 2, 0, 1, 2]])
    helped = {"lookup": {"prompt_lookup_num_tokens": 2}, "early exit": {"assistant_early_exit": 1}}.get(how)
    if helped is None:
        draft = filled.fill(LlamaForCausalLM(LlamaConfig(**{**small, "num_hidden_layers": 1})), 0.35 if how == "draft" else 1.0)
        helped = {"assistant_model": draft}
    options = {"do_sample": True, "temperature": 0.8, "top_k": 0, "max_new_tokens": 3}
    # Rows end their rounds together; parts of a few rows see rounds of every length.
    parts = [
        model.generate(ids.expand(4, -1), num_return_sequences=1, generator=generator, **options, **helped)
        for generator in [torch.Generator().manual_seed(1)]
        for _ in range(80)
    ]
    parts.append(model.generate(ids.expand(rows - 320, -1), generator=torch.Generator().manual_seed(2), **options, **helped))
    new = torch.cat(parts)[:, 5:]
    every = torch.cartesian_prod(*[torch.arange(4)] * 3)
    logits = model(torch.cat([ids.expand(64, -1), every], 1)).logits[:, 4:7] / 0.8
    exact = logits.log_softmax(-1).gather(2, every.unsqueeze(2)).sum((1, 2)).exp().double()
    counts = (new * torch.tensor([16, 4, 1])).sum(1).bincount(minlength=64).double()
    assert chi_square(counts, exact) < CHI_SQUARE[63]
    first = torch.cat(parts[:-1])[:, 5:7]
    pairs = exact.view(16, 4).sum(1)
    assert chi_square((first * torch.tensor([4, 1])).sum(1).bincount(minlength=16).double(), pairs) < CHI_SQUARE[15]


@pytest.mark.parametrize("how", assistants.HELP)
@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_a_seed_draws_what_it_draws_without_help(kind, how):
    model, given = assistants.model(kind), assistants.inputs(kind, 3)
    options = {**assistants.LENGTH, "do_sample": True, "seed": 11, "num_return_sequences": 2, "top_k": 12, "temperature": 0.7}
    plain = model.generate(**given, **options)
    assert len({tuple(row) for row in plain.tolist()}) == 6
    assert torch.equal(model.generate(**given, **options, **assistants.help_of(how, kind)), plain)


def test_draws_by_a_generator_repeat():
    model, given = assistants.model("llama"), assistants.inputs("llama", 2)
    options = {**assistants.LENGTH, "do_sample": True, "num_return_sequences": 2, "assistant_model": assistants.draft("llama")}
    first, again = (model.generate(**given, **options, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert len({tuple(row) for row in first.tolist()}) == 4


def test_an_ensemble_leans_towards_the_assistant():
    """With nearly all weight on the assistant every guess holds, with nearly none the tokens are the model's own."""
    model, given = assistants.model("llama"), assistants.inputs("llama")
    opposite = assistants.make("llama", 1)
    with torch.no_grad():
        opposite.lm_head.weight.copy_(-model.lm_head.weight)
    options = {
        **assistants.LENGTH,
        "assistant_model": opposite,
        "num_assistant_tokens": 5,
        "assistant_confidence_threshold": 0.0,
    }
    plain = model.generate(**given, **assistants.LENGTH)
    assert torch.equal(model.generate(**given, **options, assistant_ensemble_weight=1 - 1e-6), plain)
    for more in ({}, {"do_sample": True, "seed": 3}, {"do_sample": True}):
        torch.manual_seed(0)
        mixed = model.generate(**given, **options, assistant_ensemble_weight=1e-9, **more)
        first = mixed[:, :8]
        assert mixed.shape == plain.shape
        if not more:
            assert torch.equal(mixed[:, :13], opposite.generate(first, max_new_tokens=5, eos_token_id=[]))
        else:
            assert not torch.equal(mixed, plain)

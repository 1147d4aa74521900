"""Beam search and beam sampling give the reference's rows, scores and parents; what comes with them agrees with the rows."""

import pytest
import torch
import transformers
from kit.windowed import WindowedForCausalLM, config_of, filled

from bestiary.core.errors import ArgumentError, ConfigError
from bestiary.generation import GenerationConfig, StoppingCriteria
from bestiary.generation.begin import begin
from bestiary.generation.loop import decode
from bestiary.generation.mixin import read_call
from bestiary.models.gpt2 import GPT2Config
from bestiary.models.gpt2.model import GPT2LMHeadModel
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM
from bestiary.models.t5 import T5Config
from bestiary.models.t5.model import T5ForConditionalGeneration
from bestiary.models.whisper import WhisperConfig
from bestiary.models.whisper.model import WhisperForConditionalGeneration

TOKENS = {"vocab_size": 24, "bos_token_id": 1, "pad_token_id": 22}
WIDTH = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
CONFIGS = {
    "llama": {
        **TOKENS, **WIDTH, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "initializer_range": 0.5,
        "eos_token_id": 2,
    },
    "gpt2": {
        **TOKENS, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "initializer_range": 0.4, "eos_token_id": 2,
    },
    "t5": {
        **TOKENS, "d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
        "initializer_factor": 2.0, "decoder_start_token_id": 0, "eos_token_id": 2,
    },
    "whisper": {
        **TOKENS, "d_model": 16, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "num_mel_bins": 8,
        "max_source_positions": 20, "max_target_positions": 40, "init_std": 0.4, "decoder_start_token_id": 3,
        "eos_token_id": 2, "begin_suppress_tokens": None, "suppress_tokens": None,
    },
}  # fmt: skip
CLASSES = {
    "llama": (LlamaForCausalLM, LlamaConfig),
    "gpt2": (GPT2LMHeadModel, GPT2Config),
    "t5": (T5ForConditionalGeneration, T5Config),
    "whisper": (WhisperForConditionalGeneration, WhisperConfig),
}

SEARCHES = [
    {"num_beams": 2},
    {"num_beams": 4, "num_return_sequences": 4, "max_new_tokens": 12},
    {"num_beams": 3, "eos_token_id": [5, 9, 13], "num_return_sequences": 3},
    {"num_beams": 3, "eos_token_id": [5, 9, 13], "early_stopping": True, "num_return_sequences": 2},
    {"num_beams": 3, "eos_token_id": [5, 9, 13], "early_stopping": "never", "length_penalty": 2.0},
    {"num_beams": 3, "eos_token_id": [5, 9, 13], "length_penalty": -1.0, "num_return_sequences": 2},
    {"num_beams": 3, "eos_token_id": [7], "length_penalty": 0.0, "max_new_tokens": 20, "num_return_sequences": 3},
    {"num_beams": 5, "eos_token_id": None, "max_new_tokens": 6, "num_return_sequences": 5},
    {"num_beams": 3, "eos_token_id": [5, 9, 13, 20], "min_new_tokens": 4},
    {"num_beams": 3, "forced_eos_token_id": 7, "max_new_tokens": 6},
    {"num_beams": 3, "no_repeat_ngram_size": 2, "max_new_tokens": 16, "num_return_sequences": 3},
    {"num_beams": 3, "repetition_penalty": 1.6, "bad_words_ids": [[3], [9, 4]], "renormalize_logits": True},
    {"num_beams": 3, "max_new_tokens": 1, "num_return_sequences": 3},
]
DRAWN = [
    {"top_k": 0},
    {"top_k": 5, "temperature": 0.6, "num_return_sequences": 3},
    {"top_k": 1, "temperature": 2.0},
    {"top_p": 0.5, "eos_token_id": [5, 9, 13], "num_return_sequences": 2},
    {"typical_p": 0.3, "eos_token_id": [5, 9, 13]},
    {"min_p": 0.9, "top_k": 0},
    {"epsilon_cutoff": 0.6, "top_k": 0},
    {"eta_cutoff": 0.6, "top_k": 0, "early_stopping": True, "eos_token_id": [5, 9, 13]},
]


def pair(kind, seed=0):
    """(ours, theirs) with the same weights."""
    ours, config = CLASSES[kind]
    torch.manual_seed(seed)
    theirs = getattr(transformers, ours.__name__)._from_config(
        getattr(transformers, config.__name__)(**CONFIGS[kind]), attn_implementation="eager"
    )
    mine = ours(config(**CONFIGS[kind])).eval()
    mine.load_state_dict(theirs.state_dict(), strict=False)
    mine.tie_weights()
    for model in (theirs.eval(), mine):
        model.generation_config.pad_token_id = 22
    return mine, theirs


@pytest.fixture(scope="module")
def models():
    made = {}
    return lambda kind: made.setdefault(kind, pair(kind))


def prompts(kind, batch):
    draws = torch.Generator().manual_seed(batch)
    if kind == "whisper":
        return {"input_features": torch.randn(batch, 8, 40, generator=draws)}
    ids = torch.randint(3, 22, (batch, 6), generator=draws)
    mask = torch.ones_like(ids)
    for row in range(1, batch):
        mask[row, : row + 1] = 0
    return {"input_ids": ids.masked_fill(mask == 0, 22), "attention_mask": mask}


def both(models, inputs, seed=None, **options):
    results = []
    wanted = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True, "max_new_tokens": 10, **options}
    for model in models:
        torch.manual_seed(0 if seed is None else seed)
        results.append(model.generate(**inputs, **wanted))
    return results


def same(got, want, steps=True):
    assert torch.equal(got.sequences, want.sequences)
    assert torch.equal(got.beam_indices, want.beam_indices.long())
    torch.testing.assert_close(got.sequences_scores, want.sequences_scores, rtol=1e-5, atol=1e-5)
    for name in ("scores", "logits") if steps else ():
        assert len(got[name]) == len(want[name])
        for step, (mine, theirs) in enumerate(zip(got[name], want[name], strict=True)):
            assert mine.shape == theirs.shape
            # Beams of a prompt whose search is over go on with padding here, and with any tokens there.
            places = (
                got.beam_indices[:, step].tolist() if 0 < step < got.beam_indices.shape[1] else range(len(mine) * (not step))
            )
            rows = [row for row in places if row >= 0]
            torch.testing.assert_close(mine[rows], theirs[rows], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "options"),
    [(kind, options) for kind in CONFIGS for options in (SEARCHES if kind in ("llama", "t5") else SEARCHES[1::2])],
    ids=str,
)
def test_search(models, kind, options):
    for batch in (1, 4):
        # For speech, the reference returns the scores of the returned rows alone.
        same(*both(models(kind), prompts(kind, batch), **options), steps=kind != "whisper")


@pytest.mark.parametrize("options", DRAWN, ids=str)
@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_drawn_beams(models, kind, options):
    """With torch's own generator, draw for draw."""
    for seed in (1, 2):
        same(*both(models(kind), prompts(kind, 3), seed=seed, do_sample=True, num_beams=3, **options))


def test_the_cases_are_not_all_alike(models):
    """Rows end early, beams change places, and rows differ."""
    got = models("llama")[0].generate(**prompts("llama", 4), max_new_tokens=12, return_dict_in_generate=True, **SEARCHES[2])
    assert {"eos", "length"} <= set(got.finish_reasons)
    assert len(set(map(tuple, got.sequences.tolist()))) == 12
    assert bool((got.beam_indices[:, 1:] != got.beam_indices[:, :-1]).any())


EXACT = ["static", "hybrid", "offloaded", "offloaded_static"]
KINDS = [{"cache_implementation": name} for name in EXACT] + [{"use_cache": False}]
LOSSY = [
    {"cache_implementation": "sink", "cache_config": {"window_length": 8, "num_sink_tokens": 2}},
    {"cache_implementation": "quantized", "cache_config": {"nbits": 4, "q_group_size": 4, "residual_length": 2}},
]


@pytest.mark.parametrize("caching", KINDS, ids=str)
@pytest.mark.parametrize("kind", ["llama", "gpt2", "t5"])
def test_cache_kinds_change_nothing(models, kind, caching):
    mine, inputs = models(kind)[0], prompts(kind, 4)
    for options in SEARCHES[1:4]:
        assert torch.equal(mine.generate(**inputs, **options, **caching), mine.generate(**inputs, **options))


@pytest.mark.parametrize("caching", LOSSY + KINDS[:1], ids=str)
def test_rows_move_in_every_cache(models, caching):
    """Each row, written alone with the same cache and no beams, has the score that it had among them."""
    mine, inputs, asked = models("llama")[0], prompts("llama", 1), {"max_new_tokens": 12, "return_dict_in_generate": True}
    found = mine.generate(
        **inputs, num_beams=4, num_return_sequences=4, eos_token_id=None, output_scores=True, **asked, **caching
    )
    assert bool((found.beam_indices[:, 1:] != found.beam_indices[:, :-1]).any())
    for row, score in zip(found.sequences, found.sequences_scores, strict=True):
        alone = mine.generate(
            **inputs, prefix_allowed_tokens_fn=lambda _, ids, row=row: [int(row[len(ids)])], eos_token_id=None,
            output_logits=True, **asked, **caching,
        )  # fmt: skip
        steps = torch.stack(alone.logits, dim=1).log_softmax(-1)[0]
        torch.testing.assert_close(steps.gather(1, row[6:, None]).sum() / 12, score, rtol=1e-4, atol=1e-4)
    free = mine.generate(**inputs, num_beams=4, num_return_sequences=4, eos_token_id=None, output_scores=True, **asked)
    assert torch.allclose(free.sequences_scores, found.sequences_scores) == (caching in KINDS)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "t5", "whisper"])
@pytest.mark.parametrize("options", [{"num_beams": 3}, {"do_sample": True, "num_return_sequences": 3, "seed": 5}], ids=str)
def test_prompts_are_seen_once(models, kind, options):
    """The rows of a prompt are equal at first, so one of them is enough; asked for the states, all rows are seen."""
    mine, inputs, seen = models(kind)[0], prompts(kind, 2), []
    if kind == "whisper":  # its own generate makes rows of its own
        options = {"num_beams": 3}
    decoder = mine.get_decoder() if kind in ("t5", "whisper") else mine.base_model
    handle = decoder.register_forward_hook(lambda module, args, output: seen.append(output.last_hidden_state.shape[0]))
    once = mine.generate(**inputs, **options, max_new_tokens=5)
    assert (seen[0], *set(seen[1:])) == (2, 6)
    seen.clear()
    asked = {"return_dict_in_generate": True, "output_hidden_states": True}
    states = mine.generate(**inputs, **options, **asked, max_new_tokens=5)
    handle.remove()
    assert set(seen) == {6}
    assert torch.equal(states.sequences[:, -once.shape[1] :], once)
    first = states["decoder_hidden_states" if kind in ("t5", "whisper") else "hidden_states"][0]
    assert {layer.shape[0] for layer in first} == {6}


@pytest.mark.parametrize("options", SEARCHES[1:8], ids=str)
@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_batching_changes_nothing(models, kind, options):
    mine, inputs = models(kind)[0], prompts(kind, 4)
    asked = {**options, "num_return_sequences": 1, "return_dict_in_generate": True, "output_scores": True}
    together = mine.generate(**inputs, **asked)
    for row in range(4):
        alone = mine.generate(**{name: value[row : row + 1] for name, value in inputs.items()}, **asked)
        length = alone.sequences.shape[1]
        assert torch.equal(together.sequences[row, :length], alone.sequences[0])
        assert bool((together.sequences[row, length:] == 22).all())
        torch.testing.assert_close(together.sequences_scores[row], alone.sequences_scores[0])


# what comes with the rows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", SEARCHES, ids=str)
def test_transition_scores_add_up(models, options):
    mine = models("llama")[0]
    got = both((mine,), prompts("llama", 4), **options)[0]
    steps = mine.compute_transition_scores(got.sequences, got.scores, got.beam_indices)
    lengths = (got.beam_indices >= 0).sum(1)
    total = steps.sum(1) / lengths ** options.get("length_penalty", 1.0)
    torch.testing.assert_close(total, got.sequences_scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cache", ["dynamic", "static"])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "t5"])
def test_the_cache_is_that_of_the_rows(models, kind, cache):
    """Whether they went on to the end or not; and a chat can go on from it."""
    mine, inputs, checked = models(kind)[0], prompts(kind, 3), 0
    for options in SEARCHES[:8]:
        got = both((mine,), inputs, past_key_values=mine.make_cache(cache, 40, {}), **options)[0]
        copies, sequences = options.get("num_return_sequences", 1), got.sequences
        given = {name: value.repeat_interleave(copies, 0) for name, value in inputs.items()}
        if kind == "t5":
            want = mine(**given, decoder_input_ids=sequences[:, :-1], use_cache=True)
        else:
            mask = torch.ones_like(sequences)
            mask[:, :6] = given["attention_mask"]
            want = mine(input_ids=sequences[:, :-1], attention_mask=mask[:, :-1], use_cache=True)
        assert got.past_key_values.get_seq_length() == sequences.shape[1] - 1
        ends = sequences.shape[1] - got.beam_indices.shape[1] + (got.beam_indices >= 0).sum(1) - 1
        for held, wanted in zip(got.past_key_values, want.past_key_values, strict=True):
            for mine_, theirs in zip(filter(torch.is_tensor, held), filter(torch.is_tensor, wanted), strict=True):
                for row, end in enumerate(ends.tolist()):
                    end = end if theirs.shape[2] == sequences.shape[1] - 1 else theirs.shape[2]
                    torch.testing.assert_close(mine_[row, :, :end], theirs[row, :, :end], rtol=1e-4, atol=1e-4)
                    checked += 1
    assert checked > 100


@pytest.mark.parametrize("kind", ["llama", "t5"])
@pytest.mark.parametrize("more", [{}, {"num_return_sequences": 2}, {"use_cache": True, "do_sample": True}], ids=str)
def test_a_new_cache_is_that_of_all_beams(models, kind, more):
    """Up to an end before the greatest length, at which the reference takes beams that are all alike to it."""
    options = {"num_beams": 3, "max_new_tokens": 30, "early_stopping": True, "eos_token_id": [*range(5, 16)], **more}
    inputs, caches = prompts(kind, 2), []
    for model in models(kind):
        torch.manual_seed(0)
        cache = model.generate(**inputs, return_dict_in_generate=True, **options).past_key_values
        assert 1 < cache.get_seq_length() < 30
        caches.append([cache.self_attention_cache, cache.cross_attention_cache] if kind == "t5" else [cache])
    for place, (mine, theirs) in enumerate(zip(*caches, strict=True)):
        for layer, published in zip(mine, theirs.layers, strict=True):
            real = torch.ones(6, published.keys.shape[2])
            if kind == "llama" or place == 1:  # what padding holds is read by nobody
                real[:, : inputs["attention_mask"].shape[1]] = inputs["attention_mask"].repeat_interleave(3, 0)
            for held, want in zip(layer[:2], (published.keys, published.values), strict=True):
                torch.testing.assert_close(held * real[:, None, :, None], want * real[:, None, :, None], rtol=1e-4, atol=1e-4)


def test_a_cache_that_was_passed_can_be_continued(models):
    mine, inputs = models("llama")[0], prompts("llama", 1)
    options = {"num_beams": 3, "max_new_tokens": 8, "eos_token_id": [5, 9, 13], "return_dict_in_generate": True}
    first = mine.generate(**inputs, past_key_values=mine.make_cache("dynamic", 40, {}), **options)
    longer = torch.cat([first.sequences, torch.tensor([[4, 8, 6]])], dim=1)
    fresh = mine.generate(longer, num_beams=3, max_new_tokens=8)
    cache = first.past_key_values
    assert torch.equal(mine.generate(longer, num_beams=3, max_new_tokens=8, past_key_values=cache), fresh)
    assert (cache.get_seq_length(), cache.batch_size) == (fresh.shape[1] - 1, 1)
    again = torch.cat([fresh, torch.tensor([[4]])], dim=1)
    want = mine.generate(again, max_new_tokens=5)
    assert torch.equal(mine.generate(again, max_new_tokens=5, past_key_values=cache), want)


@pytest.mark.parametrize("cache", ["dynamic", "static", "sliding_window", "offloaded_static"])
def test_a_window_that_cannot_go_back(cache):
    """Rows that ended before the others leave a cache that the next turn can go on with."""
    model = filled(WindowedForCausalLM, config_of(sliding_window=5, vocab_size=24))
    ids = torch.randint(3, 22, (2, 9), generator=torch.Generator().manual_seed(1))
    short = 0
    for seed in range(4):
        asked = {"num_beams": 4, "num_return_sequences": 2, "early_stopping": "never", "length_penalty": 0.0}
        asked |= {"max_new_tokens": 12, "eos_token_id": [seed + 3, seed + 11], "pad_token_id": 23}
        want = model.generate(ids, **asked)
        got = model.generate(ids, return_dict_in_generate=True, past_key_values=model.make_cache(cache, 40, {}), **asked)
        assert torch.equal(got.sequences, want)
        short += want.shape[1] < 21
        assert got.past_key_values.get_seq_length() == want.shape[1] - 1
        longer = torch.cat([want, torch.tensor([[4, 8]] * 4)], dim=1)
        whole = (want != 23).all(1)  # what the cache holds behind the end of a row means nothing
        again = {"max_new_tokens": 5, "eos_token_id": [], "attention_mask": torch.ones_like(longer)}
        warm = model.generate(longer, past_key_values=got.past_key_values, **again)
        assert torch.equal(warm[whole], model.generate(longer, **again)[whole])
    assert short


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_states_and_attentions(models, kind):
    asked = {"output_hidden_states": True, "output_attentions": True, "num_beams": 3, "eos_token_id": None}
    got, want = both(models(kind), prompts(kind, 2), **asked)
    prefix = "decoder_" if kind == "t5" else ""
    names = [f"{prefix}hidden_states", f"{prefix}attentions"] + ["cross_attentions", "encoder_hidden_states"] * (kind == "t5")
    padded = prompts(kind, 2)["attention_mask"] == 0
    for name in names:
        for mine, theirs in zip(got[name], want[name], strict=True):
            for one, other in zip(mine, theirs, strict=True) if isinstance(mine, tuple) else [(mine, theirs)]:
                assert one.shape == other.shape
                if one.shape[-2] == 1 or (kind == "t5" and not name.startswith("encoder")):
                    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert type(got).__name__ == type(want).__name__
    assert bool(padded.any())


# stopping and processors --------------------------------------------------------------------------------------------------


class After(StoppingCriteria):
    """Ends every row whose newest token is one of the given ones."""

    def __init__(self, tokens):
        self.tokens = torch.tensor(tokens)

    def __call__(self, input_ids, scores=None, **kwargs):
        assert scores is None or scores.shape[0] == input_ids.shape[0]
        return torch.isin(input_ids[:, -1], self.tokens)


def test_criteria_end_beams_like_end_tokens(models):
    """A criterion over all candidates does what the end tokens do."""
    mine = models("llama")[0]
    asked = {**prompts("llama", 4), "max_new_tokens": 12, "num_beams": 3, "num_return_sequences": 3}
    never = [21, 22, 23]  # as many end tokens, which leave as many candidates to look at
    asked |= {"return_dict_in_generate": True, "output_scores": True, "suppress_tokens": never}
    want = mine.generate(**asked, eos_token_id=[5, 9, 13])
    got = mine.generate(**asked, eos_token_id=never, stopping_criteria=[After([5, 9, 13])])
    assert "stopped" in got.finish_reasons
    assert [reason == "eos" for reason in want.finish_reasons] == [reason == "stopped" for reason in got.finish_reasons]
    assert torch.equal(got.sequences, want.sequences)


def test_stop_strings(models, byte_level):
    mine = models("llama")[0]
    letters = {byte_level.decode([token]): token for token in range(3, 22)}
    stops = list(letters)[:6]
    options = {"num_beams": 3, "num_return_sequences": 3, "max_new_tokens": 12, "return_dict_in_generate": True}
    got = mine.generate(**prompts("llama", 4), stop_strings=stops, tokenizer=byte_level, **options)
    want = mine.generate(**prompts("llama", 4), stopping_criteria=[After([letters[text] for text in stops])], **options)
    assert torch.equal(got.sequences, want.sequences)
    assert "stop" in got.finish_reasons


def test_time_ends_all_beams(models):
    got = models("llama")[0].generate(**prompts("llama", 2), num_beams=3, max_time=0.0, return_dict_in_generate=True)
    assert got.finish_reasons == ["time", "time"]
    assert got.sequences.shape == (2, 7)


def test_few_allowed_continuations(models):
    """Two answers are possible: they are found whatever the number of beams, and the best is repeated to fill the rows."""
    mine = models("llama")[0]
    paths = {(): [4, 8], (4,): [2], (8,): [6], (8, 6): [2]}
    seen = set()

    def allowed(row, ids):
        seen.add(row)
        return paths.get(tuple(ids[6:].tolist()), [2])

    for early in (True, False, "never"):
        got = mine.generate(
            **prompts("llama", 2), num_beams=4, num_return_sequences=4, prefix_allowed_tokens_fn=allowed, early_stopping=early,
            return_dict_in_generate=True, output_scores=True,
        )  # fmt: skip
        rows = [tuple(token for token in row[6:] if token != 22) for row in got.sequences.tolist()]
        assert set(rows[:2]) == set(rows[4:6]) == {(4, 2), (8, 6, 2)}
        assert rows[2:4] == [rows[0]] * 2
        assert bool(got.sequences_scores.isfinite().all())
    assert seen == {0, 1}


@pytest.mark.parametrize("groups", [{}, {"num_beam_groups": 2, "diversity_penalty": 0.5}], ids=str)
def test_a_beam_that_comes_to_nothing_leaves_the_others(models, groups):
    """Also in the last step."""
    mine, inputs = models("llama")[0], prompts("llama", 2)

    def nothing_after_eight(ids, scores):
        first = torch.full_like(scores, -torch.inf)
        if ids.shape[1] == 6:
            return first.index_fill(1, torch.tensor([4, 8]), 0.0)
        return scores.masked_fill((ids[:, -1:] == 8), -torch.inf)

    got = mine.generate(
        **inputs, num_beams=4, max_new_tokens=2, logits_processor=[nothing_after_eight], eos_token_id=[], **groups
    )
    assert got[:, 6].tolist() == [4, 4]


@pytest.mark.parametrize("drawn", [False, True])
def test_invalid_numbers(models, drawn):
    """NaN for one of the beams, at the first step or later, is an error, unless it is to be removed."""
    mine, inputs = models("llama")[0], prompts("llama", 1)
    options = {"eos_token_id": None, "max_new_tokens": 4, "num_beams": 3, "do_sample": drawn, "seed": 1 if drawn else None}
    for first in (0, 2):
        calls = []

        def spoil(module, args, output, first=first, calls=calls):
            calls.append(0)
            rows = torch.arange(len(output)).reshape(-1, 1, 1)
            return torch.where((rows == 1) & (len(calls) > first), float("nan"), output)

        handle = mine.lm_head.register_forward_hook(spoil)
        try:
            with pytest.raises(ArithmeticError, match="NaN"):
                mine.generate(**inputs, **options)
            calls.clear()
            assert mine.generate(**inputs, remove_invalid_values=True, **options).shape == (1, 10)
        finally:
            handle.remove()


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("negative", [True, False])
def test_guidance_follows_the_beams(models, cached, negative):
    """The unconditional run of a row goes back with it."""
    mine, inputs = models("llama")[0], prompts("llama", 2)
    options = {
        "num_beams": 4,
        "num_return_sequences": 4,
        "eos_token_id": [5, 9, 13],
        "guidance_scale": 1.5,
        "max_new_tokens": 8,
    }
    if negative:
        options["negative_prompt_ids"] = inputs["input_ids"][:, -3:].flip(0)
    got = mine.generate(**inputs, **options, use_cache=cached, return_dict_in_generate=True, output_scores=True)
    assert bool((got.beam_indices[:, 1:] != got.beam_indices[:, :-1]).any())
    new = got.sequences[:, 6:]
    mask = torch.cat([inputs["attention_mask"].repeat_interleave(4, 0), torch.ones_like(new)], dim=1)
    given = mine(input_ids=got.sequences, attention_mask=mask).logits[:, 5:-1].log_softmax(-1)
    started = options["negative_prompt_ids"] if negative else inputs["input_ids"][:, -1:]
    whole = torch.cat([started.repeat_interleave(4, 0), new], dim=1)
    free = mine(input_ids=whole, attention_mask=torch.ones_like(whole)).logits[:, started.shape[1] - 1 : -1].log_softmax(-1)
    steps = (free + 1.5 * (given - free)).gather(2, new.unsqueeze(2)).squeeze(2)
    lengths = (got.beam_indices >= 0).sum(1)
    total = steps.masked_fill(got.beam_indices < 0, 0).sum(1) / lengths
    torch.testing.assert_close(total, got.sequences_scores, rtol=1e-4, atol=1e-4)


# what is certain already --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", SEARCHES[:7], ids=str)
def test_agreed_tokens_never_change(models, options):
    mine, certain = models("llama")[0], []
    given = {**prompts("llama", 4), "max_new_tokens": 10, **options}
    run, strategy, _ = begin(mine, read_call(mine, None, {**given}))
    assert not strategy.final
    with torch.no_grad():
        for _ in decode(run, strategy):
            certain.append(strategy.agreed(run))
    final = mine.generate(**given)[:: options.get("num_return_sequences", 1)]
    last = torch.full((4,), 6)
    for ids, lengths in certain:
        assert bool((lengths >= last).all())
        for row, length in enumerate(lengths.tolist()):
            assert torch.equal(ids[row, :length], final[row, :length])
        last = lengths
    assert bool((final[torch.arange(4), last - 1] != 22).all())
    assert all(bool((row[end:] == 22).all()) for row, end in zip(final, last.tolist(), strict=True))


# settings -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"num_beams": 2, "num_return_sequences": 3}, ConfigError, "num_return_sequences=3 is more than num_beams=2"),
        ({"num_beams": 2, "early_stopping": "soon"}, ConfigError, "early_stopping is 'soon'"),
        ({"num_beams": 2, "do_sample": True, "seed": [1, 2, 3]}, ArgumentError, "seed holds 3"),
    ],
    ids=str,
)
def test_clashes_are_refused(models, options, error, words):
    with pytest.raises(error, match=words):
        models("llama")[0].generate(**prompts("llama", 2), **options)


def test_a_checkpoint_may_ask_for_beams(models):
    mine, inputs = models("llama")[0], prompts("llama", 2)
    want = mine.generate(**inputs, num_beams=3, length_penalty=2.0)
    held = mine.generation_config
    mine.generation_config = GenerationConfig(**{**held.to_dict(), "num_beams": 3, "length_penalty": 2.0})
    try:
        assert torch.equal(mine.generate(**inputs), want)
        assert torch.equal(mine.generate(**inputs, num_beams=1), mine.generate(**inputs, generation_config=held, num_beams=1))
    finally:
        mine.generation_config = held


def test_seeds_belong_to_prompts(models):
    mine, inputs = models("llama")[0], prompts("llama", 3)
    options = {"num_beams": 3, "do_sample": True, "eos_token_id": None, "max_new_tokens": 8, "temperature": 2.0}
    together = mine.generate(**inputs, seed=[4, 5, 6], **options)
    for row, seed in enumerate((4, 5, 6)):
        alone = mine.generate(**{name: value[row : row + 1] for name, value in inputs.items()}, seed=seed, **options)
        assert torch.equal(alone[0], together[row])
    assert not torch.equal(together, mine.generate(**inputs, seed=[4, 5, 7], **options))

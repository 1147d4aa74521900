"""`generate` gives the reference's tokens, scores and states."""

import copy
from typing import Any

import pytest
import torch
import transformers

from bestiary.cache import DynamicCache, EncoderDecoderCache, StaticCache
from bestiary.core.errors import ArgumentError, CapacityError, ConfigError, InputError, NumericsError, UnsafeFile
from bestiary.core.logging import BestiaryWarning
from bestiary.generation import GenerationConfig, LogitsProcessor, StoppingCriteria, finish
from bestiary.generation.begin import begin
from bestiary.generation.mixin import read_call
from bestiary.modeling.heads.generating import GenerationMixin
from bestiary.models.gpt2 import GPT2Config, GPT2LMHeadModel
from bestiary.models.llama import LlamaConfig, LlamaForCausalLM
from bestiary.nn.rope import Rotary

GREEDY = [
    {},
    {"max_length": 15},
    {"max_new_tokens": 1},
    {"eos_token_id": [2, 5, 9, 13, 20]},
    {"eos_token_id": None},
    {"eos_token_id": [9, 13], "pad_token_id": 7, "max_new_tokens": 30},
    {"eos_token_id": [9, 13, 20, 1], "min_new_tokens": 9},
    {"eos_token_id": [9, 13, 20, 1], "min_length": 12},
    {"repetition_penalty": 1.8},
    {"encoder_repetition_penalty": 1.8},
    {"no_repeat_ngram_size": 2, "max_new_tokens": 40},
    {"encoder_no_repeat_ngram_size": 2},
    {"bad_words_ids": [[3], [13, 20], [46]]},
    {"sequence_bias": [[[3], -5.0], [[13, 20], -9.0], [[9], 2.0]]},
    {"suppress_tokens": [13, 9]},
    {"begin_suppress_tokens": list(range(3, 40))},
    {"forced_eos_token_id": 5, "max_new_tokens": 6},
    {"exponential_decay_length_penalty": (3, 1.6)},
    {"remove_invalid_values": True, "renormalize_logits": True},
    {"guidance_scale": 1.5},
    {
        "repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "bad_words_ids": [[3]], "min_new_tokens": 5,
        "exponential_decay_length_penalty": (2, 1.2), "suppress_tokens": [4], "sequence_bias": [[[9], 3.0]],
        "eos_token_id": [13, 20], "renormalize_logits": True, "encoder_repetition_penalty": 1.2,
    },
]  # fmt: skip

SAMPLED = [
    {},
    {"top_k": 0},
    {"top_k": 5, "temperature": 0.6},
    {"top_p": 0.7, "top_k": 0},
    {"min_p": 0.2, "top_k": 0},
    {"top_h": 0.4, "top_k": 0},
    {"typical_p": 0.5, "top_k": 0},
    {"epsilon_cutoff": 0.05},
    {"eta_cutoff": 0.05},
    {"num_return_sequences": 3},
    {"repetition_penalty": 1.3, "temperature": 1.5, "top_k": 20, "top_p": 0.9, "min_p": 0.01, "typical_p": 0.9},
]


def both(models, inputs, seed=None, **options):
    """Sequences and scores of both libraries; the reference needs its length said to stay silent."""
    mine, theirs = models
    wanted = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True, **options}
    results = []
    for model in (mine, theirs):
        if seed is not None:
            torch.manual_seed(seed)
        more = {"max_new_tokens": 20} if model is theirs and not {"max_length", "max_new_tokens"} & set(options) else {}
        results.append(model.generate(**inputs, **wanted, **more))
    return results


def same(got, want):
    assert torch.equal(got.sequences, want.sequences)
    for name in ("scores", "logits"):
        assert len(got[name]) == len(want[name])
        for mine, theirs in zip(got[name], want[name], strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def with_padding(padded, ids, options):
    """`padded`, but `ids` for an option with which the reference counts padding as text."""
    return {"input_ids": ids} if "encoder_repetition_penalty" in options else padded


@pytest.mark.parametrize("options", GREEDY, ids=str)
def test_greedy(llama, padded, ids, options):
    same(*both(llama, with_padding(padded, ids, options), **options))


@pytest.mark.parametrize("options", SAMPLED, ids=str)
def test_sampling(llama, padded, options):
    same(*both(llama, padded, seed=3, do_sample=True, max_new_tokens=12, **options))


@pytest.mark.parametrize("options", [{}, GREEDY[-1], {"forced_bos_token_id": 8, "begin_suppress_tokens": [3, 9]}], ids=str)
@pytest.mark.parametrize("cache", ["dynamic", "static", None])
def test_encoder_decoder(t5, padded, ids, options, cache):
    given = with_padding(padded, ids, options)
    caching = {"use_cache": False} if cache is None else {"cache_implementation": cache}
    mine, _ = t5
    got = mine.generate(**given, return_dict_in_generate=True, output_scores=True, output_logits=True, **caching, **options)
    want = both(t5, given, **options)[1]
    same(got, want)


@pytest.mark.parametrize(
    "given", [{"decoder_input_ids": [[9, 8], [7, 6], [5, 4]]}, {"decoder_start_token_id": [5, 6, 7]}], ids=str
)
def test_decoder_starts(t5, padded, given):
    given = {name: torch.tensor(value) if name == "decoder_input_ids" else value for name, value in given.items()}
    same(*both(t5, {**padded, **given}))
    empty = EncoderDecoderCache(DynamicCache(), DynamicCache())
    with_cache = t5[0].generate(**padded, **given, past_key_values=empty)
    assert torch.equal(with_cache, t5[0].generate(**padded, **given))


def test_encoder_outputs_can_be_passed(t5, padded):
    mine, _ = t5
    encoded = mine.get_encoder()(**padded)
    again = mine.generate(encoder_outputs=encoded, attention_mask=padded["attention_mask"])
    assert torch.equal(again, mine.generate(**padded))
    assert torch.equal(again, mine.generate(padded["input_ids"], attention_mask=padded["attention_mask"]))


@pytest.mark.parametrize("caching", [{"cache_implementation": "static"}, {"use_cache": False}], ids=str)
def test_cache_kinds_change_nothing(llama, padded, caching):
    mine, _ = llama
    want = mine.generate(**padded, max_new_tokens=40)
    assert torch.equal(mine.generate(**padded, max_new_tokens=40, **caching), want)


def test_kernels_change_nothing(llama, padded):
    mine = copy.deepcopy(llama[0])
    want = mine.generate(**padded)
    mine.set_attn_implementation("eager")
    assert torch.equal(mine.generate(**padded), want)


def test_padding_and_batching_change_nothing(llama, padded):
    mine, _ = llama
    together = mine.generate(**padded, max_new_tokens=25)
    for row, (ids, mask) in enumerate(zip(padded["input_ids"], padded["attention_mask"], strict=True)):
        alone = mine.generate(ids[mask == 1].unsqueeze(0), max_new_tokens=25)
        new = alone[0, int(mask.sum()) :]
        assert torch.equal(together[row, 7 : 7 + len(new)], new)
        assert bool((together[row, 7 + len(new) :] == 0).all())


def test_verification_by_one_forward(llama, ids):
    mine, _ = llama
    made = mine.generate(ids[:1], max_new_tokens=30, eos_token_id=None)
    best = mine(made).logits.argmax(-1)
    assert torch.equal(best[0, 6:-1], made[0, 7:])


def test_states_and_attentions(llama, padded):
    options = {"output_attentions": True, "output_hidden_states": True, "max_new_tokens": 4}
    got, want = both(llama, padded, **options)
    for name in ("attentions", "hidden_states"):
        assert len(got[name]) == len(want[name]) == 4
        for mine, theirs in zip(got[name], want[name], strict=True):
            for a, b in zip(mine, theirs, strict=True):
                assert a.shape == b.shape
                # A padded query has nothing to look at; what it gives is nobody's business.
                torch.testing.assert_close(a[0], b[0], rtol=1e-4, atol=1e-4)
    assert got.past_key_values.get_seq_length() == want.past_key_values.get_seq_length() == 10


def test_states_and_attentions_of_an_encoder_decoder(t5, padded):
    options = {"output_attentions": True, "output_hidden_states": True, "max_new_tokens": 4}
    got, want = both(t5, padded, **options)
    for name in ("encoder_attentions", "encoder_hidden_states"):
        for a, b in zip(got[name], want[name], strict=True):
            torch.testing.assert_close(a[0], b[0], rtol=1e-4, atol=1e-4)
    for name in ("decoder_attentions", "cross_attentions", "decoder_hidden_states"):
        for mine, theirs in zip(got[name], want[name], strict=True):
            for a, b in zip(mine, theirs, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    assert isinstance(got.past_key_values, EncoderDecoderCache)


def test_inputs_embeds(llama, ids):
    mine, theirs = llama
    embeds = mine.get_input_embeddings()(ids).detach()
    want = theirs.generate(inputs_embeds=embeds, attention_mask=torch.ones_like(ids), max_new_tokens=9)
    for caching in ({}, {"cache_implementation": "static"}, {"use_cache": False}):
        assert torch.equal(mine.generate(inputs_embeds=embeds, max_new_tokens=9, **caching), want)
    assert torch.equal(mine.generate(inputs_embeds=embeds, max_length=16), want)
    whole = mine.generate(ids, inputs_embeds=embeds, max_new_tokens=9)
    assert torch.equal(whole, torch.cat([ids, want], dim=1))


@pytest.mark.filterwarnings("ignore:Passing .repetition_penalty")
@pytest.mark.parametrize("tokens", [0, 1, 5, 7, 9])
@pytest.mark.parametrize(
    "options", [{}, {"num_beams": 3}, {"max_new_tokens": None, "max_length": 24}, {"repetition_penalty": 1.8}], ids=str
)
def test_embeddings_are_read_and_the_ids_beside_them_returned(llama, ids, tokens, options):
    mine, theirs = llama
    embeds = torch.randn(ids.shape[0], 7, mine.config.hidden_size, generator=torch.Generator().manual_seed(3))
    prompt = torch.cat([ids, ids], dim=1)[:, :tokens]
    options = {"inputs_embeds": embeds, "max_new_tokens": 6, "do_sample": False, **options}
    # The mask that the reference makes where it gets none is of the ids' length, and too short for the embeddings.
    want = theirs.generate(prompt, attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long), **options)
    for caching in ({}, {"cache_implementation": "static"}, {"use_cache": False}):
        assert torch.equal(mine.generate(prompt, **options, **caching), want)


def test_rows_of_ids_and_embeddings_must_match(llama, ids):
    with pytest.raises(InputError, match=r"input_ids have 1 rows and inputs_embeds 2"):
        llama[0].generate(ids[:1], inputs_embeds=torch.zeros(2, 7, 16))


def test_labels_change_nothing_and_are_told(llama, ids):
    with pytest.warns(BestiaryWarning, match="labels change nothing"):
        tokens = llama[0].generate(ids, labels=ids, max_new_tokens=4)
    assert torch.equal(tokens, llama[1].generate(ids, labels=ids, max_new_tokens=4))


def test_without_inputs(llama):
    mine, theirs = llama
    assert torch.equal(mine.generate(max_new_tokens=5), theirs.generate(max_new_tokens=5))


@pytest.mark.parametrize("kind", [DynamicCache, lambda: StaticCache(max_cache_len=96)], ids=["dynamic", "static"])
def test_a_dialogue_on_one_cache_equals_cold_runs(llama, kind):
    mine, _ = llama
    generator = torch.Generator().manual_seed(5)
    cache, talk = kind(), torch.zeros(1, 0, dtype=torch.long)
    for turn in range(6):
        talk = torch.cat([talk, torch.randint(3, 64, (1, 1 + turn % 4), generator=generator)], dim=1)
        cold = mine.generate(talk, max_new_tokens=1 + turn, eos_token_id=None)
        before = cache.get_seq_length()
        talk = mine.generate(talk, past_key_values=cache, max_new_tokens=1 + turn, eos_token_id=None)
        assert torch.equal(talk, cold)
        assert before < cache.get_seq_length() == talk.shape[1] - 1


def test_a_cached_prompt_is_not_run_again(llama, padded):
    mine, _ = llama
    want = mine.generate(**padded, max_new_tokens=8)
    for kept in (3, 7):
        cache = DynamicCache()
        mine(padded["input_ids"], attention_mask=padded["attention_mask"], past_key_values=cache)
        cache.crop(kept)
        assert torch.equal(mine.generate(**padded, past_key_values=cache, max_new_tokens=8), want)
    cache = DynamicCache()
    with torch.no_grad():
        mine(padded["input_ids"][:, :4], attention_mask=padded["attention_mask"][:, :4], past_key_values=cache)
    legacy = cache.to_legacy_cache()
    tail = {"input_ids": padded["input_ids"][:, 4:], "attention_mask": padded["attention_mask"]}
    assert torch.equal(mine.generate(**tail, past_key_values=cache, max_new_tokens=8), want[:, 4:])
    assert torch.equal(mine.generate(**padded, past_key_values=legacy, max_new_tokens=8), want)


def test_prefix_shared_by_copies(llama, ids):
    mine, _ = llama
    cache = StaticCache(max_cache_len=40)
    with torch.no_grad():
        mine(ids[:1, :4], past_key_values=cache)
    for tail in ([9], [11, 12], [13, 14, 15]):
        prompt = torch.cat([ids[:1, :4], torch.tensor([tail])], dim=1)
        warm = mine.generate(prompt, past_key_values=copy.deepcopy(cache))
        assert torch.equal(warm, mine.generate(prompt))
    assert cache.get_seq_length() == 4


def test_only_new_tokens_run_through_the_model(llama, ids):
    mine, lengths = llama[0], []
    hook = mine.model.register_forward_pre_hook(lambda module, args, kwargs: lengths.append(args[0].shape[1]), with_kwargs=True)
    mine.generate(ids, max_new_tokens=4, eos_token_id=None)
    hook.remove()
    assert lengths == [7, 1, 1, 1]


def test_legacy_cache_on_request(llama, ids):
    made = llama[0].generate(ids, max_new_tokens=3, return_dict_in_generate=True, return_legacy_cache=True)
    assert [tuple(pair[0].shape) for pair in made.past_key_values] == [(3, 2, 9, 4)] * 2


def test_seed_makes_draws_repeatable(llama, ids):
    mine, _ = llama
    torch.manual_seed(0)
    first = mine.generate(ids, do_sample=True, seed=11)
    state = torch.get_rng_state()
    assert torch.equal(first, mine.generate(ids, do_sample=True, seed=11))
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(first, mine.generate(ids, do_sample=True, seed=12))
    torch.manual_seed(11)
    plain = mine.generate(ids, do_sample=True)
    assert torch.equal(plain, mine.generate(ids, do_sample=True, generator=torch.Generator().manual_seed(11)))


class StopAt(StoppingCriteria):
    reason = "five"

    def __call__(self, input_ids, scores=None, **kwargs):
        return input_ids[:, -1] == 5


def test_finish_reasons(llama, ids):
    mine, theirs = llama
    free = mine.generate(ids, max_new_tokens=12, eos_token_id=None)
    eos = int(free[0, 9])
    made = mine.generate(ids, max_new_tokens=12, eos_token_id=eos, return_dict_in_generate=True)
    assert made.finish_reasons == ["eos" if eos in row[7:].tolist() else "length" for row in free]
    assert "eos" in made.finish_reasons
    other = int(free[1, 8])
    rule = lambda ids, scores: ids[:, -1] == other  # noqa: E731
    unused = next(token for token in range(3, 64) if token not in free)
    made = mine.generate(ids, max_new_tokens=12, eos_token_id=unused, stopping_criteria=[rule], return_dict_in_generate=True)
    assert made.finish_reasons[1] == "stopped"
    criterion = lambda ids, scores, **kwargs: ids[:, -1] == other  # noqa: E731
    want = theirs.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, eos_token_id=unused, stopping_criteria=[criterion]
    )
    assert torch.equal(made.sequences, want)
    made = mine.generate(ids, max_time=1e-9, return_dict_in_generate=True)
    assert made.finish_reasons == ["time"] * 3
    assert made.sequences.shape == (3, 8)
    made = mine.generate(ids, eos_token_id=None, stopping_criteria=[lambda ids, scores: True], return_dict_in_generate=True)
    assert made.sequences.shape == (3, 8)


class Behind:
    """A flag that says what was so one step ago, as a GPU's does."""

    def __init__(self):
        self.raised_ = False

    def post(self, running):
        self.raised_ = not bool(running.any())

    def raised(self):
        return self.raised_


def test_an_end_that_is_seen_a_step_late_changes_nothing(llama, padded, monkeypatch):
    mine, passes = llama[0], []
    options = {"eos_token_id": [2, 5, 9, 13, 20], "max_new_tokens": 60, "return_dict_in_generate": True, "output_scores": True}
    want = mine.generate(**padded, **options)
    assert want.finish_reasons == ["eos"] * 3
    monkeypatch.setattr(finish, "late_flag", lambda device: Behind())
    hook = mine.model.register_forward_pre_hook(lambda module, args: passes.append(1))
    got = mine.generate(**padded, **options)
    hook.remove()
    assert len(passes) == len(want.scores) + 1
    assert torch.equal(got.sequences, want.sequences)
    assert len(got.scores) == len(want.scores)
    assert got.finish_reasons == want.finish_reasons
    assert got.past_key_values.get_seq_length() == want.past_key_values.get_seq_length() == got.sequences.shape[1] - 1


def test_own_processors(llama, ids):
    mine, theirs = llama

    class Only(LogitsProcessor):
        def __call__(self, input_ids, scores):
            return torch.full_like(scores, -9.0).index_fill(1, input_ids[0, -1:], 9.0)

    made = mine.generate(ids[:1], logits_processor=[Only()], max_new_tokens=3)
    assert made[0, 7:].tolist() == [int(ids[0, -1])] * 3

    def rule(row, tokens):
        return [int(tokens[0]) % 7 + row + 3, int(tokens[-1])]

    want = theirs.generate(ids, attention_mask=torch.ones_like(ids), prefix_allowed_tokens_fn=rule, max_new_tokens=6)
    assert torch.equal(mine.generate(ids, prefix_allowed_tokens_fn=rule, max_new_tokens=6), want)


def test_steps(llama, padded):
    mine, _ = llama
    want = mine.generate(**padded, max_new_tokens=9)
    steps = list(mine.generate_steps(**padded, max_new_tokens=9))
    assert torch.equal(torch.stack([step.tokens for step in steps], dim=1), want[:, 7:])
    assert not any(step.logits.requires_grad for step in steps)
    some = mine.generate_steps(**padded)
    next(some)
    some.close()


def test_tokens_of_generate_can_be_trained_on(llama, ids):
    mine = copy.deepcopy(llama[0])
    made = mine.generate(ids, max_new_tokens=4, pad_token_id=4)
    mine(made, labels=made).loss.backward()
    assert mine.lm_head.weight.grad is not None


def test_transition_scores(llama, padded):
    got, want = both(llama, padded, seed=2, do_sample=True, max_new_tokens=6, top_k=0)
    for normalize in (False, True):
        mine = llama[0].compute_transition_scores(got.sequences, got.scores, normalize_logits=normalize)
        theirs = llama[1].compute_transition_scores(want.sequences, want.scores, normalize_logits=normalize)
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_reordered_rows_go_on_as_their_parents_would(llama, padded):
    """What beams need: rows of one prompt and their caches move together."""
    mine, _ = llama
    twice = {name: value.repeat_interleave(2, dim=0) for name, value in padded.items()}
    run, strategy, _ = begin(mine, read_call(mine, None, {**twice, "max_new_tokens": 9, "eos_token_id": None}))
    parents = torch.tensor([1, 1, 3, 2, 4, 4])
    with torch.no_grad():
        for step in range(9):
            _, logits = strategy.look(run)
            tokens = strategy.choose(run, run.process(logits)).tokens
            run.commit(tokens if step else torch.tensor([5, 9, 13, 20, 33, 46]))
            if step == 3:
                run.reorder(parents)
    started = {
        "input_ids": torch.cat([twice["input_ids"], run.ids[:, 7:8]], dim=1),
        "attention_mask": torch.cat([twice["attention_mask"], torch.ones(6, 1, dtype=torch.int64)], dim=1),
    }
    assert run.ids[:, 7].tolist() == [9, 9, 20, 13, 33, 33]
    assert torch.equal(run.ids, mine.generate(**started, max_new_tokens=8, eos_token_id=None))


def test_several_tokens_can_be_committed_at_once(llama, padded):
    """What drafts need."""
    mine, _ = llama
    want = mine.generate(**padded, max_new_tokens=9, eos_token_id=None)
    run, strategy, _ = begin(mine, read_call(mine, None, {**padded, "max_new_tokens": 9, "eos_token_id": None}))
    with torch.no_grad():
        strategy.look(run)
        run.commit(want[:, 7:11])
        while run.length < 16:
            _, logits = strategy.look(run)
            run.commit(strategy.choose(run, run.process(logits)).tokens)
    assert torch.equal(run.ids, want)


# settings ----------------------------------------------------------------------------------------------------------------


def test_nearer_settings_win_and_nothing_is_changed(llama, padded):
    mine = copy.deepcopy(llama[0])
    mine.generation_config = GenerationConfig(top_k=11, top_p=0.4, max_length=33, temperature=0.3, eos_token_id=2)
    passed = GenerationConfig(top_p=0.5, temperature=0.6, do_sample=True, sequence_bias={(1, 2): 0.5})
    objects = (mine.generation_config, passed, mine.config, padded, [[3]])
    kept = copy.deepcopy(objects)
    made = mine.generate(
        **padded, generation_config=passed, temperature=0.9, bad_words_ids=objects[4], return_dict_in_generate=True
    )
    explained = made.settings
    assert explained["top_k"] == (11, "checkpoint")
    assert explained["top_p"] == (0.5, "config")
    assert explained["temperature"] == (0.9, "call")
    assert explained["repetition_penalty"] == (1.0, "default")
    assert (
        explained
        == mine.generation_settings(passed, temperature=0.9, bad_words_ids=[[3]], return_dict_in_generate=True).explain()
    )
    assert objects[:3] == kept[:3]
    assert all(torch.equal(objects[3][name], kept[3][name]) for name in padded)
    assert objects[4] == kept[4]
    assert "top_k" not in dict(mine.generation_settings(passed, use_model_defaults=False).explain()) or (
        mine.generation_settings(passed, use_model_defaults=False).explain()["top_k"] == (50, "default")
    )


@pytest.mark.parametrize(
    ("checkpoint", "passed", "call", "length"),
    [
        ({}, {}, {}, 27),
        ({"max_length": 12}, {}, {}, 12),
        ({"max_new_tokens": 3}, {}, {}, 10),
        ({"max_new_tokens": 3}, {}, {"max_length": 20}, 20),
        ({"max_length": 12}, {}, {"max_new_tokens": 9}, 16),
        ({"max_length": 12}, {"max_new_tokens": 8}, {}, 15),
        ({}, {"max_new_tokens": 8}, {"max_length": 9}, 9),
        ({"max_length": 12, "max_new_tokens": 4}, {}, {}, 11),
        ({}, {}, {"max_new_tokens": None}, 27),
    ],
)
def test_one_meaning_for_every_mix_of_lengths(llama, ids, checkpoint, passed, call, length):
    mine = copy.deepcopy(llama[0])
    mine.generation_config = GenerationConfig(**checkpoint)
    assert mine.generate(ids, generation_config=GenerationConfig(**passed), **call).shape[1] == length


def test_two_lengths_from_one_source_are_pointed_out(llama, ids):
    with pytest.warns(BestiaryWarning, match="max_new_tokens=4 is used, max_length=20 is not"):
        made = llama[0].generate(ids, max_new_tokens=4, max_length=20, eos_token_id=None)
    assert made.shape[1] == 11


def test_the_default_ends_where_the_context_does(llama):
    made = llama[0].generate(torch.full((1, 90), 5), eos_token_id=None, return_dict_in_generate=True)
    assert made.sequences.shape[1] == 96
    assert made.finish_reasons == ["length"]


REFUSED = [
    ({"max_new_token": 3}, ArgumentError, "no argument 'max_new_token'. Did you mean 'max_new_tokens'"),
    ({"atention_mask": 3}, ArgumentError, "Did you mean 'attention_mask'"),
    ({"pixel_values": 3}, ArgumentError, "no argument 'pixel_values'"),
    ({"assistant_model": object()}, ArgumentError, "expected a model that generates"),
    ({"token_healing": True}, ArgumentError, "token_healing needs the tokenizer"),
    ({"compile_config": {"x": 1}}, ArgumentError, "compile_config"),
    ({"synced_gpus": True}, ArgumentError, "synced_gpus"),
    ({"custom_generate": "x/y"}, UnsafeFile, "custom_generate"),
    ({"cache_implementation": "statik"}, ArgumentError, "Did you mean 'static'"),
    ({"cache_implementation": "static", "cache_config": {"max_len": 3}}, ArgumentError, "no option 'max_len'"),
    ({"use_cache": False, "cache_implementation": "static"}, ConfigError, "use_cache=False and cache_implementation='static'"),
    ({"cache_implementation": "static", "max_cache_len": 9}, CapacityError, "room for 9 tokens.*up to 26"),
    ({"num_return_sequences": 2}, ConfigError, "num_return_sequences=2 with do_sample=False"),
    ({"do_sample": True, "temperature": 0.0}, ConfigError, "temperature=0"),
    ({"forced_bos_token_id": 4, "suppress_tokens": [4]}, ConfigError, "forced_bos_token_id=4 is forced and suppressed"),
    ({"top_p": 1.5, "do_sample": True}, ConfigError, "top_p is 1.5; expected a number from 0 to 1"),
    ({"max_new_tokens": 0}, ConfigError, "max_new_tokens is 0"),
    ({"max_length": 5}, InputError, r"max_length=5 \(call\) leaves nothing to add to a prompt of 7"),
    ({"attention_mask": torch.ones(3, 5)}, InputError, r"shape \(3, 5\); expected \(3, 7\)"),
    ({"seed": 1, "generator": torch.Generator()}, ArgumentError, "seed and generator"),
    ({"stop_strings": "x"}, ArgumentError, "pass tokenizer="),
    ({"stopping_criteria": [lambda ids, scores: 3]}, InputError, "a stopping criterion returned"),
    ({"past_key_values": 3}, ArgumentError, "past_key_values is a int"),
    ({"input_ids": torch.ones(1, 2, dtype=torch.long)}, ArgumentError, "inputs and input_ids are the same"),
    ({"early_stopping": "sometimes"}, ConfigError, "early_stopping is 'sometimes'"),
]


@pytest.mark.parametrize(("options", "error", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_refused_before_the_first_step(llama, ids, options, error, message):
    mine, ran = llama[0], []
    hook = mine.model.register_forward_pre_hook(lambda module, args: ran.append(1))
    with pytest.raises(error, match=message):
        mine.generate(ids, **options)
    hook.remove()
    assert not ran or "stopping_criteria" in options


@pytest.mark.parametrize("prompt", [torch.ones(7, dtype=torch.long), torch.ones(1, 7), torch.ones(1, 0, dtype=torch.long)])
def test_prompts_that_are_none(llama, prompt):
    with pytest.raises(InputError, match="the prompt"):
        llama[0].generate(prompt)


BEYOND = [
    (7, {"max_new_tokens": 90}),
    (97, {"max_new_tokens": 6}),
    (94, {"max_length": 100, "num_beams": 2}),
    (94, {"max_new_tokens": 6, "cache_implementation": "static"}),
    (97, {"max_new_tokens": 6, "do_sample": True, "top_k": 1}),
    (94, {"max_new_tokens": 6, "prompt_lookup_num_tokens": 3}),
]


@pytest.mark.parametrize(("prompt", "options"), BEYOND, ids=str)
def test_rotary_positions_go_on_beyond_the_context(llama, prompt, options):
    ours, theirs = llama
    ids = torch.randint(3, 64, (2 if "num_beams" in options else 1, prompt), generator=torch.Generator().manual_seed(1))
    expected = theirs.generate(ids, eos_token_id=None, **options)
    with pytest.warns(BestiaryWarning, match="made for 96 .*beyond-positions") as told:
        tokens = ours.generate(ids, eos_token_id=None, **options)
    assert len(told) == 1
    assert torch.equal(tokens, expected)


def test_a_long_prompt_alone_goes_on(llama):
    with pytest.warns(BestiaryWarning, match="the text may grow to 117 tokens, and this model was made for 96"):
        tokens = llama[0].generate(torch.full((1, 97), 5), eos_token_id=None)
    assert tokens.shape == (1, 117)


def test_a_checkpoint_that_asks_for_more_than_the_context(llama):
    ours, theirs = (copy.deepcopy(model) for model in llama)
    ours.generation_config = GenerationConfig(max_length=100, eos_token_id=None)
    theirs.generation_config.max_length, theirs.generation_config.eos_token_id = 100, None
    ids = torch.full((1, 93), 5)
    with pytest.warns(BestiaryWarning, match="beyond-positions"):
        assert torch.equal(ours.generate(ids), theirs.generate(ids))


def test_an_assistant_made_for_shorter_texts_goes_on_too(llama):
    ours = llama[0]
    assistant = copy.deepcopy(ours)
    for module in assistant.modules():
        if isinstance(module, Rotary):
            module.reach = 10
    ids = torch.full((1, 20), 5)
    with pytest.warns(BestiaryWarning, match="made for 10"):
        tokens = ours.generate(ids, assistant_model=assistant, max_new_tokens=8, eos_token_id=None)
    assert torch.equal(tokens, ours.generate(ids, max_new_tokens=8, eos_token_id=None))


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        (7, {"max_new_tokens": 30}, "prompt of 7 tokens and max_new_tokens=30 make 37; there is room for 32.*at most 25"),
        (33, {}, "the prompt has 33 tokens and the model has room for 32"),
    ],
)
def test_a_table_of_positions_has_an_end(prompt, options, message):
    sizes = {"vocab_size": 50, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=1, eos_token_id=2))
    with pytest.raises(CapacityError, match=message):
        model.generate(torch.full((1, prompt), 5), **options)


def test_cache_longer_than_the_prompt(llama, ids):
    cache = DynamicCache()
    llama[0](ids, past_key_values=cache)
    with pytest.raises(InputError, match="holds 7 tokens and input_ids only 3"):
        llama[0].generate(ids[:, :3], past_key_values=cache)


def test_options_without_effect_are_pointed_out(llama, ids):
    with pytest.warns(BestiaryWarning, match="temperature=0.5 has no effect without do_sample"):
        llama[0].generate(ids, temperature=0.5)
    mine = copy.deepcopy(llama[0])
    mine.generation_config = GenerationConfig(temperature=0.5, top_p=0.3, num_beams=1, length_penalty=2.0)
    mine.generate(ids)  # a checkpoint's own settings rest in silence


def test_padding_without_a_mask(llama, padded):
    mine = copy.deepcopy(llama[0])
    with pytest.warns(BestiaryWarning, match="padding token 0 and came without attention_mask"):
        got = mine.generate(padded["input_ids"])
    assert torch.equal(got, mine.generate(**padded))
    mine.generation_config.eos_token_id = mine.config.eos_token_id = 0
    with pytest.warns(BestiaryWarning, match="padding and more"):
        mine.generate(padded["input_ids"])


def test_padding_on_the_right(llama, padded):
    """Positions go on from the last real token: the tokens are those of the reference's `forward` that is told so.

    Its `generate` goes on from the padded slot.
    """
    ours, theirs = llama
    flipped = {name: value.flip(1) for name, value in padded.items()}
    with pytest.warns(BestiaryWarning, match="pad on the left"):
        tokens = ours.generate(**flipped, max_new_tokens=5, eos_token_id=None)
    ids, mask = flipped["input_ids"], flipped["attention_mask"]
    for _ in range(5):
        positions = (mask.cumsum(1) - 1).masked_fill(mask == 0, 0)
        logits = theirs(ids, attention_mask=mask, position_ids=positions).logits[:, -1]
        ids, mask = torch.cat([ids, logits.argmax(-1, keepdim=True)], 1), torch.nn.functional.pad(mask, (0, 1), value=1)
    assert torch.equal(tokens, ids)


def test_nan_is_no_token(llama, ids):
    broken = copy.deepcopy(llama[0])
    with torch.no_grad():
        broken.lm_head.weight[5] = torch.nan
    for options in ({}, {"do_sample": True}):
        with pytest.raises(NumericsError, match="row 0 hold NaN after 7 tokens"):
            broken.generate(ids, **options)
    assert broken.generate(ids, remove_invalid_values=True).shape[0] == 3
    with pytest.raises(NumericsError, match="every token is banned"):
        llama[0].generate(ids, do_sample=True, suppress_tokens=list(range(64)))


def test_rows_that_cannot_hold_padding_are_filled_with_eos(llama, ids):
    mine = copy.deepcopy(llama[0])
    mine.generation_config = GenerationConfig(eos_token_id=[9, 13, 20])
    made = mine.generate(ids, max_new_tokens=30)
    rows = [row[7:].tolist() for row in made]
    for row in rows:
        ends = [place for place, token in enumerate(row) if token in (9, 13, 20)]
        assert not ends or set(row[ends[0] + 1 :]) <= {9}


def test_the_mixin_is_what_says_so():
    assert GenerationMixin.can_generate()
    assert transformers.__version__.startswith("5.")


def test_what_a_tokenizer_returns_can_be_passed_whole(llama, padded):
    ours = llama[0]
    assert torch.equal(ours.generate(padded, max_new_tokens=4), ours.generate(**padded, max_new_tokens=4))


@pytest.mark.parametrize(
    ("rope", "room"),
    [(None, 32), ({"rope_type": "linear", "factor": 4.0}, 128), ({"rope_type": "dynamic", "factor": 2.0}, None)],
)
def test_stretched_rotary_positions_give_more_room(rope: Any, room: int | None) -> None:
    sizes = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(**sizes, max_position_embeddings=32, rope_parameters=rope))
    assert model.context_length() == room
    if room != 32:
        assert model.generate(torch.ones(1, 20, dtype=torch.long), max_new_tokens=30, eos_token_id=None).shape == (1, 50)

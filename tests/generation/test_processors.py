"""Every processor gives the reference's scores, alone and as `generate` builds it."""

import dataclasses

import numpy as np
import pytest
import torch
from transformers import generation as reference

import bestiary as ours
from bestiary.core import plugins
from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.generation.config import resolve
from bestiary.generation.processor import Context, builders, processors_for
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM

ROWS, VOCAB, LENGTH = 3, 40, 12
EOS = [7, 9]


def ids():
    return torch.randint(0, 10, (ROWS, LENGTH), generator=torch.Generator().manual_seed(1))


def scores(seed=0, scale=3.0):
    drawn = torch.randn(ROWS, VOCAB, generator=torch.Generator().manual_seed(seed)) * scale
    drawn[0, 3] = -torch.inf
    return drawn


ENCODER = torch.randint(0, 10, (ROWS, 9), generator=torch.Generator().manual_seed(2))
CASES = [
    ("TemperatureLogitsWarper", {"temperature": 0.7}),
    ("TopKLogitsWarper", {"top_k": 5}),
    ("TopKLogitsWarper", {"top_k": 5000}),
    ("TopKLogitsWarper", {"top_k": 1, "min_tokens_to_keep": 3, "filter_value": -9.0}),
    ("TopPLogitsWarper", {"top_p": 0.8}),
    ("TopPLogitsWarper", {"top_p": 0.0}),
    ("TopPLogitsWarper", {"top_p": 0.1, "min_tokens_to_keep": 2}),
    ("MinPLogitsWarper", {"min_p": 0.1}),
    ("MinPLogitsWarper", {"min_p": 0.9, "min_tokens_to_keep": 4}),
    ("TopHLogitsWarper", {"top_h": 0.3}),
    ("TopHLogitsWarper", {"top_h": 0.9}),
    ("TypicalLogitsWarper", {"mass": 0.6}),
    ("TypicalLogitsWarper", {"mass": 0.2, "min_tokens_to_keep": 3}),
    ("EpsilonLogitsWarper", {"epsilon": 0.02}),
    ("EpsilonLogitsWarper", {"epsilon": 0.9, "min_tokens_to_keep": 3}),
    ("EtaLogitsWarper", {"epsilon": 0.05}),
    ("LogitNormalization", {}),
    ("InfNanRemoveLogitsProcessor", {}),
    ("RepetitionPenaltyLogitsProcessor", {"penalty": 1.7}),
    ("RepetitionPenaltyLogitsProcessor", {"penalty": 0.4}),
    ("RepetitionPenaltyLogitsProcessor", {"penalty": 1.7, "prompt_ignore_length": 8}),
    ("RepetitionPenaltyLogitsProcessor", {"penalty": 1.7, "prompt_ignore_length": torch.tensor([2, 9, 5])}),
    ("EncoderRepetitionPenaltyLogitsProcessor", {"penalty": 1.7, "encoder_input_ids": ENCODER}),
    ("NoRepeatNGramLogitsProcessor", {"ngram_size": 1}),
    ("NoRepeatNGramLogitsProcessor", {"ngram_size": 2}),
    ("NoRepeatNGramLogitsProcessor", {"ngram_size": 3}),
    ("NoRepeatNGramLogitsProcessor", {"ngram_size": 20}),
    ("EncoderNoRepeatNGramLogitsProcessor", {"encoder_ngram_size": 2, "encoder_input_ids": ENCODER}),
    ("EncoderNoRepeatNGramLogitsProcessor", {"encoder_ngram_size": 1, "encoder_input_ids": ENCODER}),
    ("NoBadWordsLogitsProcessor", {"bad_words_ids": [[1], [4, 2], [9], list(range(13))], "eos_token_id": 9}),
    ("NoBadWordsLogitsProcessor", {"bad_words_ids": [[9]], "eos_token_id": EOS}),
    ("SequenceBiasLogitsProcessor", {"sequence_bias": [[[1], 5.0], [[4, 2], -3.0], [[0, 2], 1.0], [[5, 4, 2], 9.0]]}),
    ("SequenceBiasLogitsProcessor", {"sequence_bias": {(1,): 2.0, (3, 2): -1.0}}),
    ("MinLengthLogitsProcessor", {"min_length": 20, "eos_token_id": EOS}),
    ("MinLengthLogitsProcessor", {"min_length": 12, "eos_token_id": EOS}),
    ("MinNewTokensLengthLogitsProcessor", {"prompt_length_to_skip": 10, "min_new_tokens": 3, "eos_token_id": 7}),
    ("MinNewTokensLengthLogitsProcessor", {"prompt_length_to_skip": 10, "min_new_tokens": 2, "eos_token_id": 7}),
    ("ForcedBOSTokenLogitsProcessor", {"bos_token_id": 5}),
    ("ForcedEOSTokenLogitsProcessor", {"max_length": 13, "eos_token_id": EOS}),
    ("ForcedEOSTokenLogitsProcessor", {"max_length": 14, "eos_token_id": 7}),
    ("SuppressTokensLogitsProcessor", {"suppress_tokens": [1, 5]}),
    ("SuppressTokensAtBeginLogitsProcessor", {"begin_suppress_tokens": [1, 5], "begin_index": 12}),
    ("SuppressTokensAtBeginLogitsProcessor", {"begin_suppress_tokens": [1, 5], "begin_index": 11}),
    ("PrefixConstrainedLogitsProcessor", {"prefix_allowed_tokens_fn": lambda row, ids: [row, int(ids[-1])], "num_beams": 1}),
    (
        "ExponentialDecayLengthPenalty",
        {"exponential_decay_length_penalty": (2, 1.3), "eos_token_id": EOS, "input_ids_seq_length": 5},
    ),
    (
        "ExponentialDecayLengthPenalty",
        {"exponential_decay_length_penalty": (8, 1.3), "eos_token_id": EOS, "input_ids_seq_length": 5},
    ),
    ("AlternatingCodebooksLogitsProcessor", {"input_start_len": 4, "semantic_vocab_size": 10, "codebook_size": 15}),
    ("AlternatingCodebooksLogitsProcessor", {"input_start_len": 5, "semantic_vocab_size": 10, "codebook_size": 15}),
    ("BarkEosPrioritizerLogitsProcessor", {"eos_token_id": EOS, "min_eos_p": 0.02}),
    ("BarkEosPrioritizerLogitsProcessor", {"eos_token_id": 7, "min_eos_p": None}),
    ("DiaEOSChannelFilterLogitsProcessor", {"num_channels": 3, "eos_token_id": 25}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=[f"{name}-{index}" for index, (name, _) in enumerate(CASES)])
def test_equals_the_reference(name, arguments):
    mine, theirs = getattr(ours, name)(**arguments), getattr(reference.logits_process, name)(**arguments)
    lengths = (1, LENGTH) if name == "ForcedBOSTokenLogitsProcessor" else (LENGTH,)
    for length in lengths:
        for seed, scale in ((0, 3.0), (1, 0.3), (2, 10.0)):
            given_ids, given = ids()[:, :length], scores(seed, scale)
            kept = given.clone()
            got = mine(given_ids, given)
            assert torch.equal(given, kept), "the scores passed in were changed"
            torch.testing.assert_close(got, theirs(given_ids, scores(seed, scale)), rtol=1e-5, atol=1e-5)


def test_top_h_looks_at_the_hundred_best():
    given = torch.randn(2, 400, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours.TopHLogitsWarper(0.99)(None, given), reference.TopHLogitsWarper(0.99)(None, given.clone()))


def context(prompt_length=3, **call):
    settings = resolve(call, None, None)
    return Context(
        settings,
        prompt_length=prompt_length,
        max_length=20,
        device=torch.device("cpu"),
        eos=torch.tensor(EOS),
        encoder_input_ids=ENCODER,
        model=LlamaForCausalLM(LlamaConfig(vocab_size=VOCAB, hidden_size=8, num_attention_heads=2, num_hidden_layers=1)),
    )


EVERY = {
    "temperature": 0.5, "top_k": 3, "top_p": 0.5, "min_p": 0.1, "top_h": 0.5, "typical_p": 0.5, "epsilon_cutoff": 0.1,
    "eta_cutoff": 0.1, "repetition_penalty": 1.5, "encoder_repetition_penalty": 1.5, "no_repeat_ngram_size": 2,
    "encoder_no_repeat_ngram_size": 2, "bad_words_ids": [[1]], "renormalize_logits": True, "forced_bos_token_id": 1,
    "forced_eos_token_id": 2, "remove_invalid_values": True, "exponential_decay_length_penalty": (1, 1.1),
    "suppress_tokens": [1], "begin_suppress_tokens": [1], "sequence_bias": {(1,): 1.0}, "min_length": 9,
    "guidance_scale": 2.0, "do_sample": True, "watermarking_config": {},
    "num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5,
}  # fmt: skip


def test_nothing_is_built_where_nothing_is_asked():
    assert processors_for(context(do_sample=True, top_k=0)) == []
    assert processors_for(context()) == []


def test_every_option_of_every_file_builds_a_processor_in_order():
    options = {option for builder in builders() for option in builder.options}
    assert options <= {*EVERY, "min_new_tokens"}
    built = processors_for(context(prompt_length=1, **EVERY))
    assert len(built) == len(options) - 1  # min_new_tokens takes the place of min_length
    assert type(processors_for(context(min_new_tokens=2))[0]).__name__ == "MinNewTokensLengthLogitsProcessor"
    names = [type(processor).__name__ for processor in built]
    assert names[0] == "UnbatchedClassifierFreeGuidanceLogitsProcessor"
    assert names[-1] == "LogitNormalization"
    assert names.index("TemperatureLogitsWarper") < names.index("TopKLogitsWarper") < names.index("TopPLogitsWarper")


def test_every_file_publishes_what_it_holds():
    """One processor."""
    tables = [plugins.published(f"bestiary.generation.{folder}") for folder in ("processors", "watermarks")]
    published = {file: names for table in tables for file, names in table.items() if names}
    files = {*plugins.names("bestiary.generation.processors"), *plugins.names("bestiary.generation.watermarks")}
    assert published.keys() == files - {"watermarking"}  # which makes those of watermarks/
    ends = ("Processor", "Warper", "Penalty", "Normalization")
    counts = {file: sum(name.endswith(ends) for name in names) for file, names in published.items()}
    assert {file: count for file, count in counts.items() if count != 1} == {}


def test_the_callers_own_come_before_those_for_sampling():
    own = ours.TemperatureLogitsWarper(0.1)
    names = [type(p).__name__ for p in processors_for(context(do_sample=True, repetition_penalty=1.5), [own])]
    assert names == ["RepetitionPenaltyLogitsProcessor", "TemperatureLogitsWarper", "TopKLogitsWarper"]


def test_the_callers_own_replaces_a_default_and_clashes_with_an_option():
    own = ours.TopKLogitsWarper(3)
    assert processors_for(context(do_sample=True), [own]) == [own]
    with pytest.raises(ArgumentError, match="TopKLogitsWarper, and top_k asks for another"):
        processors_for(context(do_sample=True, top_k=4), [own])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("TemperatureLogitsWarper", (0.0,)),
        ("TemperatureLogitsWarper", (-1.0,)),
        ("TopKLogitsWarper", (0,)),
        ("TopKLogitsWarper", (1.5,)),
        ("TopPLogitsWarper", (1.1,)),
        ("TopPLogitsWarper", (0.5, -1.0, 0)),
        ("MinPLogitsWarper", (-0.1,)),
        ("TypicalLogitsWarper", (1.5,)),
        ("EpsilonLogitsWarper", (1.0,)),
        ("EtaLogitsWarper", (0.0,)),
        ("TopHLogitsWarper", (0.0,)),
        ("RepetitionPenaltyLogitsProcessor", (0.0,)),
        ("NoRepeatNGramLogitsProcessor", (0,)),
        ("NoBadWordsLogitsProcessor", ([],)),
        ("NoBadWordsLogitsProcessor", ([3],)),
        ("SequenceBiasLogitsProcessor", ({},)),
        ("SequenceBiasLogitsProcessor", ({(): 1.0},)),
        ("SequenceBiasLogitsProcessor", ([[[1, -2], 1.0]],)),
        ("SequenceBiasLogitsProcessor", ([[[1, 2], "x"]],)),
        ("MinLengthLogitsProcessor", (-1, 2)),
        ("ForcedEOSTokenLogitsProcessor", (5, -2)),
        ("ExponentialDecayLengthPenalty", ((1,), 2, 3)),
        ("AlternatingCodebooksLogitsProcessor", (-1, 2, 3)),
        ("BarkEosPrioritizerLogitsProcessor", (3, 0.0)),
        ("ClassifierFreeGuidanceLogitsProcessor", (1.0,)),
        ("DiaClassifierFreeGuidanceLogitsProcessor", (1.0,)),
        ("DiaEOSChannelFilterLogitsProcessor", (0, 3)),
        ("DiaEOSChannelFilterLogitsProcessor", (3, 0)),
        ("DiaEOSDelayPatternLogitsProcessor", ([], 3, 9)),
        ("HammingDiversityLogitsProcessor", (0.0, 4, 2)),
        ("HammingDiversityLogitsProcessor", (1.0, 1, 2)),
        ("HammingDiversityLogitsProcessor", (1.0, 4, 5)),
    ],
)
def test_bad_values_are_refused(name, arguments):
    with pytest.raises(ConfigError):
        getattr(ours, name)(*arguments)


@pytest.mark.parametrize("number", [torch.tensor(0.5), np.float32(0.5), np.array(0.5)], ids=["tensor", "numpy", "array"])
@pytest.mark.parametrize("name", ["TopPLogitsWarper", "TypicalLogitsWarper", "TemperatureLogitsWarper"])
def test_numbers_of_torch_and_numpy_count_as_numbers(name, number):
    torch.testing.assert_close(getattr(ours, name)(number)(ids(), scores()), getattr(ours, name)(0.5)(ids(), scores()))


def test_a_prefix_function_that_allows_nothing():
    processor = ours.PrefixConstrainedLogitsProcessor(lambda row, ids: [], 1)
    with pytest.raises(InputError, match="allows no token for input 0"):
        processor(ids(), scores())


def test_a_token_outside_of_the_vocabulary():
    with pytest.raises(ConfigError, match="token 99; the vocabulary ends at 39"):
        ours.SequenceBiasLogitsProcessor({(99,): 1.0})(ids(), scores())


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("ClassifierFreeGuidanceLogitsProcessor", {}),
        ("DiaClassifierFreeGuidanceLogitsProcessor", {}),
        ("DiaClassifierFreeGuidanceLogitsProcessor", {"guidance_top_k": 3}),
    ],
)
def test_guidance_within_a_batch(name, more):
    drawn = torch.randn(6, VOCAB, generator=torch.Generator().manual_seed(0))
    mine, theirs = getattr(ours, name)(2.5, **more), getattr(reference.logits_process, name)(2.5, **more)
    torch.testing.assert_close(mine(ids(), drawn), theirs(ids(), drawn.clone()))
    with pytest.raises(InputError, match="found 5 and 3"):
        mine(ids(), drawn[:5])


@pytest.mark.parametrize("best_at", [(), (1,), (1, 2, 4), (8,)], ids=str)
def test_channels_end_one_after_the_other(best_at):
    arguments = {"delay_pattern": [0, 2, 3], "eos_token_id": 5, "max_generation_len": 12}
    mine = ours.DiaEOSDelayPatternLogitsProcessor(**arguments)
    theirs = reference.logits_process.DiaEOSDelayPatternLogitsProcessor(**arguments)
    forced = 0
    for step in range(9):
        drawn = torch.randn(6, 8, generator=torch.Generator().manual_seed(step))
        drawn[[0, 3], 5] = -9.0
        if step in best_at:
            drawn[3, 5] = 9.0
        got = mine(torch.ones(6, 3 + step, dtype=torch.long), drawn)
        torch.testing.assert_close(got, theirs(torch.ones(6, 3 + step, dtype=torch.long), drawn.clone()))
        forced += int(not torch.equal(got, drawn))
    assert forced >= 3


def test_groups_of_beams_avoid_what_earlier_ones_chose():
    """Groups of 2 of 6 beams, two inputs; tokens of the first two groups cost a penalty for each choice."""
    processor = ours.HammingDiversityLogitsProcessor(0.5, num_beams=6, num_beam_groups=3)
    chosen = torch.tensor([1, 2, 2, 3, 0, 0, 4, 4, 4, 4, 0, 0])
    given = torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    want = given.clone()
    for row in range(4):
        for token in chosen.reshape(2, 6)[row // 2, :4].tolist():
            want[row, token] -= 0.5
    torch.testing.assert_close(processor(None, given, chosen, 2), want)
    assert torch.equal(processor(None, given, chosen, 0), given)


def test_a_draft_stops_where_it_is_unsure():
    rule, peer = ours.ConfidenceCriteria(0.4), reference.stopping_criteria.ConfidenceCriteria(0.4)
    given = torch.tensor([[0.0, 0.3, 0.2], [5.0, 0.0, 0.0]])
    rows = torch.tensor([[1, 2], [1, 0]])
    assert rule(rows, given).tolist() == [True, False]
    for row in (0, 1):
        one = (given[row : row + 1],)
        assert bool(rule(rows[row : row + 1], one)) == bool(peer(rows[row : row + 1], one))


def test_the_published_lists_are_complete():
    for module in (reference.logits_process, reference.stopping_criteria):
        names = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
        public = {name for name in names if name[0].isupper() and name[-5:] != "State" and name.isidentifier()}
        assert {name for name in public if not name.isupper() and "DOCSTRING" not in name} <= set(ours.__all__)
    # In release 4.46, and no more.
    assert {"LogitsWarper", "HammingDiversityLogitsProcessor"} <= set(ours.__all__)


@pytest.mark.parametrize(
    "option",
    [{"forced_bos_token_id": 5}, {"min_length": 3}, {"guidance_scale": 1}, {"min_length": 9, "min_new_tokens": 8}],
    ids=str,
)
def test_options_that_leave_a_call_as_it_is_are_pointed_out(option):
    name = next(iter(option))
    with pytest.warns(BestiaryWarning, match=f"{name}={option[name]} has no effect in this call"):
        processors_for(context(**option))
    forget_warnings()
    rested = resolve({}, None, ours.GenerationConfig(**option))  # a checkpoint's own settings rest in silence
    processors_for(dataclasses.replace(context(), config=rested))


def test_a_negative_prompt_needs_guidance(llama, ids):
    with pytest.warns(BestiaryWarning, match="negative_prompt_ids steers nothing with guidance_scale=None"):
        guided = llama[0].generate(ids, negative_prompt_ids=ids[:, :2])
    assert torch.equal(guided, llama[0].generate(ids))


def test_n_grams_of_the_prompt_count_for_decoders_too(llama, ids):
    """With no encoder, the prompt is the text whose n-grams are out."""
    mine, theirs = llama
    prompt = ids[:1].repeat(1, 3)
    options = {"encoder_no_repeat_ngram_size": 1, "max_new_tokens": 9, "eos_token_id": 63}
    made = mine.generate(prompt, **options)
    assert not set(made[0, 21:].tolist()) & set(prompt[0].tolist())
    assert torch.equal(made, theirs.generate(prompt, attention_mask=torch.ones_like(prompt), **options))


@pytest.mark.parametrize("kind", ["decoder", "encoder-decoder"])
@pytest.mark.parametrize(
    "options",
    [{"encoder_repetition_penalty": 1.8}, {"encoder_no_repeat_ngram_size": 1}, {"no_repeat_ngram_size": 1}],
    ids=str,
)
def test_padding_is_no_token_of_the_prompt(llama, t5, kind, options):
    """The padding token, which ends rows too, is neither favoured nor banned for having filled a batch."""
    model = (llama if kind == "decoder" else t5)[0]
    ids, mask = torch.randint(5, 64, (3, 6), generator=torch.Generator().manual_seed(1)), torch.ones(3, 6, dtype=torch.int64)
    for row in (1, 2):
        mask[row, slice(0, 2 * row) if kind == "decoder" else slice(6 - 2 * row, None)] = 0
    inputs = {"input_ids": ids.masked_fill(mask == 0, 3), "attention_mask": mask}
    asked = {"max_new_tokens": 5, "output_scores": True, "return_dict_in_generate": True, "eos_token_id": 3, "pad_token_id": 3}
    together = model.generate(**inputs, **asked, **options).scores
    for row in range(3):
        real = mask[row].bool()
        own = {name: values[row : row + 1, real] for name, values in inputs.items()}
        alone = model.generate(**own, **asked, **options)
        for mine, want in zip(together, alone.scores, strict=False):
            torch.testing.assert_close(mine[row], want[0], rtol=1e-4, atol=1e-4)


def test_an_end_token_that_is_named_twice_is_raised_once():
    settings = {"exponential_decay_length_penalty": (0, 1.5), "input_ids_seq_length": 2}
    scores, ids = torch.randn(2, VOCAB), torch.ones(2, 6, dtype=torch.int64)
    twice = ours.ExponentialDecayLengthPenalty(eos_token_id=[4, 4, 7], **settings)(ids, scores)
    assert torch.equal(twice, reference.ExponentialDecayLengthPenalty(eos_token_id=[4, 4, 7], **settings)(ids, scores.clone()))


@pytest.mark.parametrize("library", [ours, reference], ids=["ours", "reference"])
def test_a_list_hands_further_arguments_to_those_that_take_some(library):
    class Adding(library.LogitsProcessor):
        def __call__(self, input_ids, scores, foo=None):
            return scores + foo

    both = library.LogitsProcessorList([Adding(), library.TopKLogitsWarper(3)])
    expected = ours.TopKLogitsWarper(3)(ids(), scores() + 3)
    torch.testing.assert_close(both(ids(), scores(), foo=3), expected)

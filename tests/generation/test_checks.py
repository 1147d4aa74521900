"""What a call brings is looked at before the first step; what goes wrong later leaves the caller's things as they were."""

import copy

import numpy as np
import pytest
import torch

from bestiary.cache import DynamicCache, EncoderDecoderCache
from bestiary.core.errors import ArgumentError, BestiaryError, ConfigError, InputError, NumericsError
from bestiary.core.logging import BestiaryWarning
from bestiary.generation import ExponentialDecayLengthPenalty
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM

LONG = {"max_new_tokens": 5, "eos_token_id": []}
ONES = torch.ones(3, 7, dtype=torch.int64)


def hiding(value, place=(1, 0)):
    mask = ONES.float()
    mask[place] = value
    return mask


BAD = [
    ({"attention_mask": ONES.tolist()}, InputError, "attention_mask is a list"),
    ({"attention_mask": ONES[:, :5]}, InputError, r"shape \(3, 5\)"),
    ({"suppress_tokens": [-1]}, ConfigError, r"suppress_tokens is \[-1\]"),
    ({"suppress_tokens": [64, -1]}, ConfigError, "from 0 to 63"),
    ({"begin_suppress_tokens": [-3, 9]}, ConfigError, "begin_suppress_tokens"),
    ({"forced_eos_token_id": 64}, ConfigError, "forced_eos_token_id"),
    ({"forced_eos_token_id": []}, ConfigError, "forced_eos_token_id"),
    ({"eos_token_id": [2, 64]}, ConfigError, "eos_token_id"),
    ({"pad_token_id": 64}, ConfigError, "pad_token_id"),
    ({"logits_processor": max}, ArgumentError, r"logits_processor=\[...\]"),
    ({"logits_processor": [5]}, ArgumentError, "logits_processor holds 5"),
    ({"stopping_criteria": max}, ArgumentError, r"stopping_criteria=\[...\]"),
    ({"stopping_criteria": [None]}, ArgumentError, "stopping_criteria holds None"),
    ({"prefix_allowed_tokens_fn": 5}, ArgumentError, "prefix_allowed_tokens_fn"),
    ({"tokenizer": "llama", "stop_strings": "a"}, ArgumentError, "tokenizer is 'llama'"),
    ({"generation_config": {"max_new_tokens": 3}}, ArgumentError, "generation_config is"),
    ({"reproducible": "no"}, ArgumentError, "reproducible is 'no'"),
    ({"use_model_defaults": 0}, ArgumentError, "use_model_defaults is 0"),
    ({"sequence_bias": 5}, ConfigError, "sequence_bias is 5"),
    ({"sequence_bias": [[[5], float("nan")]]}, ConfigError, "bias nan"),
    ({"sequence_bias": [[[64], 1.0]]}, ConfigError, "the token 64"),
    ({"bad_words_ids": [[5, 64]]}, ConfigError, "the token 64"),
    ({"cache_config": np.array([1, 2])}, ConfigError, "cache_config is a ndarray"),
    ({"constraints": torch.ones(2)}, ConfigError, "constraints is a Tensor"),
    ({"generator": 5, "do_sample": True}, ArgumentError, "seed=..."),
    ({"seed": 1.5, "do_sample": True}, ArgumentError, "seed is 1.5"),
    ({"seed": True, "do_sample": True, "num_beams": 2}, ArgumentError, "seed is True"),
    ({"negative_prompt_ids": torch.ones(2, 3, dtype=torch.int64), "guidance_scale": 2.0}, InputError, "2 rows for 3"),
    ({"negative_prompt_ids": [[1]], "guidance_scale": 2.0}, InputError, "negative_prompt_ids is a list"),
    ({"negative_prompt_attention_mask": ONES, "guidance_scale": 2.0}, ArgumentError, "needs negative_prompt_ids"),
]


@pytest.mark.parametrize(("given", "error", "named"), BAD, ids=[f"{at}-{next(iter(row[0]))}" for at, row in enumerate(BAD)])
def test_what_cannot_be_is_refused_before_the_first_step(llama, ids, given, error, named):
    model, passes = llama[0], []
    handle = model.register_forward_pre_hook(lambda *args: passes.append(1))
    with pytest.raises(error, match=named) as caught:
        model.generate(ids, **{**LONG, **given})
    handle.remove()
    assert isinstance(caught.value, BestiaryError)
    assert not passes


@pytest.mark.parametrize("name", ["suppress_tokens", "begin_suppress_tokens"])
def test_a_checkpoint_may_suppress_tokens_beyond_the_vocabulary(llama, ids, name, monkeypatch):
    model = llama[0]
    first = model.generate(ids, **LONG)[0, ids.shape[1]].item()
    expected = model.generate(ids, **LONG, **{name: [first]})
    monkeypatch.setattr(model.generation_config, name, [first, 64])
    assert torch.equal(model.generate(ids, **LONG), expected)


@pytest.mark.filterwarnings("ignore::bestiary.core.logging.BestiaryWarning")
@pytest.mark.parametrize("kind", ["decoder", "encoder-decoder"])
@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (hiding(float("-inf")), "holds -inf"),
        (hiding(float("nan")), "holds nan"),
        (hiding(0.5), "holds 0.5"),
        (hiding(0, 1), "all tokens of row 1"),
    ],
    ids=["infinite", "nan", "half", "hidden"],
)
def test_doubtful_masks_are_told_and_generated_from(llama, t5, ids, kind, mask, message):
    with pytest.warns(BestiaryWarning, match=message):
        (llama if kind == "decoder" else t5)[0].generate(ids, attention_mask=mask, **LONG)


@pytest.mark.parametrize("kind", ["decoder", "encoder-decoder"])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda ids: ids.tolist(), "is a list"),
        (lambda ids: ids.numpy(), "is a ndarray"),
        (lambda ids: ids.float(), "torch.float32"),
        (lambda ids: ids > 5, "torch.bool"),
        (lambda ids: ids[0], r"shape \(7,\)"),
        (lambda ids: ids[:0], "at least one row"),
        (lambda ids: ids + 60, "outside of the vocabulary of 64"),
        (lambda ids: torch.tensor([[-1]]), "the id -1"),
    ],
    ids=["list", "numpy", "float", "bool", "one", "none", "beyond", "negative"],
)
def test_prompts_that_are_none(llama, t5, ids, kind, change, named):
    model, passes = (llama if kind == "decoder" else t5)[0], []
    handle = model.register_forward_pre_hook(lambda *args: passes.append(1))
    with pytest.raises(InputError, match=named):
        model.generate(change(ids), **LONG)
    handle.remove()
    assert not passes


def test_ids_of_32_bits_are_as_good(llama, ids):
    model = llama[0]
    for options in ({}, {"repetition_penalty": 1.3}, {"num_beams": 2}):
        made = model.generate(ids.int(), **LONG, **options)
        assert made.dtype == torch.int64
        assert torch.equal(made, model.generate(ids, **LONG, **options))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"decoder_input_ids": [[1]]}, "decoder_input_ids is a list"),
        ({"decoder_input_ids": torch.ones(2, 1, dtype=torch.int64)}, "2 rows and the encoder's output 3"),
        ({"encoder_outputs": (None,)}, "hold a NoneType"),
        ({"encoder_outputs": 5}, "encoder_outputs are 5 of type int; expected states"),
        ({"encoder_outputs": torch.zeros(2, 7, 16)}, "2 rows and input_ids 3"),
    ],
    ids=["list", "rows", "nothing", "number", "others"],
)
def test_inputs_of_an_encoder_and_a_decoder(t5, ids, given, named):
    with pytest.raises(InputError, match=named):
        t5[0].generate(ids, **LONG, **given)


def test_seeds_of_numpy_and_torch(llama, ids):
    model = llama[0]
    for plain, other in ((3, np.int64(3)), ([3, 4, 5], torch.tensor([3, 4, 5])), ([3, 4, 5], np.array([3, 4, 5]))):
        made = [model.generate(ids, do_sample=True, seed=seed, **LONG) for seed in (plain, other)]
        assert torch.equal(*made)
    beams = [model.generate(ids, do_sample=True, num_beams=2, seed=2**70 + place, **LONG) for place in (0, 0)]
    assert torch.equal(*beams)


def test_numbers_of_numpy_are_as_good_as_those_of_python(llama, ids):
    model, options = llama[0], {"do_sample": True, "seed": 1, "eos_token_id": []}
    plain = model.generate(ids, max_new_tokens=4, temperature=0.5, top_k=3, max_time=60.0, **options)
    numbers = {"max_new_tokens": np.int64(4), "temperature": np.float32(0.5), "top_k": np.int32(3), "max_time": np.float64(60)}
    assert torch.equal(model.generate(ids, **numbers, **options), plain)


def test_steps_take_no_streamer(llama, ids):
    with pytest.raises(ArgumentError, match="generate_steps takes no streamer"):
        next(llama[0].generate_steps(ids, streamer=print))


def test_an_end_that_grows_likelier_for_ever(llama, ids):
    processor = ExponentialDecayLengthPenalty((0, 2.0), 5, 0)
    scores = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    for length in (1000, 1100, 5000):  # 2 to the power of 1024 is no floating-point number
        made = processor(torch.ones(1, length, dtype=torch.int64), scores)
        assert made.isfinite().all()
        assert int(made.argmax()) == 5


@pytest.mark.parametrize("allowed", [None, 5, "ab", [64], [-1], [1.5], [True]], ids=repr)
def test_what_a_prefix_function_may_allow(llama, ids, allowed):
    with pytest.raises(InputError, match="prefix_allowed_tokens_fn returned"):
        llama[0].generate(ids, prefix_allowed_tokens_fn=lambda batch, row: allowed, **LONG)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (lambda scores: None, "returned a NoneType"),
        (lambda scores: scores[:1], r"shape \(1, 64\); expected scores of shape \(3, 64\)"),
        (lambda scores: scores[0], r"shape \(64,\)"),
        (lambda scores: scores[:, :-1], r"\(3, 63\)"),
        (lambda scores: scores.long(), "torch.int64"),
        (lambda scores: scores.numpy(), "ndarray"),
    ],
    ids=["nothing", "row", "flat", "narrow", "whole", "numpy"],
)
@pytest.mark.parametrize("options", [{}, {"do_sample": True, "seed": 1}, {"num_beams": 2}], ids=str)
def test_answers_of_processors_are_looked_at(llama, ids, answer, named, options):
    prompts = ids[:3] if "num_beams" not in options else ids
    if "num_beams" in options:
        named = named.replace("(3,", "(6,").replace("(3, 6", "(6, 6")

    def mine(input_ids, scores):
        return answer(scores)

    with pytest.raises(InputError, match=named):
        llama[0].generate(prompts, logits_processor=[mine], **LONG, **options)


def test_a_processor_may_write_into_what_it_gets(llama, ids):
    """As many do; what is said of the model's own scores stays true, and so does the text."""

    def ban(input_ids, scores):
        input_ids.fill_(9)
        scores[:, 5] = float("-inf")
        return scores

    model, asked = llama[0], {"return_dict_in_generate": True, "output_logits": True, "output_token_logprobs": True}
    mine = model.generate(ids, logits_processor=[ban], **LONG, **asked)
    plain = model.generate(ids, suppress_tokens=[5], **LONG, **asked)
    assert torch.equal(mine.sequences, plain.sequences)
    assert all(map(torch.equal, mine.logits, plain.logits))
    assert torch.equal(mine.token_logprobs, plain.token_logprobs)


@pytest.mark.parametrize("spoilt", [float("nan"), float("-inf")])
@pytest.mark.parametrize("options", [{}, {"do_sample": True, "seed": 1}, {"prompt_lookup_num_tokens": 2}], ids=str)
def test_scores_that_leave_nothing_to_choose_in_the_middle(llama, ids, spoilt, options):
    def third(input_ids, scores):
        return torch.full_like(scores, spoilt) if input_ids.shape[1] == 9 else scores

    with pytest.raises(NumericsError):
        llama[0].generate(ids, logits_processor=[third], **LONG, **options)


WAYS = {
    "generate": lambda model, *args, **options: model.generate(*args, **options),
    "steps": lambda model, *args, **options: list(model.generate_steps(*args, **options)),
}


class Interrupted(BaseException):
    """As a KeyboardInterrupt."""


@pytest.mark.parametrize("kind", ["dynamic", "static", "quantized", "sink"])
@pytest.mark.parametrize("at", [1, 3])
@pytest.mark.parametrize("way", ["generate", "steps"])
def test_after_a_failure_the_cache_holds_what_it_held_before(llama, ids, kind, at, way):
    """The pass breaks off behind the first layer, so that layers would have seen different texts."""
    model, passes = llama[0], 0
    options = {"cache_implementation": kind, "max_cache_len": 40} if kind == "static" else {"cache_implementation": kind}
    first = model.generate(ids, return_dict_in_generate=True, **LONG, **options)
    cache, text = first.past_key_values, torch.cat([first.sequences, ids[:, :3]], dim=1)
    expected = model.generate(text, past_key_values=cache.copy(), **LONG)

    def fail(*args):
        nonlocal passes
        passes += 1
        if passes == at:
            raise Interrupted

    handle = model.model.layers[0].register_forward_hook(fail)
    with pytest.raises(Interrupted):
        WAYS[way](model, text, past_key_values=cache, **LONG)
    handle.remove()
    assert torch.equal(model.generate(text, past_key_values=cache, **LONG), expected)


def test_a_refused_call_leaves_the_cache_as_it_was(llama, ids):
    model = llama[0]
    first = model.generate(ids, return_dict_in_generate=True, **LONG)
    cache, text = first.past_key_values, first.sequences[:, :-1]
    before = cache.get_seq_length()
    for wrong in ({"max_new_tokens": None, "max_length": 3}, {"logits_processor": [5]}, {"stopping_criteria": [5]}):
        with pytest.raises(BestiaryError):
            model.generate(text, past_key_values=cache, do_sample=True, num_return_sequences=2, **{**LONG, **wrong})
        assert (cache.batch_size, cache.get_seq_length()) == (3, before)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_cache_of_another_model(llama, ids, layers):
    config = LlamaConfig(**{**llama[0].config.to_dict(), "num_hidden_layers": layers})
    cache = LlamaForCausalLM(config).eval().generate(ids, return_dict_in_generate=True, **LONG).past_key_values
    text = torch.cat([ids, ids], dim=1)[:, : cache.get_seq_length() + 1]
    with pytest.raises(InputError, match=f"{layers} layers and LlamaForCausalLM has 2"):
        llama[0].generate(text, past_key_values=cache, **LONG)


@pytest.mark.parametrize("at", [1, 2])
def test_after_a_failure_in_attention_to_the_encoder(t5, ids, at):
    model, passes, cache = t5[0], 0, EncoderDecoderCache(DynamicCache(), DynamicCache())

    def fail(*args):
        nonlocal passes
        passes += 1
        if passes == at:
            raise Interrupted

    handle = model.decoder.block[at - 1].layer[1].EncDecAttention.k.register_forward_pre_hook(fail)
    passes = at - 1
    with pytest.raises(Interrupted):
        model.generate(ids, past_key_values=cache, **LONG)
    handle.remove()
    assert torch.equal(model.generate(ids, past_key_values=cache, **LONG), model.generate(ids, **LONG))


PAIR = (torch.zeros(3, 2, 4, 4),) * 2


@pytest.mark.parametrize(
    "given", [["ab"], (PAIR[:1],), ((None, None),), ((PAIR[0], PAIR[0][:, :, :2]),)], ids=["text", "half", "none", "lengths"]
)
def test_tuples_that_are_no_cache(llama, ids, given):
    with pytest.raises(ArgumentError, match="in pairs, by layers"):
        llama[0].generate(ids, past_key_values=given, **LONG)


def test_stop_strings_that_no_text_holds(llama, ids, byte_level):
    with pytest.raises(ArgumentError, match="surrogate"):
        llama[0].generate(ids, stop_strings=["\ud800"], tokenizer=byte_level, **LONG)


@pytest.mark.parametrize("way", ["autocast", "cast"])
def test_a_cache_of_another_dtype(llama, ids, way):
    model, asked = copy.deepcopy(llama[0]), {"return_dict_in_generate": True, **LONG}
    with torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
        first = (model if way == "autocast" else model.bfloat16()).generate(ids, **asked)
        longer = torch.cat([first.sequences, ids], dim=1)
        model.generate(longer, past_key_values=first.past_key_values.copy(), **LONG)
    with pytest.raises(InputError, match=r"holds torch\.bfloat16"):
        llama[0].generate(longer, past_key_values=first.past_key_values, **LONG)


def test_a_cache_of_another_batch(llama, ids):
    cache = DynamicCache()
    llama[0](ids, past_key_values=cache, use_cache=True)
    cache.crop(0)
    with pytest.raises(InputError, match="3 rows and the prompt has 1"):
        llama[0].generate(ids[:1], past_key_values=cache, **LONG)

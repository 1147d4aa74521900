"""Assisted decoding and prompt lookup: the tokens of plain decoding, whoever helps."""

import copy

import pytest
import torch
import transformers
from kit import assistants, filled

from bestiary.cache import DynamicCache
from bestiary.core.errors import ArgumentError, ConfigError
from bestiary.generation import GenerationConfig
from bestiary.models.llama import LlamaConfig, LlamaForCausalLM
from bestiary.models.t5 import T5Config, T5ForConditionalGeneration
from bestiary.models.whisper import WhisperConfig, WhisperForCausalLM, WhisperForConditionalGeneration


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("how", assistants.HELP)
@pytest.mark.parametrize("kind", assistants.KINDS)
def test_greedy_is_plain_greedy(kind, how, rows):
    model, given = assistants.model(kind), assistants.inputs(kind, rows)
    plain = model.generate(**given, **assistants.LENGTH)
    assert len(set(plain.flatten().tolist())) > 5
    assert torch.equal(model.generate(**given, **assistants.LENGTH, **assistants.help_of(how, kind)), plain)


OPTIONS = [
    {"use_cache": False},
    {"cache_implementation": "static"},
    {"repetition_penalty": 1.7, "min_new_tokens": 5, "eos_token_id": [3, 25, 30, 6, 31, 17]},
    {"no_repeat_ngram_size": 2},
    {"bad_words_ids": [[9], [4, 7]], "suppress_tokens": [13, 20]},
    {"guidance_scale": 1.5},
    {"max_new_tokens": 1},
    {"max_new_tokens": 2},
    {"max_length": 13},
    {"eos_token_id": [3, 25, 30, 6, 31]},
    {"eos_token_id": [26, 5, 17, 8], "pad_token_id": 33},
    {"forced_eos_token_id": 5, "max_new_tokens": 9},
]


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("how", ["draft", "early exit", "lookup"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_everything_else_stays(options, how, rows):
    """Tokens, scores, logits, states and reasons are those of plain decoding, one entry for each new token."""
    model, given = assistants.model("llama"), assistants.inputs("llama", rows)
    options = {**({} if "max_length" in options else assistants.LENGTH), **options, "return_dict_in_generate": True}
    if options.get("use_cache", True):
        options |= {"output_attentions": True}
    options |= {"output_scores": True, "output_logits": True, "output_hidden_states": True}
    want = model.generate(**given, **options)
    got = model.generate(**given, **options, **assistants.help_of(how, "llama"))
    assert torch.equal(got.sequences, want.sequences)
    assert got.finish_reasons == want.finish_reasons
    ended = torch.zeros(rows, dtype=torch.bool)  # what is computed for a row after its end means nothing
    for step, tokens in enumerate(want.sequences[:, 7:].T):
        for name in ("scores", "logits"):
            torch.testing.assert_close(got[name][step][~ended], want[name][step][~ended], rtol=1e-4, atol=1e-4)
        for name in ("hidden_states", "attentions"):
            for mine, theirs in zip(*[(result.get(name) or [()] * 99)[step] for result in (got, want)], strict=True):
                torch.testing.assert_close(mine[~ended], theirs[~ended], rtol=1e-4, atol=1e-4)
        ended |= torch.isin(tokens, torch.tensor(options["eos_token_id"] if "eos_token_id" in options else []))
    if options.get("use_cache", True):
        assert got.past_key_values.get_seq_length() == got.sequences.shape[1] - 1
        pairs = [result.past_key_values.to_legacy_cache() for result in (got, want)]
        going = torch.tensor([reason == "length" for reason in want.finish_reasons])
        for mine, theirs in zip(*[[part[going] for pair in one for part in pair] for one in pairs], strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("how", ["draft", "lookup"])
@pytest.mark.parametrize("kind", ["t5", "whisper"])
def test_states_of_encoder_decoders(kind, how):
    model, given = assistants.model(kind), assistants.inputs(kind)
    asked = dict.fromkeys(("return_dict_in_generate", "output_scores", "output_hidden_states", "output_attentions"), True)
    want = model.generate(**given, **assistants.LENGTH, **asked)
    got = model.generate(**given, **assistants.LENGTH, **asked, **assistants.help_of(how, kind))
    for name in ("scores", "decoder_hidden_states", "decoder_attentions", "cross_attentions"):
        torch.testing.assert_close(got[name], want[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("how", ["draft", "early exit", "lookup"])
def test_processors_that_look_at_the_encoder(how):
    model, given = assistants.model("t5"), assistants.inputs("t5", 3)
    options = {**assistants.LENGTH, "encoder_repetition_penalty": 1.5, "encoder_no_repeat_ngram_size": 2}
    plain = model.generate(**given, **options)
    assert not torch.equal(plain, model.generate(**given, **assistants.LENGTH))
    assert torch.equal(model.generate(**given, **options, **assistants.help_of(how, "t5")), plain)


def test_the_reference_agrees():
    """The reference's assisted decoding, which serves one row, gives the same tokens and scores."""
    theirs = []
    for mine, layers in ((assistants.model("llama"), 3), (assistants.draft("llama"), 1)):
        made = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(**{**assistants.LLAMA, "num_hidden_layers": layers})
        ).eval()
        made.load_state_dict(mine.state_dict())
        theirs.append(made)
    given = assistants.inputs("llama")
    asked = {"max_new_tokens": 24, "return_dict_in_generate": True, "output_scores": True, "repetition_penalty": 1.3}
    want = theirs[0].generate(**given, **asked, do_sample=False, assistant_model=theirs[1])
    got = assistants.model("llama").generate(**given, **asked, assistant_model=assistants.draft("llama"))
    assert torch.equal(got.sequences, want.sequences)
    torch.testing.assert_close(torch.stack(got.scores), torch.stack(want.scores), rtol=1e-4, atol=1e-4)


def test_a_perfect_assistant_saves_passes():
    model, given = assistants.model("llama"), assistants.inputs("llama")
    passes, handle = assistants.counted(model)
    more = {"num_assistant_tokens": 5, "assistant_confidence_threshold": 0.0}
    model.generate(**given, max_new_tokens=37, eos_token_id=[], assistant_early_exit=2, **more)
    exits = len(passes)
    handle.remove()
    twin = copy.deepcopy(model)
    passes, handle = assistants.counted(model)
    model.generate(**given, max_new_tokens=37, eos_token_id=[], assistant_model=twin, **more)
    handle.remove()
    assert len(passes) == 1 + 6  # the prompt, then rounds of six tokens
    assert exits > len(passes)


def test_lookup_saves_passes_where_a_text_repeats_itself():
    model = assistants.model("llama")
    plain = model.generate(**assistants.inputs("llama"), max_new_tokens=60, eos_token_id=[])
    passes, handle = assistants.counted(model)
    again = model.generate(plain[:, :40], max_new_tokens=27, eos_token_id=[], prompt_lookup_num_tokens=8)
    handle.remove()
    assert torch.equal(again, plain)
    assert len(passes) < 20


@pytest.mark.parametrize("how", ["draft", "lookup"])
@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_streamed_tokens_and_stop_in_a_run(kind, how):
    model, given = assistants.model(kind), assistants.inputs(kind)
    plain = model.generate(**given, **assistants.LENGTH)
    start = plain.shape[1] - 24

    def stop(ids, scores):
        return bool(ids.shape[1] >= start + 9)

    helped = assistants.help_of(how, kind)
    steps = list(model.generate_steps(**given, **assistants.LENGTH, **helped))
    assert torch.equal(torch.stack([step.tokens for step in steps], 1), plain[:, start:])
    cut = model.generate(**given, **assistants.LENGTH, **helped, stopping_criteria=[stop])
    assert torch.equal(cut, plain[:, : start + 9])


@pytest.mark.parametrize("how", ["draft", "lookup", "early exit"])
@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_the_callers_cache_goes_on(kind, how):
    """Also where the run ended amid guesses, and where the reader gave up."""
    model, given, helped = assistants.model(kind), assistants.inputs(kind), assistants.help_of(how, kind)
    plain = model.generate(**given, **assistants.LENGTH)
    start = plain.shape[1] - 24
    own = {**given, "decoder_input_ids": plain[:, :start]} if kind == "t5" else given
    for count in range(1, 24, 3):
        cache = DynamicCache() if kind == "llama" else None
        more = {} if cache is None else {"past_key_values": cache}
        steps = model.generate_steps(**own, **assistants.LENGTH, **helped, **more)
        for _ in range(count):
            next(steps)
        steps.close()
        if cache is not None:
            assert cache.get_seq_length() == start + count - 1
            mask = torch.ones(1, start + count, dtype=torch.long)
            again = model.generate(
                plain[:, : start + count],
                attention_mask=mask,
                past_key_values=cache,
                **helped,
                **{**assistants.LENGTH, "max_new_tokens": 25 - count},
            )
            assert torch.equal(again[:, : plain.shape[1]], plain)


def test_stop_strings(byte_level):
    config = {**assistants.LLAMA, "vocab_size": 330, "eos_token_id": None}
    model, draft = (filled.fill(LlamaForCausalLM(LlamaConfig(**{**config, "num_hidden_layers": n}))) for n in (2, 1))
    ids = byte_level("def fibonacci", return_tensors="pt").input_ids
    plain = model.generate(ids, max_new_tokens=30)
    text = byte_level.decode(plain[0, -12:-9])
    stopped = model.generate(ids, max_new_tokens=30, stop_strings=text, tokenizer=byte_level)
    assert stopped.shape[1] < plain.shape[1]
    for helped in ({"assistant_model": draft}, {"assistant_model": model}, {"prompt_lookup_num_tokens": 3}):
        got = model.generate(ids, max_new_tokens=30, stop_strings=text, tokenizer=byte_level, **helped)
        assert torch.equal(got, stopped)


@pytest.mark.parametrize("how", ["draft", "early exit"])
def test_nothing_that_was_passed_changes(how):
    model, draft = assistants.model("llama"), assistants.draft("llama")
    config = GenerationConfig(num_assistant_tokens_schedule="heuristic_transient", num_assistant_tokens=2, max_new_tokens=12)
    given = assistants.inputs("llama")

    def all_of(one):
        state = {name: value.clone() for name, value in one.state_dict().items()}
        parts = [(name, len(part._forward_hooks), len(part._modules)) for name, part in one.named_modules()]
        return state, one.config.to_dict(), one.generation_config.to_dict(), one.training, parts

    before = copy.deepcopy((all_of(model), all_of(draft), config.to_dict(), given))
    model.generate(**given, generation_config=config, **assistants.help_of(how, "llama"))
    after = (all_of(model), all_of(draft), config.to_dict(), given)
    torch.testing.assert_close(before[0][0], after[0][0], rtol=0, atol=0)
    torch.testing.assert_close(before[1][0], after[1][0], rtol=0, atol=0)
    assert before[0][1:] == after[0][1:]
    assert before[1][1:] == after[1][1:]
    assert before[2] == after[2]
    assert all(torch.equal(before[3][name], given[name]) for name in given)


REFUSED = [
    ({"assistant_model": "other"}, "vocabulary of 50 tokens and the model one of 40"),
    ({"assistant_model": "t5"}, "T5ForConditionalGeneration has an encoder and LlamaForCausalLM has none"),
    ({"assistant_model": "draft", "assistant_early_exit": 1}, "assistant_model and assistant_early_exit=1 exclude"),
    ({"assistant_model": "draft", "num_beams": 3}, "num_beams=3 .*assistant_model"),
    ({"assistant_model": "draft", "prompt_lookup_num_tokens": 3}, "assistant_model.*prompt_lookup_num_tokens=3"),
    ({"assistant_model": "draft", "penalty_alpha": 0.6}, "penalty_alpha=0.6.*assistant_model"),
    ({"assistant_model": "draft", "num_assistant_tokens": 0}, "num_assistant_tokens is 0"),
    ({"assistant_model": "draft", "num_assistant_tokens_schedule": "linear"}, "'linear'; expected 'constant' or"),
    ({"assistant_model": "draft", "assistant_confidence_threshold": 1.5}, "assistant_confidence_threshold is 1.5"),
    ({"assistant_model": "draft", "assistant_tokenizer": object()}, "assistant_tokenizer is .*expected a tokenizer"),
    ({"assistant_early_exit": 3}, "assistant_early_exit=3; LlamaForCausalLM has 3 layers: expected 1 to 2"),
    ({"assistant_early_exit": 1, "assistant_ensemble_weight": 1.0}, "assistant_ensemble_weight is 1.0"),
    ({"prompt_lookup_num_tokens": 2, "assistant_ensemble_weight": 0.5}, "prompt_lookup_num_tokens has none"),
    ({"prompt_lookup_num_tokens": -1}, "prompt_lookup_num_tokens is -1"),
    ({"prompt_lookup_num_tokens": 3, "max_matching_ngram_size": -2}, "max_matching_ngram_size is -2"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_refused_before_the_first_step(options, message):
    other = LlamaForCausalLM(LlamaConfig(**{**assistants.LLAMA, "vocab_size": 50, "num_hidden_layers": 1}))
    named = {"other": other, "t5": assistants.model("t5"), "draft": assistants.draft("llama")}
    options = {name: named.get(value, value) if name == "assistant_model" else value for name, value in options.items()}
    passes, handle = assistants.counted(assistants.model("llama"))
    with pytest.raises((ArgumentError, ConfigError), match=message):
        assistants.model("llama").generate(**assistants.inputs("llama"), **options)
    handle.remove()
    assert not passes


def test_embeddings_alone_are_refused_for_a_draft_and_serve_a_lookup():
    model = assistants.model("llama")
    embeds = model.get_input_embeddings()(assistants.inputs("llama")["input_ids"]).detach()
    with pytest.raises(ArgumentError, match="needs input_ids"):
        model.generate(inputs_embeds=embeds, assistant_model=assistants.draft("llama"))
    ids = torch.ones(embeds.shape[0], 2, dtype=torch.long)
    with pytest.raises(ArgumentError, match="as many as inputs_embeds"):
        model.generate(ids, inputs_embeds=embeds, assistant_model=assistants.draft("llama"))
    plain = model.generate(inputs_embeds=embeds, **assistants.LENGTH)
    assert torch.equal(model.generate(inputs_embeds=embeds, **assistants.LENGTH, prompt_lookup_num_tokens=3), plain)


@pytest.mark.parametrize("rows", [1, 3])
def test_whisper_with_a_decoder_that_looks_at_its_encoder(rows):
    """The distilled kind: a decoder alone that shares the encoder's output."""
    model = assistants.model("whisper")
    plain = model.generate(**assistants.inputs("whisper", rows), **assistants.LENGTH)
    for layers, most in ((1, 24), (3, 4)):
        draft = WhisperForCausalLM(WhisperConfig(**{**assistants.WHISPER, "decoder_layers": layers})).eval()
        draft.load_state_dict({name: p for name, p in model.state_dict().items() if name in draft.state_dict()})
        passes, handle = assistants.counted(model)
        options = {**assistants.LENGTH, "assistant_confidence_threshold": 0.0}
        assert torch.equal(model.generate(**assistants.inputs("whisper", rows), **options, assistant_model=draft), plain)
        handle.remove()
        assert len(passes) <= most


def test_whisper_with_an_assistant_that_hears_by_itself():
    """It has an encoder of another width, which hears the same windows; also in long recordings."""
    model = assistants.model("whisper")
    draft = filled.fill(
        WhisperForConditionalGeneration(WhisperConfig(**{**assistants.WHISPER, "d_model": 8, "decoder_layers": 1}))
    )
    plain = model.generate(**assistants.inputs("whisper", 2), **assistants.LENGTH)
    heard = []
    handle = draft.get_encoder().register_forward_pre_hook(lambda module, args: heard.append(args[0].shape))
    assert torch.equal(model.generate(**assistants.inputs("whisper", 2), **assistants.LENGTH, assistant_model=draft), plain)
    handle.remove()
    assert heard == [(2, 8, 40)]


def test_an_encoder_of_another_width_needs_the_input():
    draft = T5ForConditionalGeneration(T5Config(**{**assistants.T5, "d_model": 8})).eval()
    model, given = assistants.model("t5"), assistants.inputs("t5")
    encoded = model.get_encoder()(**given)
    with pytest.raises(ArgumentError, match="width 16 and T5ForConditionalGeneration expects 8"):
        model.generate(encoder_outputs=encoded, attention_mask=given["attention_mask"], assistant_model=draft)

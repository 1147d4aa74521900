"""`custom_generate`: a function of the caller's decodes, with the pieces that the reference hands to it as well."""

import pytest
import torch
import transformers
from kit import assistants

import bestiary
from bestiary.core.errors import ArgumentError, InputError, UnsafeFile


def greedy(
    model, input_ids, attention_mask, position_ids, logits_processor, stopping_criteria, generation_config, **model_kwargs
):
    """The loop of the documents: one forward, one token."""
    tokens = input_ids
    running = torch.ones(len(input_ids), dtype=torch.bool)
    while bool(running.any()):
        output = model(tokens, attention_mask=attention_mask, position_ids=position_ids, **model_kwargs)
        logits, position_ids = output.logits[:, -1], position_ids[:, -1:] + 1
        tokens = logits_processor(input_ids, logits.float()).argmax(-1, keepdim=True)
        tokens = torch.where(running[:, None], tokens, generation_config.pad_token_id)
        input_ids = torch.cat([input_ids, tokens], 1)
        attention_mask = torch.cat([attention_mask, torch.ones_like(tokens)], 1)
        running &= ~stopping_criteria(input_ids, None)
    return input_ids


def seq2seq(model, input_ids, logits_processor, stopping_criteria, generation_config, **model_kwargs):
    tokens = input_ids
    while not bool(stopping_criteria(input_ids, None).all()):
        logits = model(decoder_input_ids=tokens, **model_kwargs).logits[:, -1]
        tokens = logits_processor(input_ids, logits.float()).argmax(-1, keepdim=True)
        input_ids = torch.cat([input_ids, tokens], 1)
    return input_ids


@pytest.mark.parametrize(
    "options", [{}, {"repetition_penalty": 1.5}, {"eos_token_id": [3, 25, 30]}, {"max_length": 12}], ids=str
)
@pytest.mark.parametrize("rows", [1, 4])
def test_a_loop_by_hand_gives_plain_greedy(rows, options):
    model, given = assistants.model("llama"), assistants.inputs("llama", rows)
    options = {**({} if "max_length" in options else assistants.LENGTH), **options}
    assert torch.equal(model.generate(**given, **options, custom_generate=greedy), model.generate(**given, **options))


def test_an_encoder_decoder():
    model, given = assistants.model("t5"), assistants.inputs("t5", 3)
    plain = model.generate(**given, **assistants.LENGTH)
    assert torch.equal(model.generate(**given, **assistants.LENGTH, custom_generate=seq2seq), plain)


def test_what_it_gets():
    seen = {}

    def note(model, input_ids, left=None, assistant_model=None, **others):
        seen.update(others, model=model, input_ids=input_ids, left=left, assistant_model=assistant_model)
        return "anything"

    model, given = assistants.model("llama"), assistants.inputs("llama", 3)
    helper = object()
    options = {"do_sample": True, "temperature": 0.5, "num_return_sequences": 2, "max_new_tokens": 5}
    assert model.generate(**given, **options, custom_generate=note, left=3, assistant_model=helper) == "anything"
    assert seen["model"] is model
    assert (seen["left"], seen["assistant_model"]) == (3, helper)
    assert seen["input_ids"].shape == seen["attention_mask"].shape == (6, 7)
    assert seen["stopping_criteria"].max_length == seen["stopping_criteria"][0].max_length == 12
    assert seen["generation_config"].temperature == 0.5
    assert [type(one).__name__ for one in seen["logits_processor"]] == ["TemperatureLogitsWarper", "TopKLogitsWarper"]
    assert seen["past_key_values"].get_seq_length() == 0
    assert seen["use_cache"] is True


@pytest.mark.parametrize("use_cache", [True, False])
def test_the_inputs_of_forward_are_the_published_ones(use_cache):
    """Except that a mask which hides nothing is there; positions count real tokens, over all slots."""
    sizes = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 50}
    ids, seen = torch.tensor([[0, 0, 5, 6], [3, 4, 5, 6]]), []

    def note(model, input_ids, logits_processor, stopping_criteria, generation_config, **others):
        seen.append(others)

    for library in (bestiary, transformers):
        model = library.LlamaForCausalLM(library.LlamaConfig(**sizes))
        model.generate(ids, attention_mask=ids.clamp(max=1), custom_generate=note, max_new_tokens=2, use_cache=use_cache)
    ours, published = seen
    assert ours.keys() == published.keys()
    assert ours["logits_to_keep"] == published["logits_to_keep"] == 1
    assert torch.equal(ours["attention_mask"], published["attention_mask"])
    assert torch.equal(ours["position_ids"], published["position_ids"])


def test_positions_go_on_behind_a_cache():
    model, seen = assistants.model("llama"), {}
    cache = bestiary.DynamicCache()
    model(torch.tensor([[5, 6, 7]]), past_key_values=cache)

    def note(model, input_ids, **others):
        seen.update(others)

    model.generate(torch.tensor([[5, 6, 7, 8]]), past_key_values=cache, max_new_tokens=2, custom_generate=note)
    assert seen["position_ids"].tolist() == [[0, 1, 2, 3]]


def test_a_streamer_goes_to_it():
    class Heard(list):
        put, end = list.append, lambda self: self.append("end")

    def write(model, input_ids, streamer, **others):
        streamer.put(torch.tensor([7]))
        streamer.end()

    model, heard = assistants.model("llama"), Heard()
    model.generate(**assistants.inputs("llama"), custom_generate=write, streamer=heard)
    assert [len(heard), heard[1].tolist(), heard[2]] == [3, [7], "end"]
    with pytest.raises(ArgumentError, match="has no parameter streamer"):
        model.generate(**assistants.inputs("llama"), custom_generate=greedy, streamer=Heard())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"custom_generate": "somebody/their-decoding"}, UnsafeFile, "their-decoding contains custom code"),
        ({"custom_generate": 3}, ArgumentError, "custom_generate is a int; expected a function"),
        ({"custom_generate": greedy, "lefd": 3}, ArgumentError, "takes no argument 'lefd'"),
        ({"custom_generate": greedy, "max_length": 3}, InputError, "leaves nothing to add to a prompt"),
    ],
)
def test_refused(options, error, message):
    with pytest.raises(error, match=message):
        assistants.model("llama").generate(**assistants.inputs("llama"), **options)


def test_it_gives_no_steps():
    with pytest.raises(ArgumentError, match="call generate"):
        assistants.model("llama").generate_steps(**assistants.inputs("llama"), custom_generate=greedy)

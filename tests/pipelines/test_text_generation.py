"""Text generation, against the reference, greedily."""

import copy
from typing import Any

import pytest
import torch
import transformers
from kit import checkpoints
from kit.pipelines import ours, reference, same
from tokenizers import Tokenizer, models, pre_tokenizers

import bestiary
from bestiary import LlamaForCausalLM
from bestiary.auto import AutoConfig
from bestiary.core.errors import ArgumentError, InputError
from bestiary.generation.config import GenerationConfig
from bestiary.pipelines import pipeline
from bestiary.pipelines.tasks.text_generation import Chat

TEXTS = checkpoints.TEXTS
GREEDY = {"max_new_tokens": 6, "do_sample": False}
USER = [{"role": "user", "content": "Hello"}]
ASSISTANT = [*USER, {"role": "assistant", "content": "My"}]


def both(inputs: Any, family: str = "llama", **options: Any) -> None:
    folder = getattr(checkpoints, family)()
    before = copy.deepcopy((inputs, options))
    found = ours("text-generation", folder)(inputs, **options)
    same(found, reference("text-generation", folder)(inputs, **options))
    assert (inputs, options) == before


@pytest.mark.parametrize("full", [True, False])
def test_without_a_decoder_new_tokens_are_joined_by_themselves(full: bool) -> None:
    folder, answers = checkpoints.llama(), []
    for library in (bestiary, transformers):
        rust = Tokenizer(models.WordLevel({"[UNK]": 0, **{f"w{index}": index for index in range(1, 60)}}, unk_token="[UNK]"))
        rust.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        tokenizer = library.PreTrainedTokenizerFast(tokenizer_object=rust, pad_token="[UNK]")
        made = library.pipeline("text-generation", model=str(folder), tokenizer=tokenizer)
        answers.append(made("w5 w6", return_full_text=full, **GREEDY))
    same(*answers)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("inputs", ["Hello", ["Hello"], TEXTS[:4], "", USER, ASSISTANT, [USER, ASSISTANT]])
def test_prompts_and_chats(inputs: Any, family: str) -> None:
    both(inputs, family, **GREEDY)


@pytest.mark.parametrize(
    "options",
    [
        {"return_full_text": False},
        {"return_tensors": True},
        {"return_text": True},
        {"prefix": "My name"},
        {"stop_sequence": "a"},
        {"stop_sequence": ["zz", "e"]},
        {"max_new_tokens": None, "max_length": 10},
        {"tokenizer_encode_kwargs": {"truncation": True, "max_length": 2}},
        {"skip_special_tokens": False},
        {"repetition_penalty": 3.0},
        {"add_special_tokens": False},
    ],
)
def test_options(options: dict[str, Any]) -> None:
    given = {name: value for name, value in {**GREEDY, **options}.items() if value is not None}
    both("Hello there", **given)
    both(["Hello there", "My name is"], **given)


class OfOnesOwn(LlamaForCausalLM):
    """Its `generate` takes no more than it uses, and gives a tensor."""

    def generate(self, input_ids: Any, attention_mask: Any, generation_config: Any, num_return_sequences: int = 1) -> Any:
        more = {"attention_mask": attention_mask, "num_return_sequences": num_return_sequences}
        return super().generate(input_ids, generation_config=generation_config, **more).sequences


@pytest.mark.parametrize("kind", ["subclass", "wrapper", "of the outputs"])
def test_a_generate_that_gives_a_tensor(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkpoints.llama()
    model = (OfOnesOwn if kind == "subclass" else LlamaForCausalLM).from_pretrained(folder)
    inner = model.generate
    if kind == "wrapper":
        monkeypatch.setattr(model, "generate", lambda **options: inner(**options).sequences)
    if kind == "of the outputs":
        monkeypatch.setattr(model, "generate", lambda **options: {"sequences": inner(**options).sequences})
    settings = GenerationConfig(max_new_tokens=6, num_beams=2)
    generating = pipeline("text-generation", model, tokenizer=ours("text-generation", folder).tokenizer)
    for inputs in ("Hello", [*TEXTS[:3], "Hello"]):
        for options in ({}, {"num_return_sequences": 2}):
            answers = generating(inputs, generation_config=settings, **options)
            same(answers, ours("text-generation", folder)(inputs, generation_config=settings, **options))
    assert "finish_reason" not in generating("Hello", generation_config=settings, return_details=True)[0]


def test_return_dict_is_no_matter_of_the_pipeline() -> None:
    for value in (True, False):
        both("Hello", **GREEDY, return_dict_in_generate=value)


@pytest.mark.parametrize("options", [{"continue_final_message": False}, {"return_full_text": False}])
def test_chat_options(options: dict[str, Any]) -> None:
    both(ASSISTANT, **GREEDY, **options)
    both([ASSISTANT, USER], **GREEDY, **options)


def test_a_chat_is_extended_and_the_callers_list_is_not() -> None:
    made = ours("text-generation", checkpoints.llama())
    chat = copy.deepcopy(ASSISTANT)
    (answer,) = made(chat, continue_final_message=False, **GREEDY)
    assert chat == ASSISTANT
    assert answer["generated_text"][:-1] == ASSISTANT
    assert answer["generated_text"][-1]["role"] == "assistant"
    assert made(Chat(ASSISTANT), continue_final_message=False, **GREEDY) == [answer]


def test_a_prompt_that_leaves_no_room_loses_its_beginning() -> None:
    prompt = "Hello " * 200
    options = {"handle_long_generation": "hole", "return_full_text": False, **GREEDY}
    both(prompt, **options)
    (answer,) = ours("text-generation", checkpoints.llama())(prompt, return_details=True, **options)
    ids = checkpoints.bytelevel()(prompt)["input_ids"]
    assert answer["dropped_tokens"] == len(ids) - (256 - 6)


def test_why_a_text_ended() -> None:
    made = ours("text-generation", checkpoints.llama())
    (answer,) = made("Hello", return_details=True, **GREEDY)
    assert answer["finish_reason"] == "length"
    rows = made(
        ["Hello", TEXTS[1]],
        eos_token_id=made("Hello", return_tensors=True, **GREEDY)[0]["generated_token_ids"][4],
        return_details=True,
        **GREEDY,
    )
    assert [row[0]["finish_reason"] for row in rows] == ["eos", "length"]


def test_several_answers_to_each_prompt() -> None:
    made = ours("text-generation", checkpoints.llama())
    torch.manual_seed(0)
    rows = made(["Hello", "My name is"], num_return_sequences=3, do_sample=True, max_new_tokens=5)
    assert [len(answers) for answers in rows] == [3, 3]
    for prompt, answers in zip(["Hello", "My name is"], rows, strict=True):
        assert all(answer["generated_text"].startswith(prompt) for answer in answers)


def test_whose_settings_count() -> None:
    folder = checkpoints.llama()
    made = pipeline("text-generation", folder, max_new_tokens=3, do_sample=False)
    stored = made.model.generation_config.to_dict()
    lengths = [
        len(made("Hello", return_tensors=True, **call)[0]["generated_token_ids"]) for call in ({}, {"max_new_tokens": 6}, {})
    ]
    assert lengths == [5, 8, 5]
    config = GenerationConfig(max_new_tokens=4)
    untouched = config.to_dict()
    bare = pipeline("text-generation", folder, do_sample=False)
    assert len(bare("Hello", generation_config=config, return_tensors=True)[0]["generated_token_ids"]) == 6
    assert config.to_dict() == untouched
    assert made.model.generation_config.to_dict() == stored


def test_defaults_where_the_checkpoint_says_nothing() -> None:
    made = ours("text-generation", checkpoints.llama())
    assert made.generation_config.max_new_tokens == 256
    assert (made.generation_config.do_sample, made.generation_config.temperature) == (True, 0.7)


def test_task_specific_settings_of_the_checkpoint() -> None:
    folder = checkpoints.llama()
    special = {"text-generation": {"max_new_tokens": 2, "do_sample": False, "prefix": "My name "}}
    config = AutoConfig.from_pretrained(folder, task_specific_params=special)
    made = pipeline("text-generation", folder, config=config)
    plain = ours("text-generation", folder)("Hello", prefix="My name ", max_new_tokens=2, do_sample=False)
    assert made("Hello") == plain


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_token": 5}, "Did you mean 'max_new_tokens'"),
        ({"return_full_text": True, "return_text": True}, "excludes"),
        ({"return_tensors": True, "return_text": True}, "exclude"),
        ({"handle_long_generation": "x"}, "handle_long_generation is 'x'"),
        ({"stop_sequence": 3}, "stop_sequence is 3"),
        ({"tokenizer_encode_kwargs": {"truncatoin": True}}, "Did you mean 'truncation'"),
    ],
)
def test_wrong_keywords(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ours("text-generation", checkpoints.llama())("Hello", **options)


def test_wrong_inputs() -> None:
    made = ours("text-generation", checkpoints.llama())
    with pytest.raises(InputError, match="a prompt is a text or a chat"):
        made(3, **GREEDY)
    with pytest.raises(InputError, match="'role' and 'content'"):
        made([{"role": "user"}], **GREEDY)


@pytest.mark.parametrize(
    "options", [{"max_length": 24}, {"generation_config": GenerationConfig(max_length=20)}], ids=["a", "b"]
)
def test_lengths_that_count_the_prompt_do_not_depend_on_batch_mates(options: dict[str, Any]) -> None:
    texts = ["Hello there, my name is Ann", "Hello", "My name"]
    for generation in ({}, {"batch_size": 3}):
        alone = [ours("text-generation", checkpoints.llama())(text, do_sample=False, **options) for text in texts]
        assert ours("text-generation", checkpoints.llama())(texts, do_sample=False, **options, **generation) == alone


def test_a_message_may_hold_calls_of_tools_and_no_content() -> None:
    made = pipeline("text-generation", checkpoints.llama())
    made.tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }} {% if m.content is defined %}{{ m.content }}{% endif %}"
        "{% for call in m.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}\n{% endfor %}"
    )
    call = {"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]}
    chats = [
        [*USER, {"role": "assistant", **call, **content}, {"role": "tool", "name": "f", "content": "2"}]
        for content in ({}, {"content": None})
    ]
    first, second = (made(chat, **GREEDY)[0]["generated_text"][-1] for chat in chats)
    assert first == second
    with pytest.raises(InputError, match="'content' .or 'tool_calls'.; found"):
        made([*USER, {"role": "assistant"}])

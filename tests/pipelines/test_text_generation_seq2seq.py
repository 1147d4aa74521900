"""Text generation by encoder-decoders, against the reference, greedily.

The reference takes the length of the prompt off the decoder's text too, which holds no prompt: its answers are the ends of
ours. Its tokens are ours.
"""

import functools
from pathlib import Path
from typing import Any

import pytest
import transformers
from kit import checkpoints
from kit.pipelines import ours, same

import bestiary
from bestiary.core.errors import InputError
from bestiary.pipelines import pipeline

GREEDY = {"max_new_tokens": 12, "do_sample": False}
USER = [{"role": "user", "content": "Hello"}]
ASSISTANT = [*USER, {"role": "assistant", "content": "My"}]
HALVES = {
    "vocab_size": 150,
    "d_model": 32,
    **{f"{half}_{name}": size for half in ("encoder", "decoder") for name, size in (("layers", 2), ("attention_heads", 4))},
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 3,
    "eos_token_id": 1,
    "decoder_start_token_id": 3,
    "forced_eos_token_id": None,
}
WHOLE = {
    "t5": ("T5Config", "T5ForConditionalGeneration"),
    "bart": ("BartConfig", "BartForConditionalGeneration"),
    "mbart": ("MBartConfig", "MBartForConditionalGeneration"),
    "pegasus": ("PegasusConfig", "PegasusForConditionalGeneration"),
    "m2m_100": ("M2M100Config", "M2M100ForConditionalGeneration"),
}


@functools.cache
def folder(family: str) -> Path:
    """A checkpoint whose tokenizer has a template for chats."""
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(checkpoints.t5())
    tokenizer.chat_template = checkpoints.CHAT_TEMPLATE
    config, name = WHOLE[family]
    return checkpoints.save(getattr(transformers, config)(**(checkpoints.T5 if family == "t5" else HALVES)), name, tokenizer)


@functools.cache
def both(family: str) -> list[Any]:
    """Ours and the reference's pipeline over a whole model of `family`."""
    kinds = [getattr(library, WHOLE[family][1]) for library in (bestiary, transformers)]
    models = [kind.from_pretrained(folder(family)).eval() for kind in kinds]
    tokenizers = [library.AutoTokenizer.from_pretrained(folder(family)) for library in (bestiary, transformers)]
    made = zip((pipeline, transformers.pipeline), models, tokenizers, strict=True)
    return [open_("text-generation", model=model, tokenizer=tokenizer, device="cpu") for open_, model, tokenizer in made]


@pytest.mark.parametrize("family", WHOLE)
@pytest.mark.parametrize("inputs", ["Hello world", USER, ASSISTANT])
@pytest.mark.parametrize(
    "options", [{}, {"num_beams": 2, "num_return_sequences": 2}, {"max_new_tokens": None, "max_length": 9}]
)
def test_answers_are_what_the_decoder_writes(family: str, inputs: Any, options: dict[str, Any]) -> None:
    mine, theirs = both(family)
    options = {name: value for name, value in {**GREEDY, **options}.items() if value != 0 or name == "do_sample"}
    tokens = [one["generated_token_ids"] for one in theirs(inputs, return_tensors=True, **options)]
    assert [one["generated_token_ids"] for one in mine(inputs, return_tensors=True, **options)] == tokens
    texts = [one["generated_text"] for one in mine(inputs, return_full_text=False, **options)]
    assert texts == [theirs.tokenizer.decode(ids, skip_special_tokens=True) for ids in tokens]
    ends = [one["generated_text"] for one in theirs(inputs, return_full_text=False, **options)]
    assert all(text.endswith(end) for text, end in zip(texts, ends, strict=True))
    for answer, text in zip(mine(inputs, **options), texts, strict=True):
        if isinstance(inputs, str):
            assert answer["generated_text"] == inputs + text
        elif inputs is USER:
            assert answer["generated_text"] == [*USER, {"role": "assistant", "content": text}]
        else:
            assert answer["generated_text"] == [*USER, {"role": "assistant", "content": "My" + text}]


@pytest.mark.parametrize("family", WHOLE)
def test_a_batch_is_answered_as_its_texts_alone(family: str) -> None:
    mine, theirs = both(family)
    texts = checkpoints.TEXTS[:3]
    alone = [mine(text, return_full_text=False, **GREEDY) for text in texts]
    same(mine(texts, return_full_text=False, batch_size=3, **GREEDY), alone)
    tokens = [theirs(text, return_tensors=True, **GREEDY) for text in texts]
    same(mine(texts, return_tensors=True, batch_size=3, **GREEDY), tokens)


@pytest.mark.parametrize("family", WHOLE)
def test_folders_are_opened_by_the_class_that_they_were_saved_with(family: str) -> None:
    """The reference opens some as a decoder alone, whose words it then has to draw at random."""
    mine = ours("text-generation", folder(family))
    assert type(mine.model).__name__ == WHOLE[family][1]
    for inputs in ("Hello world", USER):
        same(mine(inputs, return_tensors=True, **GREEDY), both(family)[1](inputs, return_tensors=True, **GREEDY))


def test_prefixes_stops_and_details() -> None:
    mine, theirs = both("t5")
    for options in ({"prefix": "My name "}, {"stop_sequence": "e"}, {"skip_special_tokens": False}):
        found = mine("Hello", return_tensors=True, **options, **GREEDY)
        same(found, theirs("Hello", return_tensors=True, **options, **GREEDY))
        [text] = mine("Hello", return_full_text=False, **options, **GREEDY)
        skips = options.get("skip_special_tokens", True)
        assert text["generated_text"] == mine.tokenizer.decode(found[0]["generated_token_ids"], skip_special_tokens=skips)
    [answer] = mine("Hello", return_details=True, max_new_tokens=3, min_new_tokens=3, do_sample=False)
    assert answer["finish_reason"] == "length"


def test_a_chat_without_a_template_is_refused_in_words() -> None:
    mine = pipeline("text-generation", checkpoints.t5(), device="cpu")
    with pytest.raises(InputError, match="chat template"):
        mine(USER, **GREEDY)

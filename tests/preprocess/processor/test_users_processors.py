"""Processors that users write, in the three published ways of naming their parts, beside the same on the published base."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import processing_utils
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import bestiary
from bestiary.core.errors import ArgumentError
from bestiary.core.logging import BestiaryWarning
from bestiary.preprocess import call_options

OURS = SimpleNamespace(
    Mixin=bestiary.ProcessorMixin,
    Image=bestiary.ViTImageProcessor,
    Tokenizer=bestiary.PreTrainedTokenizerFast,
    Batch=bestiary.BatchFeature,
    Keywords=call_options.ProcessingKwargs,
)
THEIRS = SimpleNamespace(
    Mixin=transformers.ProcessorMixin,
    Image=ViTImageProcessorPil,
    Tokenizer=transformers.PreTrainedTokenizerFast,
    Batch=transformers.BatchFeature,
    Keywords=processing_utils.ProcessingKwargs,
)
PHOTO = np.random.default_rng(0).integers(0, 255, (12, 10, 3)).astype(np.uint8)
TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}"


def called(library: Any) -> Any:
    class Keywords(library.Keywords, total=False):  # type: ignore[misc]
        _defaults = {"text_kwargs": {"padding": False}, "images_kwargs": {"size": {"height": 4, "width": 4}}}

    class Own(library.Mixin):  # type: ignore[misc]
        def __init__(
            self, image_processor: Any = None, tokenizer: Any = None, bonus: int = 1, chat_template: Any = None
        ) -> None:
            super().__init__(image_processor, tokenizer, chat_template=chat_template)
            self.bonus, self.token = bonus, "[IMG]"

        def __call__(self, images: Any = None, text: Any = None, **kwargs: Any) -> Any:
            merged = self._merge_kwargs(Keywords, tokenizer_init_kwargs=self.tokenizer.init_kwargs, **kwargs)
            texts = self.tokenizer(text, **merged["text_kwargs"])
            return library.Batch({**texts, **self.image_processor(images, **merged["images_kwargs"]), "bonus": [self.bonus]})

    return Own


def listed(library: Any) -> Any:
    class Own(library.Mixin):  # type: ignore[misc]
        attributes = ["image_processor", "tokenizer"]
        image_processor_class = "ViTImageProcessor"
        tokenizer_class = ("BertTokenizer", "BertTokenizerFast")

        def __init__(self, image_processor: Any, tokenizer: Any) -> None:
            super().__init__(image_processor, tokenizer)

    return Own


def build(library: Any, write: Any, **settings: Any) -> Any:
    vocabulary = {"[UNK]": 0, "a": 1, "cat": 2, "[PAD]": 3, "dog": 4}
    rust = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    rust.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = library.Tokenizer(tokenizer_object=rust, pad_token="[PAD]", unk_token="[UNK]")
    return write(library)(library.Image(size={"height": 6, "width": 6}), tokenizer, **settings)


@pytest.mark.parametrize("options", [{}, {"padding": True, "do_rescale": False}, {"images_kwargs": {"size": 5}}], ids=str)
def test_called(options: dict[str, Any]) -> None:
    ours, theirs = (build(library, called)([PHOTO], ["a cat", "a"], **options) for library in (OURS, THEIRS))
    assert list(ours) == list(theirs)
    for name in ("input_ids", "attention_mask", "bonus"):
        assert list(map(np.array_equal, ours[name], theirs[name])) == [True] * len(ours[name])
    np.testing.assert_allclose(ours["pixel_values"][0], theirs["pixel_values"][0], atol=1e-6)


@pytest.mark.parametrize("write", [called, listed])
def test_said(write: Any) -> None:
    ours, theirs = (build(library, write) for library in (OURS, THEIRS))
    assert ours.get_attributes() == theirs.get_attributes()
    assert ours.model_input_names == theirs.model_input_names
    assert ours.unused_input_names == theirs.unused_input_names
    ids = [[1, 2, 3], [4, 1, 1]]
    assert ours.batch_decode(ids) == theirs.batch_decode(ids)
    assert ours.post_process_image_text_to_text(ids) == theirs.post_process_image_text_to_text(ids)
    assert ours.validate_init_kwargs({"a": 1, "b": 2}, ["a"]) == theirs.validate_init_kwargs({"a": 1, "b": 2}, ["a"])


@pytest.mark.parametrize("write", [called, listed])
def test_saved_and_opened(write: Any, tmp_path: Path) -> None:
    settings = {"bonus": 5} if write is called else {}
    for library, folder in ((OURS, "ours"), (THEIRS, "theirs")):
        build(library, write, **settings).save_pretrained(tmp_path / folder)
    for folder in ("ours", "theirs"):
        opened = write(OURS).from_pretrained(tmp_path / folder)
        assert opened.image_processor.size == {"height": 6, "width": 6}
        assert type(opened.image_processor) is bestiary.ViTImageProcessor
        assert opened.tokenizer("a dog").input_ids == [1, 4]
        if settings:
            assert opened.bonus == 5
            assert write(OURS).from_pretrained(tmp_path / folder, bonus=7).bonus == 7
            assert '"bonus": 5' in opened.to_json_string()
    assert write(THEIRS).from_pretrained(tmp_path / "ours").tokenizer("a dog").input_ids == [1, 4]


def test_chat_template(tmp_path: Path) -> None:
    processor = build(OURS, called, chat_template=TEMPLATE)
    processor.save_pretrained(tmp_path)
    assert (tmp_path / "chat_template.jinja").read_text() == TEMPLATE
    opened = called(OURS).from_pretrained(tmp_path)
    assert opened.apply_chat_template([{"role": "user", "content": "a cat"}]) == "a cat "


def test_options_are_told() -> None:
    with pytest.raises(ArgumentError, match="size came twice, in images_kwargs and by itself"):
        build(OURS, called)([PHOTO], ["a"], size=4, images_kwargs={"size": 5})
    with pytest.warns(BestiaryWarning, match="Own takes no speling; they change nothing"):
        build(OURS, called)([PHOTO], ["a"], speling=4)
    with pytest.warns(BestiaryWarning, match="Own declares no zz in images_kwargs; such options are handed on as they are"):
        build(OURS, called)._merge_kwargs(images_kwargs={"zz": 1})
    with pytest.raises(ArgumentError, match="Other has a smell_processor; the parts of a processor are"):

        class Other(OURS.Mixin):  # type: ignore[misc]
            attributes = ["smell_processor"]

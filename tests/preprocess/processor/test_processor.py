"""Processors against the reference's: outputs, routing of options, and saved files in both directions."""

import json
import pickle

import numpy as np
import pytest
import torch
import transformers
from tokenizers import pre_tokenizers
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from bestiary.core.errors import ArgumentError, CorruptFile, FileMissing, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.models.clip.image_processor import CLIPImageProcessor
from bestiary.models.clip.processor import CLIPProcessor
from bestiary.models.clip.tokenizer import CLIPTokenizer
from bestiary.models.whisper.feature_extractor import WhisperFeatureExtractor
from bestiary.models.whisper.processor import WhisperProcessor
from bestiary.models.whisper.tokenizer import WhisperTokenizer
from bestiary.preprocess.batch import BatchFeature
from bestiary.preprocess.processor import ProcessorMixin

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (20 + i, 30, 3), dtype=np.uint8) for i in range(2)]
CLIPS = [RNG.uniform(-1, 1, n).astype(np.float32) for n in (3000, 5000)]
TEXTS = ["a b", "ab"]
SPECIAL = [
    "<|startoftranscript|>",
    "<|en|>",
    "<|zh|>",
    "<|de|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|notimestamps|>",
]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A CLIP processor of the reference, saved, and ours opened from its folder."""
    folder = tmp_path_factory.mktemp("clip")
    vocab = {t: i for i, t in enumerate(["<|startoftext|>", "<|endoftext|>", "a", "b", "a</w>", "b</w>"])}
    reference = transformers.CLIPProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        transformers.CLIPTokenizer(vocab=vocab, merges=[]),
    )
    reference.save_pretrained(folder)
    return CLIPProcessor.from_pretrained(folder), reference, folder


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """The same for Whisper."""
    folder = tmp_path_factory.mktemp("whisper")
    vocab = {t: i for i, t in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = transformers.WhisperTokenizer(vocab=vocab, merges=[], pad_token="<|endoftext|>")
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    reference = transformers.WhisperProcessor(transformers.WhisperFeatureExtractor(feature_size=8, chunk_length=1), tokenizer)
    reference.save_pretrained(folder)
    # Only a tokenizer opened with its special tokens knows the ids of its prefix.
    return WhisperProcessor.from_pretrained(folder), transformers.WhisperProcessor.from_pretrained(folder), folder


def same(ours, reference):
    assert set(ours) == set(reference)
    for name in reference:
        np.testing.assert_allclose(np.asarray(ours[name]), np.asarray(reference[name]), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "call",
    [
        {"images": IMAGES, "text": TEXTS, "padding": True},
        {"images": IMAGES[0], "text": TEXTS, "padding": "max_length", "max_length": 9, "crop_size": 10},
        {"images": IMAGES, "text": ["ab"], "text_kwargs": {"padding": "max_length", "max_length": 9}},
        {"images": IMAGES, "text": ["ab"], "images_kwargs": {"do_normalize": False}, "common_kwargs": {"return_tensors": "np"}},
        {"images": IMAGES, "padding": True},
        {"text": TEXTS, "padding": True},
    ],
    ids=lambda call: ",".join(call),
)
def test_clip_calls(clip, call):
    ours, reference, _ = clip
    call = call if "common_kwargs" in call else {**call, "return_tensors": "np"}
    same(ours(**call), reference(**call))


def test_clip_by_position_and_without_tensors(clip):
    ours, reference, _ = clip
    batch = ours(IMAGES, TEXTS)
    assert isinstance(batch, BatchFeature)
    expected = reference(IMAGES, TEXTS)
    assert batch.input_ids == expected["input_ids"]
    assert [pixels.shape for pixels in batch.pixel_values] == [(3, 16, 16)] * 2
    assert (
        ours(images=IMAGES, text=TEXTS, padding=True, return_tensors="pt").to(torch.float16).pixel_values.dtype == torch.float16
    )


@pytest.mark.parametrize(
    "call",
    [
        {"audio": CLIPS},
        {"audio": CLIPS, "text": TEXTS, "padding": True},
        {"audio": CLIPS, "text": TEXTS, "padding": "max_length", "max_length": 2000},
        {"audio": CLIPS, "text": TEXTS, "padding": True, "return_attention_mask": True},
        {"text": TEXTS, "padding": True},
    ],
    ids=lambda call: ",".join(call),
)
def test_whisper_calls(whisper, call):
    ours, reference, _ = whisper
    rate = {"sampling_rate": 16000} if "audio" in call else {}
    same(ours(**call, **rate, return_tensors="np"), reference(**call, **rate, return_tensors="np"))


def test_whisper_text_beside_audio_is_the_label(whisper):
    ours = whisper[0]
    batch = ours(CLIPS[0], "ab", sampling_rate=16000)
    assert list(batch) == ["input_features", "labels"]
    assert batch.labels == ours(text="ab").input_ids


def test_whisper_prompts_and_decoding(whisper):
    ours, reference, _ = whisper
    options = {"language": "de", "task": "translate"}
    assert ours.get_decoder_prompt_ids(**options) == reference.get_decoder_prompt_ids(**options)
    np.testing.assert_array_equal(ours.get_prompt_ids("ab"), reference.get_prompt_ids("ab"))
    ids = ours(text=TEXTS).input_ids
    assert ours.batch_decode(ids, skip_special_tokens=True) == reference.batch_decode(ids, skip_special_tokens=True) == TEXTS
    assert ours.decode(ids[0]) == reference.decode(ids[0])


def test_saved_files_open_in_the_reference_and_back(clip, whisper, tmp_path):
    for ours, reference, call in (
        (clip[0], clip[1], {"images": IMAGES, "text": TEXTS, "padding": True}),
        (whisper[0], whisper[1], {"audio": CLIPS, "text": TEXTS, "padding": True, "sampling_rate": 16000}),
    ):
        folder = tmp_path / type(ours).__name__
        written = ours.save_pretrained(folder)
        assert {str(folder / name) for name in ("processor_config.json", "preprocessor_config.json", "tokenizer.json")} <= set(
            written
        )
        expected = reference(**call, return_tensors="np")
        same(type(reference).from_pretrained(folder)(**call, return_tensors="np"), expected)
        again = type(ours).from_pretrained(folder)
        same(again(**call, return_tensors="np"), expected)
        assert again.to_dict() == ours.to_dict()
        same(pickle.loads(pickle.dumps(again))(**call, return_tensors="np"), expected)  # noqa: S301  # our own bytes


def test_parts_open_alone_from_a_processor_folder(clip, whisper):
    assert CLIPImageProcessor.from_pretrained(clip[2]) == clip[0].image_processor
    assert WhisperFeatureExtractor.from_pretrained(whisper[2]) == whisper[0].feature_extractor
    assert clip[0].image_processor.crop_size == {"height": 16, "width": 16}


def test_overrides_reach_their_part(clip):
    opened = CLIPProcessor.from_pretrained(clip[2], do_resize=False, model_max_length=7)
    assert opened.image_processor.do_resize is False
    assert opened.tokenizer.model_max_length == 7


def test_two_parts_of_one_file_name_are_stored_inside_the_processor(clip, tmp_path):
    class Both(ProcessorMixin):
        parts = {
            "image_processor": CLIPImageProcessor,
            "feature_extractor": WhisperFeatureExtractor,
            "tokenizer": CLIPTokenizer,
        }
        settings = {"image_token": "<image>", "frames": 4}

    processor = Both(clip[0].image_processor, WhisperFeatureExtractor(feature_size=12), clip[0].tokenizer, frames=8)
    processor.save_pretrained(tmp_path)
    assert not (tmp_path / "preprocessor_config.json").exists()
    again = Both.from_pretrained(tmp_path)
    assert again.image_processor == processor.image_processor
    assert again.feature_extractor.feature_size == 12
    assert again.stored == {"image_token": "<image>", "frames": 8}
    batch = again(images=IMAGES, audio=CLIPS, text=TEXTS, sampling_rate=16000, padding=True)
    assert set(batch) == {"pixel_values", "input_features", "input_ids", "attention_mask"}


def test_unknown_stored_settings_survive(clip, tmp_path):
    clip[0].save_pretrained(tmp_path)
    path = tmp_path / "processor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "patch_size": 14}))
    CLIPProcessor.from_pretrained(tmp_path).save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "processor_config.json").read_text())["patch_size"] == 14


def test_chat_templates_pass_through(clip, tmp_path):
    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }};{% endfor %}"
    processor = CLIPProcessor(clip[0].image_processor, CLIPTokenizer.from_pretrained(clip[2]), chat_template=template)
    chat = [{"role": "user", "content": "ab"}]
    assert processor.apply_chat_template(chat) == "user: ab;"
    assert processor.apply_chat_template(chat, tokenize=True) == processor.tokenizer.apply_chat_template(
        chat, return_dict=False
    )
    processor.save_pretrained(tmp_path)
    assert CLIPProcessor.from_pretrained(tmp_path).chat_template == template
    with pytest.raises(InputError, match="tokenize=False"):
        processor.apply_chat_template([{"role": "user", "content": [{"type": "image"}]}], tokenize=True)


@pytest.mark.parametrize(
    ("args", "options", "error", "message"),
    [
        ((), {}, InputError, "images, text"),
        ((IMAGES,), {"images_kwargs": {"crop_sise": 3}}, ArgumentError, "no argument 'crop_sise'. Did you mean 'crop_size'"),
        (
            (),
            {"text": ["a"], "padding": True, "text_kwargs": {"padding": False}},
            ArgumentError,
            "padding came twice, in text_k",
        ),
        ((IMAGES, TEXTS, TEXTS), {}, ArgumentError, "3 inputs"),
        ((IMAGES,), {"images": IMAGES}, ArgumentError, "twice"),
        ((IMAGES, TEXTS), {"images_kwargs": 3}, ArgumentError, "images_kwargs is 3; expected a dictionary of options"),
        ((IMAGES, TEXTS), {"text_kwargs": [1]}, ArgumentError, "text_kwargs is .1.; expected a dictionary of options"),
        ((IMAGES, TEXTS), {"common_kwargs": "a"}, ArgumentError, "common_kwargs is 'a'; expected a dictionary of options"),
    ],
)
def test_bad_calls_are_told(clip, args, options, error, message):
    with pytest.raises(error, match=message):
        clip[0](*args, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paddng": True}, "no part of CLIPProcessor takes an argument 'paddng'; it changes nothing. Did you mean 'padding'"),
        ({"text_kwargs": {"zz": 1}}, "the tokenizer of CLIPProcessor takes no argument 'zz'; it changes nothing"),
        ({"videos_kwargs": {"fps": 1}}, r"CLIPProcessor has no part for videos_kwargs \(fps\); they change nothing"),
        ({"audio": CLIPS}, "no part of CLIPProcessor takes an argument 'audio'; it changes nothing"),
    ],
)
def test_options_that_nobody_knows_change_nothing(clip, options, message):
    """As published, where a warning says so too."""
    with pytest.warns(BestiaryWarning, match=message):
        ours = clip[0](images=IMAGES, text=TEXTS, padding=True, return_tensors="np", **options)
    theirs = clip[1](images=IMAGES, text=TEXTS, padding=True, return_tensors="np", **options)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, atol=1e-5)


def test_options_of_sounds_that_nobody_knows_change_nothing(whisper):
    ours, theirs = whisper[:2]
    call = {"audio": CLIPS[0], "sampling_rate": 16000, "audio_kwargs": {"zz": 1}, "return_tensors": "np"}
    with pytest.warns(BestiaryWarning, match="the feature_extractor of WhisperProcessor takes no argument 'zz'"):
        features = ours(**call)["input_features"]
    np.testing.assert_allclose(features, theirs(**call)["input_features"], atol=1e-4)


def test_tables_hold_the_parts_as_published_ones_do(clip, tmp_path):
    ours, theirs = clip[0].to_dict(), clip[1].to_dict()
    assert ours.keys() == theirs.keys()
    assert ours["image_processor"].items() >= {"crop_size": {"height": 16, "width": 16}, "do_resize": True}.items()
    with pytest.warns(BestiaryWarning, match="filename_prefix='a' changes nothing: .* Save its tokenizer alone with one"):
        clip[0].save_pretrained(tmp_path, filename_prefix="a")
    assert CLIPProcessor.from_pretrained(tmp_path).to_dict() == ours
    assert "image_processor" not in json.loads((tmp_path / "processor_config.json").read_text())  # it has a file of its own


def test_bad_constructions_are_told(clip, tmp_path):
    images, tokenizer = clip[0].image_processor, clip[0].tokenizer
    for args, named, message in (
        ((tokenizer, images), {}, "as image_processor, not CLIPTokenizer"),
        ((images,), {}, "as tokenizer, not NoneType"),
        ((images, tokenizer, images), {}, "3 were given"),
        ((images,), {"image_processor": images}, "twice"),
        ((images, tokenizer), {"image_tokens": 3}, "image_tokens"),
    ):
        with pytest.raises(ArgumentError, match=message):
            CLIPProcessor(*args, **named)
    with pytest.raises(FileMissing):
        CLIPProcessor.from_pretrained(tmp_path)
    (tmp_path / "processor_config.json").write_text("[]")
    with pytest.raises(CorruptFile, match="list"):
        CLIPProcessor.from_pretrained(tmp_path)


def test_parts_are_readable_and_named(whisper):
    processor = whisper[0]
    assert isinstance(processor.tokenizer, WhisperTokenizer)
    assert processor.model_input_names == ["input_features", "input_ids", "attention_mask"]
    assert repr(processor) == "WhisperProcessor(feature_extractor=WhisperFeatureExtractor, tokenizer=WhisperTokenizer)"

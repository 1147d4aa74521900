"""The options of a call by kind of input, which writers of processors extend and hand to `ProcessorMixin._merge_kwargs`."""

from typing import Any, TypedDict


class TextKwargs(TypedDict, total=False):
    """Options of a tokenizer."""

    text_pair: Any
    text_target: Any
    text_pair_target: Any
    add_special_tokens: bool | None
    padding: Any
    truncation: Any
    max_length: int | None
    stride: int | None
    is_split_into_words: bool | None
    pad_to_multiple_of: int | None
    return_token_type_ids: bool | None
    return_attention_mask: bool | None
    return_overflowing_tokens: bool | None
    return_special_tokens_mask: bool | None
    return_offsets_mapping: bool | None
    return_length: bool | None
    verbose: bool | None
    padding_side: str | None
    return_mm_token_type_ids: bool | None
    return_tensors: Any


class ImagesKwargs(TypedDict, total=False):
    """Options of an image processor."""

    do_convert_rgb: bool | None
    do_resize: bool | None
    size: Any
    default_to_square: bool | None
    crop_size: Any
    resample: Any
    do_rescale: bool | None
    rescale_factor: float | None
    do_normalize: bool | None
    image_mean: Any
    image_std: Any
    do_pad: bool | None
    pad_size: Any
    do_center_crop: bool | None
    data_format: Any
    input_data_format: Any
    device: Any
    return_tensors: Any
    disable_grouping: bool | None
    image_seq_length: int | None


class VideosKwargs(TypedDict, total=False):
    """Options of a video processor."""

    do_convert_rgb: bool | None
    do_resize: bool | None
    size: Any
    default_to_square: bool | None
    resample: Any
    do_rescale: bool | None
    rescale_factor: float | None
    do_normalize: bool | None
    image_mean: Any
    image_std: Any
    do_center_crop: bool | None
    do_pad: bool | None
    crop_size: Any
    data_format: Any
    input_data_format: Any
    device: Any
    do_sample_frames: bool | None
    video_metadata: Any
    fps: float | None
    num_frames: int | None
    return_metadata: bool | None
    return_tensors: Any


class AudioKwargs(TypedDict, total=False):
    """Options of a feature extractor."""

    sampling_rate: int | None
    raw_speech: Any
    padding: Any
    max_length: int | None
    truncation: bool | None
    pad_to_multiple_of: int | None
    return_attention_mask: bool | None
    device: Any
    return_tensors: Any


class ProcessingKwargs(TypedDict, total=False):
    """Options of a processor, by kind of input; `_defaults` of a subclass has those that hold unless a call says otherwise."""

    text_kwargs: TextKwargs
    images_kwargs: ImagesKwargs
    videos_kwargs: VideosKwargs
    audio_kwargs: AudioKwargs

"""What writers of feature extractors import from `transformers.audio_utils` besides spectrograms: lists, batches, chroma."""

from typing import Any

import numpy as np
from torch import nn

from ..core.errors import InputError
from ..preprocess.audio.spectrogram import amplitude_to_db, power_to_db, spectrogram
from ..preprocess.batch import is_torch

Array = np.ndarray


def is_valid_audio(audio: Any) -> bool:
    """Whether this is one recording: an array, a tensor, or a list of numbers."""
    if isinstance(audio, list | tuple):
        return bool(audio) and all(isinstance(sample, int | float) for sample in audio)
    return isinstance(audio, np.ndarray) or is_torch(audio)


def is_valid_list_of_audio(audio: Any) -> bool:
    """Whether these are recordings, one or more."""
    return isinstance(audio, list | tuple) and bool(audio) and all(is_valid_audio(each) for each in audio)


def make_list_of_audio(audio: Any) -> Any:
    """A recording as a list of one; recordings as they are, lists of them behind each other.

    Raises:
        InputError: something else.
    """
    if isinstance(audio, list | tuple) and is_valid_list_of_audio(audio):
        return audio
    if is_valid_audio(audio):
        return [audio]
    if isinstance(audio, list | tuple) and all(is_valid_list_of_audio(part) for part in audio):
        return [recording for part in audio for recording in part]
    raise InputError(f"audio is an array, a tensor, a list of numbers or a list of these; found {type(audio).__name__}")


def spectrogram_batch(
    waveform_list: list[Array], window: Array, frame_length: int, hop_length: int, **options: Any
) -> list[Array]:
    """`spectrogram` of each of the waveforms."""
    return [spectrogram(waveform, window, frame_length, hop_length, **options) for waveform in waveform_list]


def power_to_db_batch(
    spectrogram: Array, reference: float = 1.0, min_value: float = 1e-10, db_range: float | None = None
) -> Array:
    """`power_to_db` of each of the spectrograms (B, frequencies, frames): `db_range` counts from the loudest of its own."""
    return np.stack([power_to_db(each, reference, min_value, db_range) for each in spectrogram])


def amplitude_to_db_batch(
    spectrogram: Array, reference: float = 1.0, min_value: float = 1e-5, db_range: float | None = None
) -> Array:
    """The same of amplitudes."""
    return np.stack([amplitude_to_db(each, reference, min_value, db_range) for each in spectrogram])


def hertz_to_octave(freq: Any, tuning: float = 0.0, bins_per_octave: int = 12) -> Any:
    """Octaves above 27.5 hertz (A0), where A is `tuning` bins, of which an octave has `bins_per_octave`, above 440 hertz."""
    return np.log2(freq / (440.0 * 2.0 ** (tuning / bins_per_octave) / 16))


def chroma_filter_bank(
    num_frequency_bins: int,
    num_chroma: int,
    sampling_rate: int,
    tuning: float = 0.0,
    power: float | None = 2.0,
    weighting_parameters: tuple[float, float] | None = (5.0, 2.0),
    start_at_c_chroma: bool = True,
) -> Array:
    """Filters that gather the frequencies of each class of pitch, (classes, frequencies) (Ellis 2007, chroma features).

    Args:
        num_frequency_bins: of the whole transform; the result has those up to half of the sampling rate.
        tuning: see `hertz_to_octave`. power: the norm in which the classes of a frequency sum to one; None for none.
        weighting_parameters: centre and width in octaves of a bell of weights; None for none.
        start_at_c_chroma: the first class is C, not A.
    """
    hertz = np.linspace(0, sampling_rate, num_frequency_bins, endpoint=False)[1:]
    pitches = num_chroma * hertz_to_octave(hertz, tuning, num_chroma)
    pitches = np.concatenate(([pitches[0] - 1.5 * num_chroma], pitches))  # silence lies an octave and a half below
    widths = np.concatenate((np.maximum(np.diff(pitches), 1.0), [1.0]))
    half = round(num_chroma / 2)
    distances = np.remainder(pitches - np.arange(num_chroma)[:, None] + half + 10 * num_chroma, num_chroma) - half
    filters = np.exp(-0.5 * (2 * distances / widths) ** 2)
    if power is not None:
        filters = filters / (filters**power).sum(axis=0, keepdims=True) ** (1 / power)
    if weighting_parameters is not None:
        center, width = weighting_parameters
        filters = filters * np.exp(-0.5 * ((pitches / num_chroma - center) / width) ** 2)
    if start_at_c_chroma:
        filters = np.roll(filters, -3 * (num_chroma // 12), axis=0)
    return np.ascontiguousarray(filters[:, : 1 + num_frequency_bins // 2])


def conv1d_output_length(module: nn.Conv1d, input_length: int) -> int:
    """How many frames a convolution makes of so many."""
    if isinstance(module.padding, str):
        padding = 0 if module.padding == "valid" else None
    else:
        padding = module.padding[0]
    if padding is None:  # "same"
        return input_length
    reach = module.dilation[0] * (module.kernel_size[0] - 1)
    return (input_length + 2 * padding - reach - 1) // module.stride[0] + 1

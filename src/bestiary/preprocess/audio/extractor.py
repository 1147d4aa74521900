"""The base of feature extractors: waveforms are checked, cut, normalised and padded; a family turns them into features."""

import os
from collections.abc import Iterable, Mapping, Sized
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...core.errors import ArgumentError, ConfigError, InputError, did_you_mean
from ...core.kinds import Endless, Size, Whole, describe, fits
from ...core.logging import warn_once
from ...hub.code.saving import registers_for
from ...hub.files import HubOptions
from ..batch import BatchFeature, TensorType, is_torch, to_numpy
from ..part import Preprocessor
from ..sources import read_source
from .reading import MOST_SAMPLES, check_samples, decode, load_audio, resample, to_mono, unpack


class Lengths(NamedTuple):
    """How rows are cut and padded: to `limit` rows at most if set, up to `target` (None: the longest; -1: not at all)."""

    limit: int | None
    target: int | None
    multiple: int

    @classmethod
    def read(cls, padding: bool | str, max_length: int | None, truncation: bool, multiple: int | None) -> "Lengths":
        """From the published options; `ArgumentError` for those that do not fit together."""
        if padding not in (True, False, "longest", "max_length", "do_not_pad"):
            raise ArgumentError(f'padding must be True, False, "longest", "max_length" or "do_not_pad", not {padding!r:.80}')
        if max_length is None and (truncation or padding == "max_length"):
            raise ArgumentError('truncation=True and padding="max_length" need a max_length')
        for name, value in (("max_length", max_length), ("pad_to_multiple_of", multiple)):
            if value is not None and not fits(value, Whole):
                raise ArgumentError(f"{name} is {value!r:.80}; expected {describe(Whole)} (of samples), or None")
        step = multiple or 1
        rounded = None if max_length is None else -(-max_length // step) * step
        target = None if padding in (True, "longest") else rounded if padding == "max_length" else -1
        return cls(rounded if truncation else None, target, step)


class FeatureExtractionMixin(Preprocessor):
    """A feature extractor whose settings are what its constructor sets; a subclass writes `__call__`."""

    part_name: ClassVar[str] = "feature_extractor"
    type_key: ClassVar[str] = "feature_extractor_type"
    foreign: ClassVar[str] = "image_mean"
    model_input_names: ClassVar[list[str]] = ["input_values", "attention_mask"]
    register_for_auto_class = registers_for("AutoFeatureExtractor")

    def ignore(self, unknown: Iterable[str]) -> None:
        """Warn of options of a call that it does not have; as published, they change nothing."""
        for name in unknown:
            near = did_you_mean(name, sorted(self.option_names()))
            what = f"{type(self).__name__} takes no argument {name!r:.80}; it changes nothing"
            warn_once(f"unknown-options-{name}", f"{what}.{near}")

    @classmethod
    def get_feature_extractor_dict(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The stored settings, and those of `kwargs` that do not say where they are."""
        options, others = HubOptions.split(kwargs)
        return cls.get_dict(pretrained_model_name_or_path, options), others

    def to_dict(self) -> dict[str, Any]:
        """The settings and the name of the class, without tables that follow from them."""
        return {name: value for name, value in super().to_dict().items() if name not in ("mel_filters", "window")}


class SequenceFeatureExtractor(FeatureExtractionMixin):
    """The base of what makes features of sounds: rows of one clip each are cut and padded along their first axis.

    A subclass writes `__call__`; `waveforms` reads and checks what it is given, `pad` brings rows to one length.
    `sampling_rate` is in hertz.

    Class attributes:
        by_place: the settings that the constructor takes by place, in this order.
    """

    by_place: ClassVar[tuple[str, ...]] = ("feature_size", "sampling_rate", "padding_value")

    feature_size: Size = 1
    sampling_rate: Size = 16000
    padding_value: Endless = 0.0
    padding_side: str = "right"
    return_attention_mask: bool = True

    def __init__(self, *values: Any, **named: Any) -> None:
        if len(values) > len(self.by_place):
            raise ConfigError(
                f"{type(self).__name__} takes {', '.join(self.by_place)} by place; {len(values)} values were given"
            )
        super().__init__(**dict(zip(self.by_place, values, strict=False)), **named)

    def validate(self) -> None:
        """Refuse values that no clip can be processed with."""
        super().validate()
        if self.padding_side not in ("left", "right"):
            raise ConfigError(f'padding_side must be "left" or "right", not {self.padding_side!r:.80}')

    def fetch_audio(self, audio_url_or_urls: Any, sampling_rate: int | None = None) -> Any:
        """Each path or address in (lists of) these as samples (W,) at `sampling_rate`; what are samples stays as it is.

        Raises:
            InputError: neither a path nor samples. FileMissing, HubError, CorruptFile: one cannot be read.
        """
        rate = sampling_rate or self.sampling_rate
        if isinstance(audio_url_or_urls, list | tuple) and not (audio_url_or_urls and isinstance(audio_url_or_urls[0], float)):
            return [self.fetch_audio(each, rate) for each in audio_url_or_urls]
        if isinstance(audio_url_or_urls, str):
            return load_audio(audio_url_or_urls, rate)
        if is_torch(audio_url_or_urls) or isinstance(audio_url_or_urls, np.ndarray | list | tuple):
            return audio_url_or_urls
        raise InputError(f"samples, a path or an address was expected; found {type(audio_url_or_urls).__name__}")

    def waveforms(self, raw_speech: Any, sampling_rate: int | None = None) -> list[np.ndarray]:
        """The clips as float32 rows (W,) at this extractor's rate.

        Raises:
            InputError: another rate, no clip, or a clip that is not mono or not finite.
        """
        if sampling_rate is not None and sampling_rate != self.sampling_rate:
            raise InputError(self._wrong_rate(sampling_rate))
        clips = _split(raw_speech)
        if not clips:
            raise InputError("no audio was given")
        if sampling_rate is None and not all(isinstance(clip, dict | str | bytes | os.PathLike) for clip in clips):
            warn_once(
                "sampling-rate-unknown",
                f"no sampling_rate was given, so it cannot be checked that the samples are at {self.sampling_rate} Hz",
            )
        return [self._clip(clip, index) for index, clip in enumerate(clips)]

    def _clip(self, clip: Any, index: int) -> np.ndarray:
        if isinstance(clip, str | bytes | os.PathLike):
            samples, rate = decode(read_source(clip, "audio"), f"audio {index}")
            return check_samples(resample(to_mono(samples), rate, self.sampling_rate), index)
        if isinstance(clip, dict):
            clip, rate = unpack(clip)
            if rate != self.sampling_rate:
                raise InputError(self._wrong_rate(rate))
        return check_samples(clip, index)

    def _wrong_rate(self, rate: Any) -> str:
        return (
            f"the audio has a sampling rate of {rate} Hz and this model expects {self.sampling_rate} Hz; resample it first, "
            "for example with bestiary.preprocess.audio.reading.resample"
        )

    def align(
        self, rows: list[np.ndarray], lengths: Lengths, normalize: bool = False
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Rows (W, ...) cut, normalised over what is left, and padded; masks (W,) have 1 on what is real.

        Raises:
            ArgumentError: the length to pad to would exhaust the memory.
        """
        if lengths.limit is not None:
            rows = [row[: lengths.limit] for row in rows]
        if normalize:
            rows = [standardize(row) for row in rows]
        longest = -(-max(map(len, rows)) // lengths.multiple) * lengths.multiple
        target = longest if lengths.target is None else lengths.target
        if target > MOST_SAMPLES:
            raise ArgumentError(f"padding would make rows of {target} (of {longest} at most); expected {MOST_SAMPLES} or fewer")
        masks = [self._fill_up(np.ones(len(row), np.int32), target, 0) for row in rows]
        return [self._fill_up(row, target, self.padding_value) for row in rows], masks

    def _fill_up(self, row: np.ndarray, length: int, value: float) -> np.ndarray:
        missing = max(0, length - len(row))
        side = (missing, 0) if self.padding_side == "left" else (0, missing)
        return np.pad(row, [side] + [(0, 0)] * (row.ndim - 1), constant_values=value) if missing else row

    def pad(
        self,
        processed_features: Mapping[str, Any] | list[Mapping[str, Any]],
        padding: bool | str = True,
        max_length: int | None = None,
        truncation: bool = False,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | TensorType | None = None,
    ) -> BatchFeature:
        """Bring features of several calls to one length along their first axis, for a `collate_fn`.

        Args:
            processed_features: a dictionary of lists, or a list of dictionaries, with the first of `model_input_names`;
                other entries are passed on.

        Raises:
            InputError: that entry is missing, or nothing was given.
            ArgumentError: options that do not fit together.
        """
        if isinstance(processed_features, Mapping):
            features = dict(processed_features)
        else:
            features = _columns(processed_features)
        name = self.model_input_names[0]
        if not isinstance(features.get(name), Sized) or not len(features[name]):
            raise InputError(f"nothing to pad: {name!r} was expected, {sorted(features)} was given")
        lengths = Lengths.read(padding, max_length, truncation, pad_to_multiple_of)
        rows = [to_numpy(row, f"{name} {i}") if is_torch(row) else np.asarray(row) for i, row in enumerate(features[name])]
        if not all(row.ndim and row.dtype.kind in "uifb" for row in rows):
            raise InputError(f"{name!r} must hold a row of numbers for each clip; found {features[name]!r:.80}")
        rows = [row.astype(np.float32) if row.dtype == np.float64 else row for row in rows]
        features[name], masks = self.align(rows, lengths)
        if self.return_attention_mask if return_attention_mask is None else return_attention_mask:
            features["attention_mask"] = masks
        return BatchFeature(features, return_tensors)


class WaveformExtractor(SequenceFeatureExtractor):
    """Clips to `input_values`: the samples themselves, padded to one length, if wanted with mean 0 and variance 1.

    Example:
        extractor = WaveformExtractor(do_normalize=True)
        values = extractor([clip_a, clip_b], sampling_rate=16000, padding=True, return_tensors="pt").input_values  # (B, W)
    """

    return_attention_mask: bool = False
    do_normalize: bool = False

    def __call__(
        self,
        raw_speech: Any,
        padding: bool | str = False,
        max_length: int | None = None,
        truncation: bool = False,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | TensorType | None = None,
        sampling_rate: int | None = None,
        do_normalize: bool | None = None,
        **unknown: Any,
    ) -> BatchFeature:
        """`input_values` (B, W), and `attention_mask` (B, W) with 1 on real samples if wanted.

        Args:
            raw_speech: a clip or a list of clips: arrays, tensors, lists of samples in -1..1, dictionaries with "array" and
                "sampling_rate", or paths and bytes of audio files, which are brought to this extractor's rate.
            sampling_rate: the rate of the arrays given, checked against the model's.
            padding, max_length, truncation, pad_to_multiple_of: to one length, counted in samples, as for a tokenizer.

        Raises:
            InputError: a clip that cannot be used, or of another rate.
            ArgumentError: options that do not fit together, or do not exist.
        """
        self.ignore(unknown)
        lengths = Lengths.read(padding, max_length, truncation, pad_to_multiple_of)
        normalize = self.do_normalize if do_normalize is None else do_normalize
        rows, masks = self.align(self.waveforms(raw_speech, sampling_rate), lengths, normalize)
        features: dict[str, Any] = {"input_values": rows}
        if self.return_attention_mask if return_attention_mask is None else return_attention_mask:
            features["attention_mask"] = masks
        return BatchFeature(features, return_tensors)


def _split(raw_speech: Any) -> list[Any]:
    """The single clips of the input: one clip, an array (B, W), or a list of clips."""
    if isinstance(raw_speech, list | tuple):
        return [raw_speech] if raw_speech and _is_number(raw_speech[0]) else list(raw_speech)
    if (isinstance(raw_speech, np.ndarray) or is_torch(raw_speech)) and raw_speech.ndim == 2:
        clips, samples = raw_speech.shape
        if samples > 2 or clips <= samples:  # else it looks like channels last, (W, 1) or (W, 2)
            return list(raw_speech)
    return [raw_speech]


def _is_number(value: Any) -> bool:
    """Whether this is one sample, plain or as an array or tensor without axes."""
    return isinstance(value, int | float | np.number) or ((isinstance(value, np.ndarray) or is_torch(value)) and not value.ndim)


def _columns(rows: Any) -> dict[str, list[Any]]:
    """A list of dictionaries of the same keys as a dictionary of lists."""
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(
            f"features to pad are a dictionary, or a list of dictionaries; found {type(rows).__name__} {rows!r:.60}"
        )
    keys = list(rows[0]) if rows else []
    for index, row in enumerate(rows):
        if row.keys() != set(keys):
            raise InputError(f"features {index} hold {sorted(row)}, and the first {sorted(keys)}; expected the same of each")
    return {key: [row[key] for row in rows] for key in keys}


def standardize(row: np.ndarray) -> np.ndarray:
    """`row` shifted and scaled to mean 0 and variance 1; one without samples stays so."""
    if not row.size:
        return row
    output: np.ndarray = (row - row.mean()) / np.sqrt(row.var() + 1e-7)
    return output

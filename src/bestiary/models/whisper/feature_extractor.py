"""What Whisper's encoder hears: log-mel spectrograms of 30 seconds, one frame every 10 milliseconds."""

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch

from ...core.errors import ConfigError, InputError
from ...core.kinds import Amount, Size
from ...core.logging import warn_once
from ...placement.device_map import check_available
from ...preprocess.audio.extractor import Lengths, WaveformExtractor
from ...preprocess.audio.spectrogram import mel_filter_bank
from ...preprocess.batch import BatchFeature, TensorType

MOST_NUMBERS = 2**26  # in a chunk, and in the filter matrix


@lru_cache(maxsize=8)
def _mel_filters(n_fft: int, feature_size: int, sampling_rate: int) -> np.ndarray:
    return mel_filter_bank(1 + n_fft // 2, feature_size, 0.0, 8000.0, sampling_rate, norm="slaney", mel_scale="slaney")


class WhisperFeatureExtractor(WaveformExtractor):
    """Clips to `input_features` (B, M, frames): log10 mel power, at most 8 below the clip's loudest value, near -1..1.

    `chunk_length` is in seconds, `hop_length` and `n_fft` in samples, `feature_size` is M (80, or 128 from large-v3 on),
    `dither` the scale of Gaussian noise added to the samples.

    Paper: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", section 2.2.
    """

    model_input_names: ClassVar[list[str]] = ["input_features"]
    derived: ClassVar[tuple[str, ...]] = ("n_samples", "nb_max_frames")
    by_place: ClassVar[tuple[str, ...]] = (
        "feature_size",
        "sampling_rate",
        "hop_length",
        "chunk_length",
        "n_fft",
        "padding_value",
        "dither",
        "return_attention_mask",
    )

    feature_size: Size = 80
    hop_length: Size = 160
    chunk_length: Size = 30
    n_fft: Size = 400
    dither: Amount = 0.0

    def validate(self) -> None:
        """Refuse frames that do not fit into a chunk, and tables that do not fit into the memory."""
        super().validate()
        if not 2 <= self.n_fft < self.n_samples <= MOST_NUMBERS or self.hop_length > self.n_samples:
            raise ConfigError(
                f"n_fft {self.n_fft} and hop_length {self.hop_length} must fit into a chunk; one of chunk_length "
                f"{self.chunk_length} s has {self.n_samples} samples, and may have {MOST_NUMBERS}"
            )
        if self.n_fft * self.feature_size > MOST_NUMBERS:
            raise ConfigError(f"{self.feature_size} mel filters (feature_size) over n_fft {self.n_fft} are too large a table")

    @property
    def n_samples(self) -> int:
        """Samples in one chunk."""
        return self.chunk_length * self.sampling_rate

    @property
    def nb_max_frames(self) -> int:
        """Frames in one chunk."""
        return self.n_samples // self.hop_length

    @property
    def mel_filters(self) -> np.ndarray:
        """The filter matrix (n_fft // 2 + 1, M)."""
        return _mel_filters(self.n_fft, self.feature_size, self.sampling_rate)

    def __call__(  # type: ignore[override]  # the published order of the arguments
        self,
        raw_speech: Any,
        truncation: bool = True,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | TensorType | None = None,
        return_attention_mask: bool | None = None,
        padding: bool | str = "max_length",
        max_length: int | None = None,
        sampling_rate: int | None = None,
        do_normalize: bool | None = None,
        device: str | torch.device | None = "cpu",
        **unknown: Any,
    ) -> BatchFeature:
        """`input_features` (B, M, frames), and `attention_mask` (B, frames) with 1 on real frames if wanted.

        Clips are cut or padded to one chunk; audio of any length is kept with `padding="longest", truncation=False`.

        Args:
            raw_speech: a clip or a list of clips, in every form that `WaveformExtractor` takes.
            max_length: samples to cut or pad to in place of one chunk; 0 is one chunk, too.
            do_normalize: first give the samples mean 0 and variance 1.
            device: where the spectrogram is computed; the result comes back to the CPU.

        Raises:
            InputError: a clip that cannot be used, of another rate, or too short for one frame.
            ArgumentError: options that do not fit together, or do not exist.
            ConfigError: no such device.
        """
        if unknown.pop("return_token_timestamps", None):
            warn_once(
                "token-timestamps",
                "return_token_timestamps adds nothing to features: pass return_attention_mask=True for the frames of each clip",
            )
        self.ignore(unknown)
        place = check_available(device or "cpu")
        limit = max_length or self.n_samples
        lengths = Lengths.read(padding, limit, truncation, pad_to_multiple_of)
        normalize = self.do_normalize if do_normalize is None else do_normalize
        rows, masks = self.align(self.waveforms(raw_speech, sampling_rate), lengths, normalize)
        for index, row in enumerate(rows):
            if len(row) <= self.n_fft // 2:
                raise InputError(
                    f"audio {index} has {len(row)} samples, at least {self.n_fft // 2 + 1} make a frame; pad it (the default)"
                )
        if len({len(row) for row in rows}) == 1:
            spectra: Any = self._log_mel(np.stack(rows), place)
        else:
            spectra = [self._log_mel(row[None], place)[0] for row in rows]
        features: dict[str, Any] = {"input_features": spectra}
        if self.return_attention_mask if return_attention_mask is None else return_attention_mask:
            frames = [mask[:: self.hop_length][: len(mask) // self.hop_length] for mask in masks]
            features["attention_mask"] = np.stack(frames) if isinstance(spectra, np.ndarray) else frames
        return BatchFeature(features, return_tensors)

    def _log_mel(self, waves: np.ndarray, device: torch.device) -> np.ndarray:
        """(B, W) to (B, M, frames) in fp32."""
        samples = torch.from_numpy(waves).to(device)
        if self.dither:
            samples = samples + self.dither * torch.randn_like(samples)
        window = torch.hann_window(self.n_fft, device=device)
        spectrum = torch.stft(samples, self.n_fft, self.hop_length, window=window, return_complex=True)
        power = spectrum[..., :-1].abs() ** 2  # the last frame is centred on the end of the clip and is left out
        mel = torch.from_numpy(self.mel_filters).to(device, torch.float32).T @ power
        log = mel.clamp(min=1e-10).log10()
        log = torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - 8.0)
        return ((log + 4.0) / 4.0).cpu().numpy()

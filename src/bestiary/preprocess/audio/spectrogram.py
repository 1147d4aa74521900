"""Spectrograms and mel filters on numpy arrays, in float64.

Frequencies are in hertz. The three mel scales are HTK's and Kaldi's (logarithmic throughout) and Slaney's (linear up to
1 kHz, logarithmic above), which checkpoints were trained with.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import InputError

Array = np.ndarray
_LINEAR_STEP, _KNEE = 200.0 / 3, 1000.0  # Slaney: hertz per mel below the knee
_LOG_STEP = np.log(6.4) / 27  # Slaney: 27 mels from 1 kHz to 6.4 kHz


def hertz_to_mel(freq: float | Array, mel_scale: str = "htk") -> Any:
    """Hertz to mels on the scale "htk", "kaldi" or "slaney"."""
    hertz = np.asarray(freq, np.float64)
    if mel_scale == "htk":
        mels = 2595.0 * np.log10(1.0 + hertz / 700.0)
    elif mel_scale == "kaldi":
        mels = 1127.0 * np.log(1.0 + hertz / 700.0)
    elif mel_scale == "slaney":
        above = _KNEE / _LINEAR_STEP + np.log(np.maximum(hertz, _KNEE) / _KNEE) / _LOG_STEP
        mels = np.where(hertz < _KNEE, hertz / _LINEAR_STEP, above)
    else:
        raise InputError(f'mel_scale must be "htk", "slaney" or "kaldi", not {mel_scale!r}')
    return mels if isinstance(freq, Array) else float(mels)


def mel_to_hertz(mels: float | Array, mel_scale: str = "htk") -> Any:
    """The inverse of `hertz_to_mel`."""
    values = np.asarray(mels, np.float64)
    if mel_scale == "htk":
        hertz = 700.0 * (10.0 ** (values / 2595.0) - 1.0)
    elif mel_scale == "kaldi":
        hertz = 700.0 * (np.exp(values / 1127.0) - 1.0)
    elif mel_scale == "slaney":
        knee = _KNEE / _LINEAR_STEP
        hertz = np.where(values < knee, values * _LINEAR_STEP, _KNEE * np.exp(_LOG_STEP * (values - knee)))
    else:
        raise InputError(f'mel_scale must be "htk", "slaney" or "kaldi", not {mel_scale!r}')
    return hertz if isinstance(mels, Array) else float(hertz)


def mel_filter_bank(
    num_frequency_bins: int,
    num_mel_filters: int,
    min_frequency: float,
    max_frequency: float,
    sampling_rate: int,
    norm: str | None = None,
    mel_scale: str = "htk",
    triangularize_in_mel_space: bool = False,
) -> Array:
    """Triangular filters, evenly spaced in mels, as a matrix (frequency bins, mel filters).

    Args:
        num_frequency_bins: `fft_length // 2 + 1`.
        norm: "slaney" gives every filter the same area, measured in the space of the triangles.
        triangularize_in_mel_space: whether the triangles are straight in mels (Kaldi) or in hertz.

    Raises:
        InputError: fewer than two bins, frequencies in the wrong order, an unknown norm or scale.
    """
    if norm not in (None, "slaney"):
        raise InputError(f'norm must be None or "slaney", not {norm!r}')
    if num_frequency_bins < 2:
        raise InputError(f"num_frequency_bins must be at least 2, not {num_frequency_bins}")
    if min_frequency > max_frequency:
        raise InputError(f"min_frequency {min_frequency} lies above max_frequency {max_frequency}")
    ends = hertz_to_mel(np.array([min_frequency, max_frequency]), mel_scale)
    corners = np.linspace(ends[0], ends[1], num_mel_filters + 2)
    if triangularize_in_mel_space:
        # Kaldi's bins are those of the transform, without the one at half the rate.
        width = sampling_rate / ((num_frequency_bins - 1) * 2)
        bins, peaks = hertz_to_mel(width * np.arange(num_frequency_bins), mel_scale), corners
    else:
        bins, peaks = np.linspace(0, sampling_rate // 2, num_frequency_bins), mel_to_hertz(corners, mel_scale)
    rising = (bins[:, None] - peaks[None, :-2]) / np.diff(peaks)[:-1]
    falling = (peaks[None, 2:] - bins[:, None]) / np.diff(peaks)[1:]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if norm == "slaney":
        filters *= 2.0 / (peaks[2:] - peaks[:-2])
    if not filters.any(axis=0).all():
        warnings.warn(
            f"{int((~filters.any(axis=0)).sum())} of {num_mel_filters} mel filters see no frequency bin: use fewer filters "
            f"or more than {num_frequency_bins} bins",
            stacklevel=2,
        )
    output: Array = filters
    return output


def optimal_fft_length(window_length: int) -> int:
    """The power of two at or above `window_length`."""
    return 1 << (window_length - 1).bit_length() if window_length > 1 else 1


def window_function(
    window_length: int, name: str = "hann", periodic: bool = True, frame_length: int | None = None, center: bool = True
) -> Array:
    """A window by name ("hann", "hamming", "boxcar", "povey"; "hann_window", "hamming_window"), padded to `frame_length`.

    Args:
        periodic: whether the window repeats with period `window_length` (for spectra) or is symmetric.
        frame_length: pad with zeros to this length.
        center: put the window into the middle of the frame, not at its start.

    Raises:
        InputError: an unknown name, or a frame shorter than the window.
    """
    length = window_length + 1 if periodic else window_length
    makers: dict[str, Callable[[int], Array]] = {
        "boxcar": np.ones,
        "hann": np.hanning,
        "hamming": np.hamming,
        "povey": lambda n: np.hanning(n) ** 0.85,
    }
    if name.removesuffix("_window") not in makers:
        raise InputError(f"unknown window {name!r}; known: {', '.join(makers)}")
    window: Array = makers[name.removesuffix("_window")](length)[:window_length]
    if frame_length is None:
        return window
    if window_length > frame_length:
        raise InputError(f"a window of {window_length} does not fit into frames of {frame_length} samples")
    left = (frame_length - window_length) // 2 if center else 0
    return np.pad(window, (left, frame_length - window_length - left))


def spectrogram(
    waveform: Array,
    window: Array,
    frame_length: int,
    hop_length: int,
    fft_length: int | None = None,
    power: float | None = 1.0,
    center: bool = True,
    pad_mode: str = "reflect",
    onesided: bool = True,
    dither: float = 0.0,
    preemphasis: float | None = None,
    mel_filters: Array | None = None,
    mel_floor: float = 1e-10,
    log_mel: str | None = None,
    reference: float = 1.0,
    min_value: float = 1e-10,
    db_range: float | None = None,
    remove_dc_offset: bool = False,
) -> Array:
    """The short-time Fourier transform of `waveform` (W,), as (frequency bins or mel filters, frames).

    Args:
        power: exponent of the magnitudes; None keeps the complex values.
        center: let frame i be centred on sample `i * hop_length`, with the ends padded by `pad_mode`.
        onesided: keep the `fft_length // 2 + 1` bins that a real signal determines.
        dither: scale of the Gaussian noise added to every frame.
        preemphasis: factor by which each sample's predecessor is subtracted from it, frame by frame.
        mel_filters: matrix of `mel_filter_bank`; results below `mel_floor` are raised to it.
        log_mel: "log", "log10" or "dB" (then with `reference`, `min_value` and `db_range` of `power_to_db`).
        remove_dc_offset: subtract every frame's mean.

    Raises:
        InputError: lengths, shapes or options that do not fit.
    """
    fft_length = frame_length if fft_length is None else fft_length
    waveform = np.asarray(waveform)
    _check_frames(waveform, window, frame_length, hop_length, fft_length)
    needed = frame_length // 2 + 1 if center else frame_length
    if len(waveform) < needed:
        raise InputError(f"the waveform has {len(waveform)} samples, a frame of {frame_length} needs at least {needed}")
    if power is None and (mel_filters is not None or log_mel is not None):
        raise InputError("mel_filters and log_mel need magnitudes: give `power`")
    if log_mel not in (None, "log", "log10", "dB") or (log_mel == "dB" and power not in (1.0, 2.0)):
        raise InputError(
            f'log_mel must be None, "log", "log10" or (with power 1 or 2) "dB", not {log_mel!r} with power {power}'
        )
    waveform = waveform.astype(np.float64)
    if center:
        waveform = np.pad(waveform, frame_length // 2, mode=pad_mode)  # type: ignore[call-overload]
    frames = np.lib.stride_tricks.sliding_window_view(waveform, frame_length)[::hop_length].copy()
    if dither:
        frames += dither * np.random.default_rng().standard_normal(frames.shape)
    if remove_dc_offset:
        frames -= frames.mean(axis=1, keepdims=True)
    if preemphasis is not None:
        frames[:, 1:] -= preemphasis * frames[:, :-1]
        frames[:, 0] *= 1 - preemphasis
    transform = np.fft.rfft if onesided else np.fft.fft
    spectrum = transform(frames * window, n=fft_length, axis=1).T
    if power is None:
        return spectrum.astype(np.complex64)
    values = np.abs(spectrum) ** power
    if mel_filters is not None:
        values = np.maximum(mel_floor, mel_filters.T @ values)
    if log_mel is None:
        return values
    if log_mel == "dB":
        decibels = amplitude_to_db if power == 1.0 else power_to_db
        return decibels(values, reference, min_value, db_range).astype(np.float32)
    return (np.log if log_mel == "log" else np.log10)(values).astype(np.float32)


def _check_frames(waveform: Array, window: Array, frame_length: int, hop_length: int, fft_length: int) -> None:
    if waveform.ndim != 1 or np.iscomplexobj(waveform):
        raise InputError(f"a waveform is one row of real samples, not shape {waveform.shape} of {waveform.dtype}")
    if frame_length > fft_length:
        raise InputError(f"frame_length {frame_length} is larger than fft_length {fft_length}")
    if len(window) != frame_length:
        raise InputError(f"the window has {len(window)} values, frame_length is {frame_length}; they must be equal")
    if hop_length <= 0:
        raise InputError(f"hop_length must be positive, not {hop_length}")


def power_to_db(spectrogram: Array, reference: float = 1.0, min_value: float = 1e-10, db_range: float | None = None) -> Array:
    """Decibels of power values: `10 log10(x / reference)`.

    Args:
        reference: the value that becomes 0 dB.
        min_value: smaller inputs are raised to it.
        db_range: raise everything that lies further below the loudest value.

    Raises:
        InputError: one of them is not positive.
    """
    return _decibels(spectrogram, 10.0, reference, min_value, db_range)


def amplitude_to_db(
    spectrogram: Array, reference: float = 1.0, min_value: float = 1e-5, db_range: float | None = None
) -> Array:
    """Decibels of amplitudes: `20 log10(x / reference)`; the arguments are those of `power_to_db`."""
    return _decibels(spectrogram, 20.0, reference, min_value, db_range)


def _decibels(values: Array, factor: float, reference: float, min_value: float, db_range: float | None) -> Array:
    for name, value in (("reference", reference), ("min_value", min_value), ("db_range", db_range)):
        if value is not None and value <= 0:
            raise InputError(f"{name} must be positive, not {value}")
    reference = max(min_value, reference)
    decibels: Array = factor * (np.log10(np.maximum(values, min_value)) - np.log10(reference))
    return decibels if db_range is None else np.maximum(decibels, decibels.max() - db_range)

"""What `transformers.audio_utils` has for files of sound and for languages: files in other forms, kinds of files, codes."""

import base64
import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, CorruptFile, InputError
from ..core.optional import require
from ..preprocess.audio.reading import load_audio, resample
from ..preprocess.sources import read_source
from .audio import make_list_of_audio

load_audio_librosa = load_audio

# kind of file -> what it begins with
_BEGINNINGS: dict[str, tuple[bytes, ...]] = {
    "w64": (b"riff\x2e\x91\xcf\x11",),
    "flac": (b"fLaC",),
    "rf64": (b"RF64",),
    "caf": (b"caff",),
    "au": (b".snd",),
    "amr": (b"#!AMR",),
    "wv": (b"wvpk",),
    "sox": (b".SoX", b"XoS."),
    "voc": (b"Creative Voice File",),
    "sf": (b"d\xa3\x01\x00", b"\x00\x01\xa3d"),
    "ac3": (b"\x0bw",),
    "mpg": (b"\x00\x00\x01\xba",),
    "flv": (b"FLV",),
    "mp3": (b"ID3",),
}
# beginning, then what stands 8 bytes behind it -> kind of file
_BOXES = {
    (b"RIFF", b"WAVE"): "wav",
    (b"RIFF", b"AVI "): "avi",
    (b"FORM", b"AIFF"): "aiff",
    (b"FORM", b"AIFC"): "aiff",
}
_ASF, _ASF_VIDEO = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_MPEG_LAYERS = {1: "mp3", 2: "mp2"}


def get_audio_filetype(data: bytes) -> str:
    """The kind of file ("wav", "flac", "mp4", ...) that bytes are the beginning of.

    Raises:
        InputError: no known one.
    """
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return "3gp" if brand[:3] == b"3gp" else "m4a" if brand[:3] == b"M4A" else "mov" if brand[:2] == b"qt" else "mp4"
    if data[:4] == bytes.fromhex("1a45dfa3"):
        return "webm" if b"webm" in data[:64] else "mkv"
    if data[:4] == b"OggS":
        return "opus" if b"OpusHead" in data[:128] else "ogv" if b"theora" in data[:128] else "ogg"
    if data[:16] == _ASF:
        return "wmv" if _ASF_VIDEO in data else "wma"
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:  # a frame of MPEG
        if data[1] & 0xF6 == 0xF0:
            return "aac"
        if (layer := data[1] >> 1 & 3) in _MPEG_LAYERS:
            return _MPEG_LAYERS[layer]
    if data[:1] == b"G" and len(data) > 188 and data[188] == ord("G"):
        return "ts"
    if (data[:4], data[8:12]) in _BOXES:
        return _BOXES[data[:4], data[8:12]]
    kind = next((kind for kind, beginnings in _BEGINNINGS.items() if data.startswith(beginnings)), None)
    if kind is None:
        raise InputError(f"bytes that begin with {data[:12]!r} are no known kind of sound")
    return kind


def load_audio_as(
    audio: str,
    return_format: str,
    timeout: float | None = None,
    force_mono: bool = False,
    sampling_rate: int | None = None,
) -> str | dict[str, Any] | io.BytesIO:
    """A file of sound written anew, in its own format.

    Args:
        audio: a path or an http(s) address. timeout: seconds to wait for the server.
        return_format: "base64"; "dict", with `data` in base64 and `format`; or "buffer", an open `io.BytesIO`.
        force_mono: the mean of the channels. sampling_rate: in hertz, None the file's own.

    Raises:
        ArgumentError: another `return_format`. InputError: no such file. CorruptFile: it is no sound.
        FileMissing, HubError: it cannot be read.
    """
    if return_format not in ("base64", "dict", "buffer"):
        raise ArgumentError(f'return_format must be "base64", "dict" or "buffer", not {return_format!r:.80}')
    if not audio.startswith(("http://", "https://")) and not os.path.isfile(audio):
        raise InputError(f"there is no file {audio!r:.200}; a path or an http(s) address was expected")
    soundfile = require("soundfile", "load_audio_as")
    content = read_source(audio, "audio", fetch=True, timeout=timeout)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            samples, rate, kind = file.read(dtype="float32", always_2d=True), file.samplerate, file.format
    except RuntimeError as error:
        raise CorruptFile(f"{audio!r:.200} ({len(content)} bytes) is no sound that can be read: {error}") from error
    if force_mono:
        samples = samples.mean(axis=1, keepdims=True)
    if sampling_rate is not None:
        channels = [resample(samples[:, channel], rate, sampling_rate) for channel in range(samples.shape[1])]
        samples, rate = np.stack(channels, axis=1), sampling_rate
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind)
    buffer.seek(0)
    if return_format == "buffer":
        return buffer
    text = base64.b64encode(buffer.read()).decode()
    return text if return_format == "base64" else {"data": text, "format": kind.lower()}


def make_list_of_audio_chat_template(audio: Any) -> Any:
    """`make_list_of_audio`, where a recording may also be a path or an address."""
    if isinstance(audio, str):
        return [audio]
    is_list = isinstance(audio, list | tuple) and bool(audio)
    return list(audio) if is_list and all(isinstance(each, str) for each in audio) else make_list_of_audio(audio)


def make_audio_chat_template_content(audio_item: Any) -> dict[str, Any]:
    """A recording, or its path, as a piece of the content of a message."""
    return {"type": "audio", "path" if isinstance(audio_item, str) else "audio": audio_item}


def resolve_language(language: str | None, code_to_name: Mapping[str, str], return_code: bool = True) -> str | None:
    """The code of a language (or its name) that is given by code or name, whatever its case; None stays None.

    Raises:
        ArgumentError: it is not in `code_to_name`.
    """
    if language is None:
        return None
    for code, name in code_to_name.items():
        if language.lower() in (code.lower(), name.lower()):
            return code if return_code else name
    raise ArgumentError(f"language is {language!r:.80}; expected one of {', '.join(sorted(code_to_name))}, or its name")


def prepare_language_inputs(
    language: Any,
    batch_size: int,
    code_to_name: Mapping[str, str],
    allow_broadcast: bool = False,
    return_code: bool = True,
) -> list[str | None]:
    """`resolve_language` for each of `batch_size` rows: one language is that of all, a list has one for each.

    Args:
        allow_broadcast: a list of one is for all rows too.

    Raises:
        ArgumentError: an unknown language, or not as many as rows.
    """
    if language is None or isinstance(language, str):
        return [resolve_language(language, code_to_name, return_code)] * batch_size
    if not isinstance(language, list | tuple):
        raise ArgumentError(f"language is a {type(language).__name__}; expected a text, a list of texts or None")
    if allow_broadcast and len(language) == 1:
        language = list(language) * batch_size
    if len(language) != batch_size:
        raise ArgumentError(f"language has {len(language)} entries for {batch_size} rows; expected one for each")
    return [resolve_language(each, code_to_name, return_code) for each in language]

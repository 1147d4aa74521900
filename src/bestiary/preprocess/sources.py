"""A path, bytes, base64, a data URL or (only where allowed) an http address becomes bytes. Shared by images and audio."""

import base64
import binascii
import os
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, FileMissing, HubError, InputError
from ..core.kinds import Positive, describe, fits
from ..hub.files import HubOptions, offline

LARGEST_DOWNLOAD = 1 << 30  # bytes
LONGEST_DOWNLOAD = 600  # seconds


def source_name(source: str | bytes | os.PathLike[str], what: str) -> str:
    """How a source is called in messages: its beginning, or what it is."""
    return f"the {what}" if isinstance(source, bytes | bytearray | memoryview) else str(source)[:80]


def read_source(source: str | bytes | os.PathLike[str], what: str, fetch: bool = False, timeout: float | None = None) -> bytes:
    """The bytes of `source`; `what` ("image", "audio") names it in messages.

    Args:
        fetch: whether an http(s) address may be downloaded; otherwise it is refused.
        timeout: seconds to wait for the server.

    Raises:
        InputError: the source is none of the accepted forms.
        FileMissing: a path that does not exist.
        HubError: a download failed, or the library is offline. ArgumentError: a timeout that is none.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, os.PathLike):
        return _read_file(Path(source), what)
    if source.startswith(("http://", "https://")):
        if not fetch:
            raise InputError(
                f"{source[:200]!r} is a network address; fetch it first with load_{what}(address): "
                "preprocessors open no connections"
            )
        return _download(source, timeout)
    if source.startswith("data:"):
        header, comma, body = source.partition(",")
        if not comma or not header.endswith(";base64"):
            raise InputError(f"the data URL {source[:40]!r} is not of the form 'data:<type>;base64,<content>'")
        return _decode(body, source, what)
    if len(source) < 4096 and Path(source).is_file():
        return _read_file(Path(source), what)
    return _decode(source, source, what)


def _read_file(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileMissing(f"the {what} file {str(path)!r} cannot be read: {error.strerror or error}") from error


def _decode(body: str, source: str, what: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(
            f"{source[:80]!r} is neither an existing {what} file nor base64; give a path, bytes, base64, a data URL, or an "
            f"http(s) address through load_{what}"
        ) from error


def _download(address: str, timeout: float | None) -> bytes:
    if timeout is not None and not fits(timeout, Positive):
        raise ArgumentError(f"timeout is {timeout!r:.80}; expected {describe(Positive)} (of seconds), or None")
    if offline(HubOptions()):
        raise HubError(
            f"{address!r} was not fetched: the library is offline (HF_HUB_OFFLINE, BESTIARY_OFFLINE or TRANSFORMERS_OFFLINE)"
        )
    try:
        with urllib.request.urlopen(address, timeout=30.0 if timeout is None else timeout) as answer:
            return _read_answer(answer, address)
    except (OSError, HTTPException, ValueError) as error:
        raise HubError(f"{address!r} could not be fetched: {error}") from error


def _read_answer(answer: Any, address: str) -> bytes:
    """The whole answer of a server, which may neither send without end nor by drops."""
    content = bytearray()
    started = time.monotonic()
    while block := answer.read1(1 << 20):
        content += block
        if len(content) > LARGEST_DOWNLOAD:
            raise HubError(f"{address!r} is larger than {LARGEST_DOWNLOAD >> 20} MiB and was not fetched")
        if time.monotonic() - started > LONGEST_DOWNLOAD:
            raise HubError(f"{address!r} was not there after {LONGEST_DOWNLOAD} seconds ({len(content)} bytes)")
    return bytes(content)

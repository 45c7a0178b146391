"""Messages that image libraries print while a file is read: captured, and attributed to it.

libtiff, LibRaw and OpenCV's libpng write to the process's standard error, Pillow's parsers issue
Python's warnings; neither says which file is meant. Both are the whole process's, so one thread at
a time captures them. What others print meanwhile is passed on: only what is known to come from an
image library is kept.
"""

import atexit
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import PurePath
from typing import IO

from degrade.images import isobmff

_LOCK = threading.RLock()
_UNTIL_EXIT = ExitStack()
atexit.register(_UNTIL_EXIT.close)
_ERRORS = 2
"""Standard error's descriptor."""
_PACKAGES = {"PIL", "pillow_heif", "pillow_jxl", "rawpy"}
_SAID = re.compile(
    r"\[\s*(?:WARN|ERROR):\S+\] global "
    r"(?:grfmt_\S+ \S+(?: \S+_(?:Warning|Error))?|loadsave\S+ imdecode_ \S+ can't read \w+:) "
    r"(?:OpenCV\S+ \S+ error: \([^)]*\) )?(?P<opencv>[^\r\n]+)"
    r"|tempfile\.tif: (?P<libtiff>[^\r\n]+)"
    r"|(?P<own>(?:libpng|libjpeg|libtiff|TIFF\w*|LibRaw|JPEG datastream)\b[^\r\n]*)"
    r"|(?P<raw>[^\r\n]*(?:data corrupted at|Unexpected end of file)[^\r\n]*)",
)
_MOST = 3
"""Most different lines that are repeated for one file."""
_CAPTURED = ("RAW",)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG, _DEPTH_AT = b"\x89PNG", 24


def may_print(data: bytes, form: str) -> bool:
    """Tell a file whose pixels are read by a library that prints: TIFF, raw, deep PNG and AVIF."""
    if form == "AVIF":
        return (isobmff.main_picture(data).depth or 8) > 8
    deep_png = data.startswith(_PNG) and data[_DEPTH_AT : _DEPTH_AT + 1] == b"\x10"
    return form in _CAPTURED or data.startswith(_TIFF) or deep_png


@contextmanager
def captured_messages(said: list[str]) -> Iterator[None]:
    """Add to ``said`` what image libraries say in the block, each thing once, three at most."""
    lines: list[str] = []
    with _LOCK, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            with _errors_kept(lines):
                yield
        finally:
            others = []
            for one in warned:
                if _PACKAGES & set(PurePath(one.filename).parts):
                    lines.append(" ".join(str(one.message).split()))
                else:
                    others.append(one)
            said += [line for line in dict.fromkeys(lines) if line not in said][:_MOST]
    for one in others:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


@contextmanager
def _errors_kept(lines: list[str]) -> Iterator[None]:
    """Let standard error go into a file while the block runs; add what libraries wrote there."""
    _flush()
    try:
        real = os.dup(_ERRORS)
    except OSError:  # a process without one
        yield
        return
    kept = _kept(os.getpid())
    os.dup2(kept.fileno(), _ERRORS)
    try:
        yield
    finally:
        _flush()
        os.dup2(real, _ERRORS)
        os.close(real)
        written = _taken(kept)
        if written:
            lines += _library_lines(written)
            _pass_on(_SAID.sub("", written))


@cache
def _kept(process: int) -> IO[bytes]:
    """Return a process's file for what is written; the lock is held by whoever uses it."""
    return _UNTIL_EXIT.enter_context(tempfile.TemporaryFile(buffering=0))


def _unlock() -> None:
    """Give a forked process a lock of its own: the thread that holds this one is not in it."""
    global _LOCK
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


def _taken(kept: IO[bytes]) -> str:
    if not os.lseek(kept.fileno(), 0, os.SEEK_CUR):
        return ""
    kept.seek(0)
    written = kept.read()
    kept.seek(0)
    kept.truncate()
    return written.decode("utf-8", "replace")


def _library_lines(written: str) -> list[str]:
    found = (match.group(match.lastgroup or 0) for match in _SAID.finditer(written))
    return [" ".join(line.split()).rstrip(".") for line in found]


def _pass_on(rest: str) -> None:
    """Write what was no library's, such as a bar of progress, where it was meant to go."""
    if rest.strip("\n"):
        with suppress(OSError):
            os.write(_ERRORS, rest.encode())


def _flush() -> None:
    """Let what Python's own streams hold go out before the descriptor changes."""
    with suppress(Exception):  # a stream may be closed, or none
        sys.stderr.flush()

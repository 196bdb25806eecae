"""Values between the grader and the process of a student's function: numbers, text, arrays and tensors, never pickles."""

from __future__ import annotations

import base64
import json
import math
import socket
import time
from typing import Any

import numpy as np

MOST = 32 * 2**20  # bytes of a message
_KEYS = (bool, int, float, str)  # of a dict
_DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


class Refused(ValueError):
    """What arrived or is to be sent is no plain value; the message is one part of a sentence."""


class Gone(ConnectionError):
    """The other side has ended, or takes too long (then `late` is True)."""

    def __init__(self, late: bool) -> None:
        super().__init__("it takes too long" if late else "it has ended")
        self.late = late


def pack(value: Any) -> bytes:
    """Bytes that `unpack` makes the same value of.

    Args:
        value: None, bool, int, float, str, NumPy arrays and numbers (they come back as arrays of no axis), torch tensors;
            lists, tuples and dicts of such.

    Raises:
        Refused: for anything else, and for what is too large.
    """
    try:
        content = json.dumps(_plain(value)).encode()
    except RecursionError:
        raise Refused("a value that is nested too deeply") from None
    if len(content) > MOST:
        raise Refused(f"{len(content):,} bytes, more than {MOST:,}")
    return content


def unpack(content: bytes) -> Any:
    """The value that `pack` was given; nothing that the bytes say is run.

    Raises:
        Refused: for bytes that `pack` does not make.
    """
    try:
        return _value(json.loads(content))
    except Refused:
        raise
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise Refused(f"no plain value ({type(error).__name__})") from None


def send(to: socket.socket, content: bytes, deadline: float) -> None:
    """Send a message.

    Args:
        deadline: a time of `time.monotonic`.

    Raises:
        Gone: if the other side has ended or does not take it before the deadline.
    """
    try:
        to.settimeout(max(deadline - time.monotonic(), 0.001))
        to.sendall(len(content).to_bytes(8, "big") + content)
    except OSError as error:
        raise Gone(isinstance(error, TimeoutError)) from None


def receive(source: socket.socket, deadline: float) -> bytes:
    """Wait for a message.

    Args:
        deadline: as for `send`.

    Raises:
        Gone: as `send`.
        Refused: for one that is too long.
    """
    size = int.from_bytes(_exactly(source, 8, deadline), "big")
    if size > MOST:
        raise Refused(f"{size:,} bytes, more than {MOST:,}")
    return _exactly(source, size, deadline)


def _exactly(source: socket.socket, size: int, deadline: float) -> bytes:
    content = bytearray()
    while len(content) < size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Gone(late=True)
        try:
            source.settimeout(left)
            part = source.recv(min(size - len(content), 2**20))
        except OSError as error:
            raise Gone(isinstance(error, TimeoutError)) from None
        if not part:
            raise Gone(late=False)
        content += part
    return bytes(content)


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple):
        return {"kind": type(value).__name__ if type(value) in (list, tuple) else "list", "of": [*map(_plain, value)]}
    if isinstance(value, dict):
        if not all(type(key) in _KEYS for key in value):
            raise Refused("a dict with keys that are neither text nor numbers")
        return {"kind": "dict", "of": [[key, _plain(each)] for key, each in value.items()]}
    if isinstance(value, np.ndarray | np.generic):
        return _array(value, "numpy")
    import torch  # only where a task has tensors

    if isinstance(value, torch.Tensor):
        if str(value.dtype).removeprefix("torch.") not in _DTYPES:
            raise Refused(f"a tensor of {value.dtype}")
        return _array(value.detach().cpu().numpy(), "torch")
    if isinstance(value, torch.nn.Module):
        raise Refused(f"a network ({type(value).__name__[:40]}); its state, which is plain, is `.state_dict()`")
    raise Refused(f"something of type {type(value).__name__[:40]}, which is no number, text, array or tensor")


def _array(value: np.ndarray | np.generic, kind: str) -> dict:
    array = np.asarray(value)
    if array.dtype.name not in _DTYPES:
        raise Refused(f"an array of {array.dtype.name[:40]}")
    if array.nbytes > MOST:
        raise Refused(f"an array of {array.nbytes:,} bytes, more than {MOST:,}")
    data = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
    return {"kind": kind, "dtype": array.dtype.name, "shape": array.shape, "data": data}


def _value(plain: Any) -> Any:
    if plain is None or isinstance(plain, bool | int | float | str):
        return plain
    kind = plain["kind"]
    if kind in ("list", "tuple"):
        items = [_value(each) for each in plain["of"]]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {key if type(key) in _KEYS else str(key): _value(each) for key, each in plain["of"]}
    if kind not in ("numpy", "torch") or plain["dtype"] not in _DTYPES:
        raise Refused("an array of an unknown kind")
    shape, data = [int(side) for side in plain["shape"]], base64.b64decode(plain["data"], validate=True)
    dtype = np.dtype(plain["dtype"])
    if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize != len(data):
        raise Refused("an array whose shape contradicts its data")
    array = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    if kind == "numpy":
        return array
    import torch

    return torch.from_numpy(array)

"""How a published network wants its images: `preprocessor_config.json`, in the spellings of its many versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from depthnb.models.midas import Input

_BYTE = 255  # images here are 0..1, a preprocessor's are 0..255


def wanted(file: Path, told: Mapping[str, Any], usual: Input) -> Input:
    """What a preprocessor's file asks for.

    Args:
        file: named in errors.
        told: its content, empty where there is no file.
        usual: for all that it does not say.

    Raises:
        ValueError: for a size, a colour or a step that this package cannot make, naming it.
    """
    height, width, edge = _size(file, told, usual)
    mean, deviation = _colours(file, told, usual)
    if told.get("do_center_crop"):
        raise ValueError(
            f"{file} asks for do_center_crop: a crop of the image gives no depth for the rest; set it to false if the network "
            "takes whole images"
        )
    multiple = told.get("ensure_multiple_of", told.get("size_divisor", usual.multiple))
    if not _is_whole(multiple) or multiple < 1:
        raise ValueError(f"{file} has ensure_multiple_of {multiple!r}; expected a whole number of pixels")
    keep = bool(told.get("keep_aspect_ratio", edge or usual.keep_aspect))
    return Input(height, width, int(multiple), keep, mean, deviation)


def _size(file: Path, told: Mapping, usual: Input) -> tuple[int, int, bool]:
    """Height, width, and whether they mean the shortest edge, so that the other one follows."""
    size = told.get("size")
    if size is None or told.get("do_resize") is False:
        return usual.height, usual.width, False
    if isinstance(size, Mapping):
        if "height" in size and "width" in size:
            sides, edge = [size["height"], size["width"]], False
        else:
            sides, edge = [size.get("shortest_edge")] * 2, True
    elif isinstance(size, Sequence) and not isinstance(size, str):
        sides, edge = list(size), False
    else:
        sides, edge = [size] * 2, False
    if len(sides) != 2 or not all(_is_whole(side) and side >= 1 for side in sides):
        raise ValueError(
            f"{file} has size {size!r}; expected a number of pixels, a height and a width, or a shortest_edge"
        )
    return int(sides[0]), int(sides[1]), edge


def _colours(file: Path, told: Mapping, usual: Input) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of the colours in 0..1, whatever scale the file means."""
    if told.get("do_normalize") is False:
        mean, deviation = (0.0,) * 3, (1.0,) * 3
    else:
        mean = _three(file, "image_mean", told.get("image_mean", usual.mean))
        deviation = _three(file, "image_std", told.get("image_std", usual.deviation))
    factor = told.get("rescale_factor", 1 / _BYTE) if told.get("do_rescale", True) else 1
    if not isinstance(factor, int | float) or factor <= 0 or min(deviation) <= 0:
        raise ValueError(f"{file} has rescale_factor {factor!r} and image_std {deviation}; expected numbers above 0")
    scale = float(factor) * _BYTE
    if abs(scale - 1) < 1e-3:
        return mean, deviation
    return tuple(each / scale for each in mean), tuple(each / scale for each in deviation)


def _three(file: Path, name: str, value: Any) -> tuple[float, ...]:
    values = [value] * 3 if isinstance(value, int | float) else value
    try:
        values = tuple(float(each) for each in values)
    except (TypeError, ValueError):
        values = ()
    if len(values) != 3:
        raise ValueError(f"{file} has {name} {value!r}; expected a number for each of red, green and blue")
    return values


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()

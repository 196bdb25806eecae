"""What the configuration in a file of weights may ask for: a network as large as the weights beside it, and no other file.

A configuration is a few words that anybody can write. Built blindly, `depth: 24` takes gigabytes and minutes before it turns
out that the weights belong to another network, and `pretrained` reads any file of the machine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as modules

# Building makes a little more than is kept: the classes of ImageNet behind an encoder, and spectral norm registers twice.
_SPARE_VALUES, _SPARE_TENSORS = 16_000_000, 500
_LARGEST = 10_000_000  # of a whole number; channels, sides of images and numbers of layers are far below


@contextlib.contextmanager
def as_large_as(tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop the building of a network as soon as it has clearly more weights than these tensors, before they are filled.

    Raises:
        ValueError: in the block, when it would be.
    """
    most_values = 2 * sum(tensor.numel() for tensor in tensors.values()) + _SPARE_VALUES
    most_tensors = 2 * len(tensors) + _SPARE_TENSORS
    made = {"tensors": 0, "values": 0}

    def count(_: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None:
            made["tensors"] += 1
            made["values"] += parameter.numel()
            if made["values"] > most_values or made["tensors"] > most_tensors:
                raise ValueError("the configuration describes a larger network than the file has weights for")

    hook = modules.register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def without_other_files(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it is; ValueError if it names a file of weights, or has a number that no network has.

    >>> without_other_files({"width": 8, "config": {"pretrained": "none"}})
    {'width': 8, 'config': {'pretrained': 'none'}}
    """
    for key, value in config.items():
        if key == "pretrained" and value != "none":
            raise ValueError(
                f"its configuration asks for other weights, pretrained {str(value)[:80]!r}; expected its own alone"
            )
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, int | float) and abs(each) > _LARGEST:
                raise ValueError(f"its configuration has {key} {each:.3g}; expected at most {_LARGEST:,}")
        if isinstance(value, Mapping):
            without_other_files(value)
    return dict(config)

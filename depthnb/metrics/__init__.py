"""Every number that is measured of a prediction; `evaluate` scores it under a protocol, `align` brings it to metres."""

from .alignment import align, fit_scale_shift
from .flicker import flicker
from .measures import (
    BETTER,
    EDGE_THRESHOLDS,
    KINDS,
    NAMES,
    PIXEL_NAMES,
    RELATIVE_EDGE_THRESHOLDS,
    aligned,
    all_statistics,
    band_statistics,
    by_distance,
    evaluate,
    finish,
    per_image,
    pool,
    statistics,
)
from .protocols import PROTOCOLS, Protocol, protocol

__all__ = [
    "BETTER",
    "EDGE_THRESHOLDS",
    "KINDS",
    "NAMES",
    "PIXEL_NAMES",
    "PROTOCOLS",
    "RELATIVE_EDGE_THRESHOLDS",
    "Protocol",
    "align",
    "aligned",
    "all_statistics",
    "band_statistics",
    "by_distance",
    "evaluate",
    "finish",
    "fit_scale_shift",
    "flicker",
    "per_image",
    "pool",
    "protocol",
    "statistics",
]

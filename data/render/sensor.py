"""What a Kinect-like depth camera would have returned: the ``valid`` mask, from exact depth and what the surface is made of.

The camera of the model throws a speckle pattern from a projector 7.5 cm to its right and triangulates. It loses a pixel
1. nearer than 0.5 m or beyond 10 m;
2. in the projector's shadow: beside every depth edge, on the left of the nearer object, in proportion to the disparity jump;
3. at grazing incidence, or where too little light returns: reflectance x cosine / distance squared under a noisy threshold;
4. on mirrors, windows, lamps and where sunlight outshines the pattern; in patches on shiny metal;
5. in a thin frame at the border, and as sparse speckle.
Everything follows from the arrays and a generator seeded with the frame's id: the same inputs give the same mask.
"""

from __future__ import annotations

import zlib

import numpy as np
from materials_index import DARK, EMISSIVE, MIRROR, SHINY, WINDOW

BASELINE = 0.075  # metres
NEAR, FAR = 0.5, 10.0


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cell: int) -> np.ndarray:
    """Uniform-looking noise [H, W] in 0..1 with blobs of about ``cell`` pixels."""
    rows, columns = shape[0] // cell + 3, shape[1] // cell + 3
    coarse = rng.random((rows, columns))
    y, x = np.arange(shape[0]) / cell, np.arange(shape[1]) / cell
    i, j = y.astype(int), x.astype(int)
    fy, fx = (y - i)[:, None], (x - j)[None, :]
    fy, fx = fy * fy * (3 - 2 * fy), fx * fx * (3 - 2 * fx)
    top = coarse[np.ix_(i, j)] * (1 - fx) + coarse[np.ix_(i, j + 1)] * fx
    bottom = coarse[np.ix_(i + 1, j)] * (1 - fx) + coarse[np.ix_(i + 1, j + 1)] * fx
    return top * (1 - fy) + bottom * fy


def grow(mask: np.ndarray, pixels: int) -> np.ndarray:
    """The mask dilated by a (2 pixels + 1) square."""
    out = mask.copy()
    for dy in range(-pixels, pixels + 1):
        for dx in range(-pixels, pixels + 1):
            shifted = np.zeros_like(mask)
            rows, columns = mask.shape
            shifted[max(dy, 0) : rows + min(dy, 0), max(dx, 0) : columns + min(dx, 0)] = mask[
                max(-dy, 0) : rows + min(-dy, 0), max(-dx, 0) : columns + min(-dx, 0)
            ]
            out |= shifted
    return out


def incidence(depth: np.ndarray, focal: float, cx: float, cy: float) -> np.ndarray:
    """Cosine between the surface normal (from neighbouring depths) and the viewing ray [H, W]."""
    v, u = np.indices(depth.shape)
    points = np.stack([(u - cx) / focal * depth, (v - cy) / focal * depth, depth], axis=-1)

    def tangent(axis: int) -> np.ndarray:
        # Of the two one-sided differences the one with the smaller jump in depth: it stays on the surface.
        step = np.diff(points, axis=axis)
        pad = [(0, 0)] * 3
        pad[axis] = (0, 1)
        ahead = np.pad(step, pad, mode="edge")
        pad[axis] = (1, 0)
        behind = np.pad(step, pad, mode="edge")
        use = np.abs(ahead[..., 2:]) <= np.abs(behind[..., 2:])
        return np.where(use, ahead, behind)

    normal = np.cross(tangent(0), tangent(1))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    ray = points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-12)
    return np.abs((normal * ray).sum(axis=-1))


def shadow(depth: np.ndarray, focal: float) -> np.ndarray:
    """Pixels that the projector, BASELINE to the right of the camera, cannot reach [H, W]."""
    columns = np.arange(depth.shape[1])[None, :]
    seen_at = columns - focal * BASELINE / depth  # the column in the projector's picture
    # Along a row the projector meets surfaces in order; whatever lies behind a minimum from the right is hidden.
    nearest = np.minimum.accumulate(seen_at[:, ::-1], axis=1)[:, ::-1]
    hidden = np.zeros(depth.shape, bool)
    hidden[:, :-1] = seen_at[:, :-1] > nearest[:, 1:] - 0.02
    return hidden


def mask(
    name: str, depth: np.ndarray, index: np.ndarray, albedo: np.ndarray, light: np.ndarray, focal: float
) -> np.ndarray:
    """The valid mask [H, W] of frame ``name``.

    ``depth`` metres (0: nothing hit), ``index`` the material's pass index, ``albedo`` diffuse reflectance 0..1,
    ``light`` the exposed linear luminance (1 is about white), ``focal`` in pixels.
    """
    rng = np.random.default_rng([20, zlib.crc32(name.encode())])
    shape = depth.shape
    hit = depth > 0
    z = np.where(hit, depth, 1e3)
    valid = hit & (z > NEAR) & (z < FAR)
    valid &= ~shadow(z, focal)
    # Block matching loses the pixels next to a jump in depth, irregularly.
    jump = np.zeros(shape, bool)
    near = 0.02 + 0.025 * z**2 / 4
    across, along = np.abs(np.diff(z, axis=1)) > near[:, 1:], np.abs(np.diff(z, axis=0)) > near[1:]
    jump[:, 1:] |= across
    jump[:, :-1] |= across
    jump[1:] |= along
    jump[:-1] |= along
    valid &= ~(jump & (smooth_noise(rng, shape, 3) < 0.45))
    cosine = incidence(z, focal, (shape[1] - 1) / 2, (shape[0] - 1) / 2)
    blotches = smooth_noise(rng, shape, 7)
    valid &= cosine > 0.10 + 0.10 * blotches
    reflectance = 0.05 + albedo
    reflectance = np.where(index == DARK, 0.5 * reflectance, reflectance)
    signal = reflectance * np.maximum(cosine, 0.0) ** 0.7 / np.maximum(z, 0.5) ** 2
    valid &= signal > 0.0035 + 0.006 * smooth_noise(rng, shape, 5) ** 2
    valid &= ~((index == SHINY) & (smooth_noise(rng, shape, 6) < 0.5))
    valid &= ~np.isin(index, (MIRROR,))
    valid &= ~grow(np.isin(index, (EMISSIVE, WINDOW)), 1)
    valid &= light < 2.5
    valid &= smooth_noise(rng, shape, 3) > 0.04
    edge = 2 + np.round(2 * smooth_noise(rng, shape, 9)).astype(int)
    v, u = np.indices(shape)
    valid &= (u >= edge + 2) & (u < shape[1] - edge) & (v >= edge) & (v < shape[0] - edge)
    return valid

"""What a depth sensor would have returned: the ``valid`` masks, from exact depth and what the surface is made of.

Everything follows from the arrays and a generator seeded with the frame's id: the same inputs give the same mask.

:func:`kinect`: the camera of the model throws a speckle pattern from a projector 7.5 cm to its right and triangulates. It
loses a pixel
1. nearer than 0.5 m or beyond 10 m;
2. in the projector's shadow: beside every depth edge, on the left of the nearer object, in proportion to the disparity jump;
3. at grazing incidence, or where too little light returns: reflectance x cosine / distance squared under a noisy threshold;
4. on mirrors, windows, lamps and where sunlight outshines the pattern; in patches on shiny metal;
5. in a thin frame at the border, and as sparse speckle.

:func:`lidar`: one turn of a scanner with 64 beams on the roof, above, behind and to the left of the camera. A pixel is valid
1. if one of the beams meets it: beams at fixed elevations, fired at fixed steps of azimuth (those of a Velodyne HDL-64E);
2. if the scanner sees the point at all: what stands nearer to it in the same direction hides it;
3. between 2 and 120 m, where enough light returns (as above), never from glass and only now and then from bare metal;
4. if it is not lost to sparse speckle.
"""

from __future__ import annotations

import zlib

import numpy as np
from materials_index import DARK, EMISSIVE, MIRROR, SHINY, WINDOW

BASELINE = 0.075  # metres
NEAR, FAR = 0.5, 10.0

# Elevations in degrees: the upper 32 beams a third of a degree apart, the lower 32 half a degree (HDL-64E, user's manual).
BEAMS = np.concatenate([np.linspace(2.0, -8.33, 32), np.linspace(-8.83, -24.33, 32)])
AZIMUTH = 0.1728  # degrees between two shots of a beam at ten turns a second
MOUNT = np.array([-0.25, -0.30, -0.30])  # of the scanner: metres right of, below and ahead of the camera
REACH = (2.0, 120.0)


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


def kinect(
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


def seen_from(depth: np.ndarray, focal: float, cx: float, cy: float, turn: np.ndarray):
    """Range, elevation and azimuth (degrees, both in a level frame) of every pixel, seen from the scanner.

    ``turn`` is world from camera, 3x3 (columns right, down, forward); where depth is 0 range is inf.
    """
    v, u = np.indices(depth.shape)
    z = np.where(depth > 0, depth, 1e6)
    points = np.stack([(u - cx) / focal * z, (v - cy) / focal * z, z], axis=-1) - MOUNT
    forward = turn[:, 2] * (1, 1, 0)
    forward = forward / np.linalg.norm(forward)
    level = np.stack([forward, np.array([-forward[1], forward[0], 0.0]), np.array([0.0, 0.0, 1.0])])
    ahead, left, up = np.moveaxis(points @ turn.T @ level.T, -1, 0)
    distance = np.where(depth > 0, np.sqrt(ahead**2 + left**2 + up**2), np.inf)
    return distance, np.degrees(np.arctan2(up, np.hypot(ahead, left))), np.degrees(np.arctan2(left, ahead))


def reach(angle: np.ndarray, axis: int, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """How far a pixel reaches towards the previous and the next one along an axis, in degrees seen from the scanner.

    Half way to the neighbour, so that every shot between two pixels belongs to one of them; across a jump in depth half
    a ``pixel``, the angle across one in the camera.
    """
    step = np.abs(np.diff(angle, axis=axis))
    step = np.where(step < 1.6 * pixel, step, pixel)
    first, last = np.take(step, [0], axis=axis), np.take(step, [-1], axis=axis)
    return 0.5 * np.concatenate([first, step], axis=axis), 0.5 * np.concatenate([step, last], axis=axis)


def met_by_a_shot(elevation: np.ndarray, azimuth: np.ndarray, pixel: float) -> np.ndarray:
    """Whether one of the scanner's shots falls into a pixel; angles in degrees, ``pixel`` across one in the middle."""
    # Rows count downwards and columns to the right, elevation upwards and azimuth to the left.
    up, down = reach(elevation, 0, pixel)
    order = BEAMS[::-1]
    place = np.searchsorted(order, elevation - down)
    beam = order[np.minimum(place, len(order) - 1)]
    hit = (beam >= elevation - down) & (beam < elevation + up)
    left, right = reach(azimuth, 1, pixel)
    shot = AZIMUTH * np.ceil((azimuth - right) / AZIMUTH)
    return hit & (shot < azimuth + left)


def hidden_from(distance: np.ndarray, elevation: np.ndarray, azimuth: np.ndarray, cell: float = 0.25) -> np.ndarray:
    """Whether something clearly nearer stands in a pixel's direction as the scanner sees it."""
    rows = np.clip(((elevation + 60) / cell).astype(int), 0, round(120 / cell))
    columns = np.clip(((azimuth + 90) / cell).astype(int), 0, round(180 / cell))
    nearest = np.full((round(120 / cell) + 1, round(180 / cell) + 1), np.inf)
    np.minimum.at(nearest, (rows, columns), distance)
    # Along grazing ground the range runs away within a cell, hence the wide margin.
    return distance > 1.18 * nearest[rows, columns] + 0.3


def lidar(
    name: str,
    depth: np.ndarray,
    index: np.ndarray,
    albedo: np.ndarray,
    focal: float,
    cx: float,
    cy: float,
    turn: np.ndarray,
) -> np.ndarray:
    """The valid mask [H, W] of frame ``name``: arrays as for :func:`kinect`, ``turn`` as for :func:`seen_from`."""
    rng = np.random.default_rng([22, zlib.crc32(name.encode())])
    distance, elevation, azimuth = seen_from(depth, focal, cx, cy, turn)
    valid = (distance > REACH[0]) & (distance < REACH[1])
    valid &= met_by_a_shot(elevation, azimuth, np.degrees(1 / focal))
    valid &= ~hidden_from(distance, elevation, azimuth)
    z = np.where(depth > 0, depth, 1e6)
    reflectance = 0.04 + albedo
    reflectance = np.where(index == DARK, 0.5 * reflectance, reflectance)
    cosine = incidence(z, focal, cx, cy)
    signal = reflectance * np.maximum(cosine, 0.02) ** 0.5 / np.maximum(z, 2.0) ** 2
    valid &= signal > 1.2e-6 + 5e-6 * smooth_noise(rng, depth.shape, 3) ** 2
    valid &= ~np.isin(index, (MIRROR, EMISSIVE, WINDOW))
    valid &= ~((index == SHINY) & (rng.random(depth.shape) < 0.6))
    valid &= ~((index == DARK) & (rng.random(depth.shape) < 0.35))
    return valid & (rng.random(depth.shape) > 0.03)

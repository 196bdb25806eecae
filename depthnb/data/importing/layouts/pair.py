"""Two folders, pictures and depth maps of one name: what most people have.

    images/0001.png    depth/0001.png         also 0001_rgb.jpg and 0001_depth.npy, and both kinds in one folder
    images/kitchen/0001.png                   a folder below is a scene; train, val and test at the top are splits

What stands for the kind of file in a name (rgb, color, image, depth ...) is left out when names are compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from depthnb.data.importing.frames import OFFICIAL, Found, Frame, Settings
from depthnb.data.importing.tree import Tree, natural
from depthnb.data.readers.arrays import SUFFIXES
from depthnb.data.splits import SPLITS
from depthnb.data.words import plural

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
DEPTHS = (".png", *SUFFIXES, ".tif", ".tiff", ".pfm")
_DEPTH_WORDS = "depths?|depthmap|depth_map"
_WORDS = rf"{_DEPTH_WORDS}|rgb|colou?r|images?|img|left"
_EDGE = "[ _.-]"
_NOT_READ = (".exr", ".mat", ".bin", ".raw", ".pt", ".pth", ".pgm", ".dpt")


def find(images: Tree, depths: Tree, settings: Settings) -> Found:
    """Pictures and depth maps of one name, below two folders or in one.

    Raises:
        ValueError: without a scale, if two files have one name, or if none match; with the first names of both kinds.
    """
    if settings.scale is None:
        raise ValueError(
            "two folders do not tell the unit of depth; give --depth-scale, metres for each stored unit: 0.001 where "
            "millimetres are stored, 1 where metres are"
        )
    if images.root.is_file() or depths.root.is_file():
        raise ValueError(f"{images.root}: a file; expected a folder of pictures and one of depth maps")
    pictures, maps = _files(images, IMAGES), _files(depths, DEPTHS)
    if images.root.resolve() == depths.root.resolve():
        pictures, maps = [name for name in pictures if not _is_depth(name)], [name for name in maps if _is_depth(name)]
    both = _matched(pictures, maps)
    if not both:
        raise ValueError(_nothing(images, depths, pictures, maps))
    home = images.root.resolve().name
    frames = []
    for name in sorted(both, key=natural):
        path = PurePosixPath(name)
        scene = name if settings.scene == "frame" else path.parent.as_posix() if path.parent.name else home
        image, depth = images.root / both[name][0], depths.root / both[name][1]
        frames.append(Frame(name, scene, image, depth, settings.scale, settings.camera))
    frames, notes = _splits(frames, settings)
    for kind, names, index in (("picture", pictures, 0), ("depth map", maps, 1)):
        alone = sorted(set(names) - {pair[index] for pair in both.values()}, key=natural)
        if alone:
            notes.append(f"{plural(len(alone), kind)} without the other half left out, the first is {alone[0]}.")
    if settings.scene == "folder" and len({frame.scene for frame in frames}) == 1 and len(frames) > 1:
        notes.append(
            "All frames are one scene, so no split can be drawn. Put the frames of each scene into a folder of their own, or "
            "give --scene frame if no two of them show one place."
        )
    return Found(frames, tuple(notes))


def key(name: str) -> str:
    """A path without ending and without what stands for the kind of file, in its name and as a folder.

    >>> key("kitchen/rgb/0001_rgb.png"), key("kitchen/depth/0001.depth.npy"), key("img_1.jpg")
    ('kitchen/0001', 'kitchen/0001', '1')
    """
    path = PurePosixPath(name)
    stem = re.sub(rf"^(?:{_WORDS}){_EDGE}|{_EDGE}(?:{_WORDS})$", "", path.with_suffix("").name, flags=re.IGNORECASE)
    folders = [part for part in path.parent.parts if not re.fullmatch(_WORDS, part, re.IGNORECASE)]
    return "/".join([*folders, stem])


def _is_depth(name: str) -> bool:
    """Whether a file that lies among pictures is a depth map: by its ending, or by a word in its name or folder."""
    path = PurePosixPath(name)
    words = [*path.parent.parts, *re.split(_EDGE, path.with_suffix("").name)]
    return path.suffix.lower() in (*SUFFIXES, ".pfm") or any(
        re.fullmatch(_DEPTH_WORDS, word, re.IGNORECASE) for word in words
    )


def _files(tree: Tree, suffixes: Iterable[str]) -> list[str]:
    """Paths within a tree, with one of these endings."""
    return [
        (folder / name).relative_to(tree.root).as_posix()
        for folder, names in tree.files.items()
        for name in names
        if PurePosixPath(name).suffix.lower() in suffixes
    ]


def _matched(pictures: list[str], maps: list[str]) -> dict[str, tuple[str, str]]:
    """Name -> picture and depth map: those with one name but for the ending, then of the others those with one `key`."""
    both: dict[str, tuple[str, str]] = {}
    for name in (lambda path: str(PurePosixPath(path).with_suffix("")), key):
        images, depths = _by_name(pictures, name), _by_name(maps, name)
        for one in images.keys() & depths.keys():
            for paths in (images[one], depths[one]):
                if len(paths) > 1:
                    raise ValueError(f"{paths[0]} and {paths[1]} have one name ({one}); keep one of them")
            taken = str(PurePosixPath(images[one][0]).with_suffix("")) if one in both else one
            both[taken] = images[one][0], depths[one][0]
        done = {path for pair in both.values() for path in pair}
        pictures, maps = [path for path in pictures if path not in done], [path for path in maps if path not in done]
    return both


def _by_name(paths: list[str], name: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(name(path), []).append(path)
    return found


def _nothing(images: Tree, depths: Tree, pictures: list[str], maps: list[str]) -> str:
    """Why nothing matches."""
    names = [name for here in depths.files.values() for name in here]
    other = sorted({Path(name).suffix.lower() for name in names} & set(_NOT_READ))
    if not maps and other:
        return (
            f"{depths.root}: depth in {', '.join(other)} files; expected one of {', '.join(DEPTHS)}. Convert it "
            "first: np.save writes .npy"
        )
    for tree, found, kind in ((images, pictures, "picture"), (depths, maps, "depth map")):
        if not found:
            return f"{tree.root}: no {kind} in it ({', '.join(IMAGES if kind == 'picture' else DEPTHS)})"
    if (images.root.parent / "rgb.txt").is_file():
        return f"{images.root.parent}: rgb.txt tells which pictures and depth maps belong together; import that folder"
    return (
        f"none of {plural(len(pictures), 'picture')} and {plural(len(maps), 'depth map')} have one name, such as "
        f"0001.jpg and 0001.png; the first are {pictures[0]} and {maps[0]}"
    )


def _splits(frames: list[Frame], settings: Settings) -> tuple[list[Frame], list[str]]:
    """Folders train, val and test at the top become splits, if every frame lies in one."""
    tops = [PurePosixPath(frame.name).parts[0] for frame in frames]
    if settings.split != OFFICIAL or not set(tops) <= set(SPLITS) or any("/" not in frame.name for frame in frames):
        return frames, []
    return [replace(frame, split=top) for frame, top in zip(frames, tops, strict=True)], [
        f"Split by the folders {', '.join(dict.fromkeys(tops))}."
    ]

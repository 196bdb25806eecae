"""Two folders, pictures and depth maps of one name: what most people have.

    images/0001.png    depth/0001.png         also 0001_rgb.jpg and 0001_depth.npy, and both kinds in one folder
    images/kitchen/0001.png                   a folder below is a scene; train, val and test at the top are splits

What stands for the kind of file in a name (rgb, color, image, depth ...) is left out when names are compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from depthnb.data.importing.frames import OFFICIAL, Found, Frame, Settings
from depthnb.data.importing.tree import Tree, natural
from depthnb.data.readers.arrays import SUFFIXES
from depthnb.data.splits import SPLITS
from depthnb.data.words import plural

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
DEPTHS = (".png", *SUFFIXES, ".tif", ".tiff", ".pfm")
_KINDS = {"depth": "depths?|depthmap|depth_map|disp_depth", "image": "rgb|colou?r|images?|img|left"}
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
    together = images.root.resolve() == depths.root.resolve()
    pictures = _by_name(images, IMAGES, "image", together=together)
    maps = _by_name(depths, DEPTHS, "depth", together=together)
    both = [name for name in sorted(pictures, key=natural) if name in maps]
    if not both:
        raise ValueError(_nothing(images, depths, pictures, maps))
    home = images.root.resolve().name
    frames = []
    for name in both:
        path = PurePosixPath(name)
        scene = name if settings.scene == "frame" else path.parent.as_posix() if path.parent.name else home
        frames.append(Frame(name, scene, pictures[name], maps[name], settings.scale, settings.camera))
    frames, notes = _splits(frames, settings)
    left = {
        "picture": [name for name in pictures if name not in maps],
        "depth map": [n for n in maps if n not in pictures],
    }
    for kind, names in left.items():
        if names:
            path = (pictures if kind == "picture" else maps)[names[0]]
            notes.append(f"{plural(len(names), kind)} without the other half left out, the first is {path}.")
    if settings.scene == "folder" and len({frame.scene for frame in frames}) == 1 and len(frames) > 1:
        notes.append(
            "All frames are one scene, so no split can be drawn. Put the frames of each scene into a folder of their own, or "
            "give --scene frame if no two of them show one place."
        )
    return Found(frames, tuple(notes))


def key(name: str, kind: str) -> str:
    """A name without ending and without what stands for its kind; its folders likewise.

    >>> key("kitchen/rgb/0001_rgb.png", "image"), key("kitchen/depth/0001.depth.npy", "depth")
    ('kitchen/0001', 'kitchen/0001')
    """
    path = PurePosixPath(name)
    words = _KINDS[kind]
    stem = re.sub(rf"^(?:{words}){_EDGE}|{_EDGE}(?:{words})$", "", path.with_suffix("").name, flags=re.IGNORECASE)
    folders = [part for part in path.parent.parts if not re.fullmatch(words, part, re.IGNORECASE)]
    return "/".join([*folders, stem])


def _by_name(tree: Tree, suffixes: Iterable[str], kind: str, *, together: bool) -> dict[str, Path]:
    """Name without its kind -> file. In one folder with both kinds, names (or folders) with `depth` are the depth maps."""
    found: dict[str, Path] = {}
    for folder, names in tree.files.items():
        for file in (folder / name for name in names if Path(name).suffix.lower() in suffixes):
            inside = file.relative_to(tree.root).as_posix()
            if together and (key(inside, "depth") != inside.rpartition(".")[0]) != (kind == "depth"):
                continue
            name = key(inside, kind)
            if name in found:
                raise ValueError(f"{file} and {found[name]} have one name ({name}); keep one of them")
            found[name] = file
    return found


def _nothing(images: Tree, depths: Tree, pictures: dict[str, Path], maps: dict[str, Path]) -> str:
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
    first = next(iter(pictures.values())), next(iter(maps.values()))
    return (
        f"none of {plural(len(pictures), 'picture')} and {plural(len(maps), 'depth map')} have one name, such as "
        f"0001.jpg and 0001.png; the first are {first[0].relative_to(images.root)} and {first[1].relative_to(depths.root)}"
    )


def _splits(frames: list[Frame], settings: Settings) -> tuple[list[Frame], list[str]]:
    """Folders train, val and test at the top become splits, if every frame lies in one."""
    tops = [PurePosixPath(frame.name).parts[0] for frame in frames]
    if settings.split != OFFICIAL or not set(tops) <= set(SPLITS) or any("/" not in frame.name for frame in frames):
        return frames, []
    return [replace(frame, split=top) for frame, top in zip(frames, tops, strict=True)], [
        f"Split by the folders {', '.join(dict.fromkeys(tops))}."
    ]

"""Depth of any method, from the files that it has written or from a Python function, judged like that of a net of ours."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from depthnb import files, metrics
from depthnb.data.readers import predicted
from depthnb.models import foreign
from depthnb.runs.judging import keeping, kinds

_PLACE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"  # module:function


def judge(
    folder: str | Path,
    *,
    kind: str,
    name: str,
    dataset: str = "rooms",
    root: str = "",
    scale: float = 1.0,
    protocol: str | None = None,
    skip_missing: bool = False,
    split: str = "",
    progress: keeping.Progress | None = None,
) -> keeping.Judgement:
    """Score a folder of depth maps on the test frames of a data set, and keep it as a finished run.

    Args:
        folder: with a file a frame, found by the frames' ids (`data.readers.predicted.match`); sizes may differ.
        kind: one of `KINDS`; it is never guessed, but a kind that the truth contradicts is refused.
        name: of the method: its run is `reports/<name>/judged`.
        dataset, root: as for `data.open_for_judging`.
        scale: by which the stored numbers are multiplied, see `KINDS`; not for the affine kinds.
        protocol: name of one; None for the data set's. The affine kinds are aligned with each image's truth in any case.
        skip_missing: judge the frames that have a file, instead of refusing; such a run is ranked beside no other.
        split: as for `data.open`; "" for the test split where the data set brings one, else all frames.
        progress: called with how many of how many frames were read, after each.

    Returns:
        A `Judgement`.

    Raises:
        FileNotFoundError: if nothing is there.
        ValueError: for an unknown kind, missing frames, a kind that the truth contradicts, and files that cannot be read.
        OSError: when the run cannot be written.
    """
    folder = Path(folder).expanduser()
    kinds.check(kind, scale)
    keeping.check_name(name)
    test, found, notes = _paired(folder, keeping.opened(dataset, root, split), skip_missing)
    words = ["--predictions", folder.name]
    parameters = {"files": files.digest(folder)}
    what = {"name": name, "dataset": dataset, "root": root, "split": split, "kind": kind, "scale": scale}
    return _judged(
        lambda frame: predicted.read(found[frame["id"]]),
        test,
        what,
        protocol,
        parameters,
        [*words, *(["--skip-missing"] if skip_missing else [])],
        notes,
        progress,
    )


def judge_function(
    place: str,
    *,
    kind: str,
    name: str,
    dataset: str = "rooms",
    root: str = "",
    scale: float = 1.0,
    protocol: str | None = None,
    split: str = "",
    progress: keeping.Progress | None = None,
) -> keeping.Judgement:
    """Ask a Python function about the test frames of a data set, score its answers, and keep them as a finished run.

    Args:
        place: `module:function`, from the working directory or installed. The function takes an image, a float32 array [H,W,3]
            in 0..1, and gives an array or tensor [h,w] (ones before it do no harm); where it has a parameter `intrinsics`, it
            is given the camera, a float32 array [3,3] in pixels, NaN where unknown.
        kind, name, dataset, root, scale, protocol, split, progress: as for `judge`.

    Returns:
        A `Judgement`.

    Raises:
        ValueError: for a place that is none, an answer that is no map, a function that raises, and as `judge`.
        OSError: when the run cannot be written.
    """
    kinds.check(kind, scale)
    keeping.check_name(name)
    function, source = _function(place)
    test = keeping.opened(dataset, root, split)
    parameters = {"function": place, **({"code": files.digest(source)} if source else {})}
    what = {"name": name, "dataset": dataset, "root": root, "split": split, "kind": kind, "scale": scale}
    return _judged(
        lambda frame: _answer(function, place, frame), test, what, protocol, parameters, ["--net", place], [], progress
    )


def is_function(text: str) -> bool:
    """Whether a text is written like a function's place.

    >>> [is_function(each) for each in ("mymethod:depth", "hub:depth-anything-v2-small", "reports/11_today/rooms-full")]
    [True, False, False]
    """
    return bool(re.fullmatch(_PLACE, text)) and not text.startswith(foreign.HUB)


def _judged(
    read: Callable[[Mapping], np.ndarray],
    test,
    what: Mapping,
    protocol: str | None,
    parameters: dict,
    words: list[str],
    notes: list[str],
    progress: keeping.Progress | None,
) -> keeping.Judgement:
    """Read the numbers of every frame, bring them to depth, look whether they can be what is said, and keep the scores."""
    kind, scale, dataset = what["kind"], what["scale"], what["dataset"]
    rises, alignment = kinds.KINDS[kind]
    rule = metrics.protocol(protocol or test.protocol)
    if protocol and rule != metrics.protocol(test.protocol):  # its words are about the frames that it was made for
        rule = replace(rule, truth=f"that of {dataset}", frames=f"{test.split} frames of {dataset}")
    rule = rule if alignment == "none" else rule.with_alignment(alignment)
    native = test.native()
    preds = []
    for i in range(len(test)):
        frame = native[i]
        preds.append(kinds.as_depth(read(frame), kind, scale, rule.max_depth))
        kinds.refuse_unusable(preds[-1], frame)
        if progress:
            progress(i + 1, len(test))
    notes = notes + kinds.doubts(preds, test, kind, rises or alignment == "none", scale)
    parameters = {"dataset": dataset, "data_root": what["root"], "split": what["split"], **parameters}
    parameters |= {"run": keeping.RUN, "seed": 0, "device": "cpu", "kind": kind, "scale": scale, "protocol": rule.name}
    words = [*words, "--kind", kind, "--scale", f"{scale:g}", *(["--protocol", protocol] if protocol else [])]
    asked = "affine-inverse" if kind == "affine-inverse" else "metric"
    trained_on = (dataset, what["root"])
    return keeping.keep(
        preds, test, what["name"], parameters, words, rule=rule, kind=asked, trained_on=trained_on, notes=notes
    )


def _function(place: str) -> tuple[Callable, Path | None]:
    """The function that a text means, and the file that it comes from."""
    module, _, attribute = place.partition(":")
    module = module.removesuffix(".py")
    if not is_function(place):
        raise ValueError(f"a function is written module:function, such as mymethod:depth; found {place!r}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in (module, *(module[:i] for i, sign in enumerate(module) if sign == ".")):
            raise ValueError(f"{module} cannot be imported: it needs {error.name!r}, which is not installed") from error
        raise ValueError(
            f"there is no module {module!r} in {Path.cwd()} or among the installed packages; {place!r} means the function "
            f"{attribute} in {module.replace('.', '/')}.py"
        ) from None
    except Exception as error:
        raise ValueError(f"{module} cannot be imported: {type(error).__name__}: {error}") from error
    function = getattr(found, attribute, None)
    if not callable(function):
        defined = [key for key, each in vars(found).items() if inspect.isfunction(each)]
        raise ValueError(f"{module} has no function {attribute!r}; it has {', '.join(defined) or 'none'}")
    return function, Path(found.__file__) if getattr(found, "__file__", None) else None


def _answer(function: Callable, place: str, frame: Mapping) -> np.ndarray:
    image = frame["image"].permute(1, 2, 0).numpy()
    wants = "intrinsics" in inspect.signature(function).parameters
    try:
        answer = function(image, **({"intrinsics": frame["intrinsics"].numpy()} if wants else {}))
        answer = answer.detach().float().cpu().numpy() if hasattr(answer, "detach") else np.asarray(answer)
    except Exception as error:
        raise ValueError(f"{place} fails at frame {frame['id']!r}: {type(error).__name__}: {error}") from error
    if answer.dtype.kind not in "fiu" or answer.ndim < 2 or answer.size != np.prod(answer.shape[-2:]):
        raise ValueError(
            f"{place} answers to frame {frame['id']!r} with {type(answer).__name__} of {answer.dtype} {list(answer.shape)}; "
            "expected one map of numbers [height, width]"
        )
    return answer.reshape(answer.shape[-2:]).astype(np.float32)


def _paired(folder: Path, test, skip_missing: bool):
    """The frames that are judged, their files, and sentences on what was left over."""
    ids = list(test.frames["id"])
    found, others = predicted.match(folder, ids)
    missing = [each for each in ids if each not in found]
    notes = []
    if others:
        first = others[0].relative_to(folder)
        notes.append(f"{len(others)} files belong to no frame, such as {first}")
    if missing and (not skip_missing or len(missing) == len(ids)):
        partly = ", or judge those that are there with --skip-missing" if len(missing) < len(ids) else ""
        left = f"; {notes[0]}" if notes else ""
        raise ValueError(
            f"{len(missing)} of {len(ids)} frames have no file in {folder}, such as {missing[0]!r}{left}. "
            f"Name the files after the frames' ids, such as {missing[0]}.npy{partly}"
        )
    if missing:
        notes.append(f"{len(missing)} of {len(ids)} frames have no file and were left out")
        rows = [i for i, each in enumerate(ids) if each in found]
        test = test.subset(rows)
    return test, found, notes

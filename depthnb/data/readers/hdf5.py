r"""What an HDF5 file may hold: its own arrays, in this one file.

HDF5 knows three ways to read another file of the machine in the place of an array: an external link, external storage (raw
bytes of any file, named by path) and a virtual array put together from other files. No data set read here uses one, and a
stranger's file must not decide which other files are read. So all are refused, before anything of them is opened.
"""

from __future__ import annotations

import h5py

_REMEDY = "get the file again, or copy the array itself into it"


class Elsewhere(ValueError):
    """An array that is not in the file; the message is a sentence without the file's name."""


def member(file: h5py.File, key: str) -> h5py.Dataset | h5py.Group:
    """The array or group of this name at the top of the file.

    Raises:
        KeyError: if there is none.
        Elsewhere: if it is a link, or its values are in another file.
    """
    link = file.get(key, getlink=True)
    if not isinstance(link, h5py.HardLink):
        away = f" to {link.filename!r}" if isinstance(link, h5py.ExternalLink) else ""
        raise Elsewhere(f"{key} is a link{away}; expected an array in the file itself; {_REMEDY}")
    found = file[key]
    if isinstance(found, h5py.Dataset):
        refuse_elsewhere(found)
    return found


def refuse_elsewhere(array: h5py.Dataset) -> None:
    """Raise Elsewhere if the values of an array are not in the array's own file."""
    if array.external or array.is_virtual:
        others = [str(name) for name, *_ in array.external or ()] or [
            part.file_name for part in array.virtual_sources()
        ]
        raise Elsewhere(
            f"{array.name.strip('/')} has its values in another file, {others[0]!r}; expected an array in the file itself; "
            f"{_REMEDY}"
        )


def refuse_links(file: h5py.File) -> None:
    """Raise Elsewhere if the file holds a link to another file anywhere: whoever counts its arrays would not see that one."""

    def look(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group):
            look_in(name, item)

    def look_in(name: str, group: h5py.Group) -> None:
        for key in group:
            link = group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise Elsewhere(
                    f"{name}{'/' if name else ''}{key} is a link to {link.filename!r}; expected an array in the file itself; "
                    f"{_REMEDY}"
                )

    look_in("", file)
    file.visititems(look)

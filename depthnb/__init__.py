"""Monocular depth estimation: what the notebooks compute with.

From the photograph to the report: `data` hands out samples, `models` predict (their first weights from `weights`), `losses`
and `training` teach them, `evaluation` scores them by `metrics`, `runs` remembers, `evidence` decides, `report` shows.
`plotting` draws and `pointcloud` goes into space; `studies` holds what a single notebook needs; `photos` asks a net about
pictures and films of your own, from Python or by the command `depthnb` (`cli`); `files` writes, one process at a time.
Method NN lives in three places: `notebooks/NN_x`, `models/x.py`, `studies/x.py`. Imports run one way, from the notebooks down.
"""

__version__ = "0.1.0"

"""A depth map that was resized, with the camera of the large one."""

from depthnb.course.task import Task

TASK = Task(
    name="focal_length",
    function="resized",
    title="The room that shrank",
    story=(
        "Depth maps are reduced before the point cloud is made, and the room comes out half as wide, with its centre "
        "beside the camera. Depths are right. The camera shall be that of the reduced map; pixel centres lie at integers, "
        "so a coordinate u becomes (u + 0.5) * scale - 0.5, and the two axes may have different scales."
    ),
    code='''
import torch
from torch.nn import functional as F


def resized(depth, K, size):
    """Depth [H,W] at another size (H, W), and the camera [3,3] in pixels of it."""
    small = F.interpolate(depth[None, None], size=tuple(size), mode="nearest-exact")[0, 0]
    return small, K
''',
    check="""
import torch
from torch.nn import functional as F


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    fx, fy = (300 + 50 * torch.rand(2, generator=random)).tolist()
    K = torch.tensor([[fx, 0.0, 41.25], [0.0, fy, 29.5], [0.0, 0.0, 1.0]])
    depth = 1 + torch.rand(60, 80, generator=random)
    for height, width in ((30, 40), (15, 40), (60, 80), (90, 160)):
        small, camera = answer(depth, K.clone(), (height, width))
        assert tuple(small.shape) == (height, width), f"the map has the shape {tuple(small.shape)}; expected {(height, width)}"
        nearest = F.interpolate(depth[None, None], size=(height, width), mode="nearest-exact")[0, 0]
        assert bool((small == nearest).all()), "the depth was right before: leave that line as it is"
        sy, sx = height / 60, width / 80
        want = {"fx": fx * sx, "fy": fy * sy, "cx": 41.75 * sx - 0.5, "cy": 30 * sy - 0.5}
        got = {"fx": camera[0, 0], "fy": camera[1, 1], "cx": camera[0, 2], "cy": camera[1, 2]}
        for name, value in want.items():
            off = abs(float(got[name]) - value)
            assert off < 1e-3, f"60x80 at {height}x{width}: {name} is {float(got[name]):.2f}; expected {value:.2f}"
        assert float(camera[2, 2]) == 1 and float(camera[0, 1]) == 0, "the rest of the camera must stay as it is"
""",
    hint="A focal length is counted in pixels. How wide is a pixel of the small map, counted in pixels of the large one?",
    solution='''
import torch
from torch.nn import functional as F


def resized(depth, K, size):
    """Depth [H,W] at another size (H, W), and the camera [3,3] in pixels of it."""
    small = F.interpolate(depth[None, None], size=tuple(size), mode="nearest-exact")[0, 0]
    sy, sx = size[0] / depth.shape[0], size[1] / depth.shape[1]
    camera = K.clone()
    camera[0, 0], camera[0, 2] = K[0, 0] * sx, (K[0, 2] + 0.5) * sx - 0.5
    camera[1, 1], camera[1, 2] = K[1, 1] * sy, (K[1, 2] + 0.5) * sy - 0.5
    return small, camera
''',
    minutes=12,
    points=2,
    session=1,
    notebook="01_data",
)

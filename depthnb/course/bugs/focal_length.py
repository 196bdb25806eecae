"""A depth map that was resized, with the camera of the large one."""

from depthnb.course.task import Task

TASK = Task(
    name="shrunken_room",
    function="resized",
    title="The room that shrank",
    story=(
        "Depth maps are reduced before the point cloud is made, and the room comes out half as wide, with its centre "
        "beside the camera. The depths are right. `resized` must return the map at the new size and its camera, a "
        "torch tensor [3,3] in pixels of that map. The map may also become larger, and its two axes may change by "
        "different factors. Pixel centres lie at integers, so the first pixel reaches from -0.5 to 0.5."
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

from depthnb.course.asking import case, close, parts, tensor


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for (rows, columns), (height, width) in (
        ((60, 80), (30, 40)), ((60, 80), (60, 80)), ((60, 80), (15, 40)), ((45, 52), (17, 33)), ((33, 24), (90, 36)),
        ((2, 3), (1, 1)), ((1, 1), (3, 2)),
    ):
        fx, fy, cx, cy = (torch.tensor([300.0, 250, 31, 19]) * (1 + torch.rand(4, generator=random))).tolist()
        K = torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
        depth = torch.exp(14 * torch.rand(rows, columns, generator=random) - 9)  # 0.1 mm to 150 m
        with case(f"from {rows}x{columns} (rows x columns) to {height}x{width}"):
            small, camera = parts(answer(depth, K, (height, width)), 2)
            nearest = F.interpolate(depth[None, None], size=(height, width), mode="nearest-exact")[0, 0]
            close(tensor(small, (height, width), "the map"), nearest, "the map, which was right before,", 0)
            camera = tensor(camera, (3, 3), "the camera")
            down, across = height / rows, width / columns
            close(camera[0, 0], fx * across, "fx", 1e-5)
            close(camera[1, 1], fy * down, "fy", 1e-5)
            close(camera[0, 2], (cx + 0.5) * across - 0.5, "cx", 1e-5)
            close(camera[1, 2], (cy + 0.5) * down - 0.5, "cy", 1e-5)
            rest = camera.clone()
            rest[:2, 2] = rest[0, 0] = rest[1, 1] = 0
            close(rest, torch.tensor([[0.0, 0, 0], [0, 0, 0], [0, 0, 1]]), "the camera")
""",
    hint=(
        "A focal length is counted in pixels. How wide is a pixel of the new map, counted in pixels of the old one? "
        "And where does the centre of pixel 0 go, which lies half a pixel from the edge?"
    ),
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

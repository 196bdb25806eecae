"""Networks that are told the camera: how they are asked, and what a longer lens does to their answer."""

import pytest
import torch
from torch import nn
from toys import Toy

from depthnb import evaluation, losses, models, training
from depthnb.data import transforms
from depthnb.models.camera import CanonicalCamera, ask


def camera(focal, batch=1):
    return torch.tensor([[focal, 0.0, 9.5], [0.0, focal, 7.5], [0.0, 0.0, 1.0]]).expand(batch, 3, 3).clone()


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.depth = nn.Parameter(torch.tensor(2.0))

    def forward(self, image):
        return self.depth.expand(len(image), 1, *image.shape[-2:])


def test_depth_grows_with_the_focal_length_and_unknown_cameras_are_canonical():
    net, image = CanonicalCamera(Constant(), focal=100.0), torch.rand(3, 3, 8, 10)
    cameras = torch.cat([camera(100.0), camera(250.0), camera(float("nan"))])
    assert net(image, cameras)[:, 0, 0, 0].tolist() == [2.0, 5.0, 2.0]
    assert torch.equal(net(image), net(image, camera(100.0, 3)))
    oblong = camera(100.0)
    oblong[:, 0, 0] = 400.0
    assert net(image[:1], oblong)[0, 0, 0, 0] == 4.0, "the geometric mean of fx and fy"
    mirrored = camera(100.0)
    mirrored[:, 0, 0] = -100.0
    assert net(image[:1], mirrored)[0, 0, 0, 0] == 2.0


@pytest.mark.parametrize("focal", [0.0, -5.0, float("nan"), float("inf")])
def test_a_focal_length_that_is_none_is_refused(focal):
    with pytest.raises(ValueError, match="expected the canonical focal length in pixels, above 0"):
        CanonicalCamera(Constant(), focal=focal)


def test_only_those_that_want_it_are_told():
    batch = {"image": torch.rand(1, 3, 8, 10), "intrinsics": camera(50.0)}
    assert ask(Constant(), batch).mean() == 2.0
    assert ask(Constant(), {"image": batch["image"]}).mean() == 2.0
    assert ask(CanonicalCamera(Constant(), focal=100.0), batch).mean() == 1.0


class Cameras(Toy):
    """Flat walls at f / 20 metres, seen by cameras of several focal lengths: alike to who is not told."""

    def batch(self, indices):
        focal = torch.tensor([20.0 + 20.0 * (int(i) % 3) for i in indices])
        found = super().batch(indices)
        depth = (focal / 20).view(-1, 1, 1, 1).expand_as(found["depth"]).contiguous()
        K = torch.stack([camera(float(f))[0] for f in focal])
        return {**found, "image": torch.full_like(found["image"], 0.5), "depth": depth, "intrinsics": K,
                "valid": torch.ones_like(found["valid"])}  # fmt: skip


def test_training_and_judging_tell_the_camera():
    frames, errors = Cameras(6), []
    for net in (Constant(), CanonicalCamera(Constant(), focal=20.0)):
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        training.fit(net, frames, loss=losses.l1, optimizer=optimizer, epochs=40, batch_size=6, progress=False)
        pred = evaluation.predict(net, frames)
        errors.append((pred.mean((1, 2, 3)) - frames.batch(range(6))["depth"].mean((1, 2, 3))).abs().mean().item())
    assert errors[0] > 0.5 and errors[1] < 0.1


def test_it_is_saved_with_the_net_inside(tmp_path):
    torch.manual_seed(0)
    net = models.CanonicalCamera(models.UNet(channels=2), focal=77.0).eval()
    back = models.load(models.save(net, tmp_path / "net.safetensors"))
    image = torch.rand(1, 3, 32, 48)
    assert back.focal == 77.0 and torch.equal(back(image, camera(30.0)), net(image, camera(30.0)))


def test_a_zoomed_picture_of_a_known_camera_has_the_same_answer():
    """What the lens enlarges, the focal length divides out: a net that measures sizes in pixels stays right."""

    class FromWidth(nn.Module):  # a bar of 1 m that is w pixels wide stands at 100 / w for a focal length of 100
        def forward(self, image):
            wide = (image[:, 0] > 0.5).float().sum(-1).amax(-1)
            return (100 / wide).view(-1, 1, 1, 1).expand(len(image), 1, *image.shape[-2:])

    image = torch.zeros(1, 3, 80, 120)
    image[..., 36:44, 56:64] = 1.0
    batch = {"image": image, "depth": torch.full((1, 1, 80, 120), 12.5), "valid": torch.ones(1, 1, 80, 120).bool(),
             "intrinsics": camera(100.0), "id": ["a"]}  # fmt: skip
    net, seen = CanonicalCamera(FromWidth(), focal=100.0), 0
    for epoch in range(40):
        zoomed = transforms.augment(batch, seed=0, epoch=epoch, zoom=1.6)
        bar = (zoomed["image"][:, 0] > 0.5).any(-2)[0]
        if bar[0] or bar[-1] or not bar.any():
            continue  # the window cuts the bar off
        seen += 1
        assert ask(net, zoomed)[0, 0, 0, 0].item() == pytest.approx(12.5, rel=0.15)
    assert seen > 10

"""Scale and shift of each image by least squares."""

from depthnb.course.task import Task

TASK = Task(
    name="scale_and_shift",
    function="scale_and_shift",
    title="The best scale and shift of each image",
    story=(
        "Write the fit that judges a network without metres. For each image find the s and t that make the sum of "
        "(s pred + t - target) squared over its valid pixels smallest; `target` is the true inverse depth. Holes may hold "
        "any number, NaN too. A prediction that is upside down gets a negative s: that is right, do not forbid it."
    ),
    code='''
import torch


def scale_and_shift(pred, target, valid):
    """(s, t), each [B]; pred, target and valid are [B,1,H,W], and each image has several different valid pixels."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    pred = torch.rand(3, 1, 8, 10, generator=random, dtype=torch.float64)
    valid = torch.rand(pred.shape, generator=random) < torch.tensor([0.9, 0.5, 0.3]).view(3, 1, 1, 1)
    valid[:, :, 0, :3] = True
    s, t = torch.tensor([2.0, 0.3, -1.5]).double(), torch.tensor([0.1, 0.7, 2.0]).double()
    exact = s.view(3, 1, 1, 1) * pred + t.view(3, 1, 1, 1)
    noisy = exact + 0.3 * torch.rand(pred.shape, generator=random, dtype=torch.float64) * pred
    for word, target in (("an exact target", exact), ("a noisy target", noisy)):
        fits = [torch.linalg.lstsq(torch.stack([p[v], torch.ones_like(p[v])], 1), q[v][:, None]).solution[:, 0]
                for p, q, v in zip(pred, target, valid)]
        for junk in (0.0, 80.0, float("nan")):
            p, q = (torch.where(valid, each, junk).float() for each in (pred, target))
            got = answer(p, q, valid)
            assert isinstance(got, (tuple, list)) and len(got) == 2, "the function shall return two things, s and t"
            for name, mine, want in zip("st", got, zip(*fits)):
                assert tuple(mine.shape) == (3,), f"{name} has the shape {tuple(mine.shape)}; expected (3,)"
                for i in range(3):
                    said = f"{word}, image {i}, {junk} in the holes: {name} is {float(mine[i]):.4f}"
                    assert abs(float(mine[i] - want[i])) < 2e-3, f"{said}; expected {float(want[i]):.4f}"
""",
    hint=(
        "Where both derivatives are zero, s is the covariance of prediction and target over the "
        "variance of the prediction, and t is what the means leave. A loop over the images is allowed."
    ),
    solution='''
import torch


def scale_and_shift(pred, target, valid):
    """(s, t), each [B]; pred, target and valid are [B,1,H,W], and each image has several different valid pixels."""
    found = []
    for p, q, v in zip(pred, target, valid):
        p, q = p[v].double(), q[v].double()
        s = ((p - p.mean()) * (q - q.mean())).mean() / ((p - p.mean()) ** 2).mean()
        found.append(torch.stack([s, q.mean() - s * p.mean()]))
    s, t = torch.stack(found, dim=1)
    return s, t
''',
    minutes=15,
    points=2,
    session=4,
    notebook="07_midas",
)

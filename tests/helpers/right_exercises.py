"""Right answers to the exercises of the course that look other than the solutions: what comes after the docstring.

All of them are what a student could write who has understood the story; each must pass.
"""

RIGHT: dict[str, list[str]] = {
    "project": [
        """
    places = [(v, u) for v in range(len(depth)) for u in range(depth.shape[1]) if valid[v, u]]
    points = [depth[v, u] * np.linalg.inv(K) @ [u, v, 1] for v, u in places]
    return np.array(points).reshape(-1, 3)
""",
        """
    v, u = np.indices(depth.shape)
    points = np.stack([(u - K[0, 2]) * depth / K[0, 0], (v - K[1, 2]) * depth / K[1, 1], depth], axis=-1)
    return points[valid].astype(np.float32)
""",
    ],
    "masked_mse": [
        """
    total, count = pred[valid].sum() * 0, 0
    for p, d, v in zip(pred, depth, valid):
        total, count = total + (p[v] - d[v]).square().sum(), count + int(v.sum())
    return total / max(count, 1)
""",
        """
    return torch.nn.functional.mse_loss(pred[valid], depth[valid], reduction="sum") / valid.sum().clamp(min=1)
""",
        """
    return ((pred - depth)[valid].double() ** 2).sum() / max(int(valid.sum()), 1)
""",
        """
    error = torch.masked_select(pred, valid) - torch.masked_select(depth, valid)
    return (error.pow(2).mean() if len(error) else error.sum()).reshape(1)
""",
        """
    p, d = pred.clone(), depth.clone()
    p[~valid], d[~valid] = 0, 0
    return ((p - d) * (p - d)).sum() / valid.sum() if valid.any() else p.sum()
""",
    ],
    "blank_picture": [
        """
    seen = depth[valid].astype(np.float32)
    return seen.mean() if loss == "mse" else np.median(seen)
""",
        """
    import statistics

    return {"mse": statistics.fmean, "l1": statistics.median_high}[loss](depth[valid].tolist())
""",
        """
    seen = np.where(valid, depth, np.nan)
    return np.nanmean(seen, keepdims=True) if loss == "mse" else np.nanmedian(seen)
""",
    ],
    "scale_invariant": [
        """
    found = []
    for p, d, v in zip(pred, depth, valid):
        d = p.masked_select(v).log() - d.masked_select(v).log()
        found.append(d.var(correction=0) + (1 - lam) * d.mean().square())
    return torch.stack(found)
""",
        """
    found = []
    for p, d, v in zip(pred, depth, valid):
        d = torch.log(p[v] / d[v])
        found.append((d**2).mean() - lam * d.mean() ** 2)
    return torch.stack(found)
""",
        """
    d = torch.where(valid, pred.log() - depth.log(), 0).double()
    n = valid.flatten(1).sum(1)
    return (d * d).flatten(1).sum(1) / n - lam * (d.flatten(1).sum(1) / n).square()
""",
    ],
    "nan_weights": [
        """
    return ((pred[valid].log() - depth[valid].log()) ** 2).mean()
""",
        """
    ratio = torch.where(valid, pred, 1.0) / torch.where(valid, depth, 1.0)
    return torch.log(ratio).square().sum().reshape(1) / valid.sum()
""",
        """
    d = pred.masked_select(valid).double().log() - depth.masked_select(valid).double().log()
    return d.norm() ** 2 / d.numel() if d.any() else d.sum()
""",
    ],
    "skip_join": [
        """
    result = skip.new_empty(len(skip), small.shape[1] + skip.shape[1], *skip.shape[2:])
    result[:, : small.shape[1]] = F.interpolate(small, skip.shape[2:])
    result[:, small.shape[1] :] = skip
    return result
""",
        """
    return torch.cat((F.interpolate(small, skip.shape[2:], mode="nearest-exact"), skip), 1)
""",
        """
    height, width = skip.shape[-2:]
    rows = torch.arange(height) * small.shape[-2] // height
    columns = torch.arange(width) * small.shape[-1] // width
    return torch.cat([small[:, :, rows][..., columns], skip], dim=-3)
""",
    ],
    "gradient_term": [
        """
    found = []
    for p, t, v in zip(pred[:, 0], truth[:, 0], valid[:, 0]):
        e = p - t
        across, down = v[:, 1:] & v[:, :-1], v[1:] & v[:-1]
        total = (e[:, 1:] - e[:, :-1]).abs()[across].sum() + (e[1:] - e[:-1])[down].abs().sum()
        found.append(total / v.sum())
    return torch.stack(found).double()
""",
        """
    error = torch.where(valid, pred - truth, torch.nan)
    total = error.diff(dim=2).abs().nansum((1, 2, 3)) + error.diff(dim=3).abs().nansum((1, 2, 3))
    return total / valid.float().sum((1, 2, 3))
""",
        """
    error = torch.where(valid, pred, 0) - torch.where(valid, truth, 0)
    total = 0
    for dim in (2, 3):
        size = error.shape[dim] - 1
        first, second = error.narrow(dim, 0, size), error.narrow(dim, 1, size)
        both = valid.narrow(dim, 0, size) & valid.narrow(dim, 1, size)
        total = total + torch.where(both, torch.maximum(first - second, second - first), 0).sum((1, 2, 3))
    return total / valid.float().sum((1, 2, 3))
""",
    ],
    "planar_guidance": [
        """
    v, u = np.mgrid[0.5 / side - 0.5 : 0.5 : 1 / side, 0.5 / side - 0.5 : 0.5 : 1 / side][:, :side, :side]
    n = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    return (distance / (n[0] * u + n[1] * v + n[2])).astype(np.float32)
""",
        """
    made = np.zeros((side, side))
    for i in range(side):
        for j in range(side):
            at = np.array([(j + 0.5) / side - 0.5, (i + 0.5) / side - 0.5, 1])
            made[i, j] = distance / (at @ [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    return made
""",
    ],
    "scale_and_shift": [
        """
    fits = []
    for p, q, v in zip(pred, target, valid):
        A = torch.stack([p[v], torch.ones_like(p[v])], dim=1)
        fits.append(torch.linalg.lstsq(A, q[v][:, None]).solution[:, 0])
    return [torch.stack([fit[k] for fit in fits]) for k in (0, 1)]
""",
        """
    p, q = (torch.where(valid, each, 0.0).flatten(1) for each in (pred, target))
    n, sp, sq, pp, pq = valid.flatten(1).sum(1), p.sum(1), q.sum(1), (p * p).sum(1), (p * q).sum(1)
    s = (n * pq - sp * sq) / (n * pp - sp**2)
    return s, (sq - s * sp) / n
""",
        """
    import numpy as np

    fits = [np.polyfit(p[v].numpy(), q[v].numpy(), 1) for p, q, v in zip(pred, target, valid)]
    return tuple(torch.tensor(np.array(fits)).T)
""",
    ],
    "masked_gram": [
        """
    root = (maps.shape[1] * valid.sum((1, 2, 3), keepdim=True)).sqrt()
    seen = (torch.where(valid, maps, 0) / root).flatten(2)
    return torch.bmm(seen, seen.mT)
""",
        """
    made = maps.new_zeros(len(maps), maps.shape[1], maps.shape[1])
    for b in range(len(maps)):
        for c in range(maps.shape[1]):
            for d in range(maps.shape[1]):
                made[b, c, d] = (maps[b, c][valid[b, 0]] * maps[b, d][valid[b, 0]]).mean() / maps.shape[1]
    return made
""",
        """
    return torch.stack([m[:, v[0]] @ m[:, v[0]].T / (len(m) * v.sum()) for m, v in zip(maps, valid)])
""",
        """
    seen = maps.masked_fill(~valid, 0).double()
    return torch.einsum("bchw,bdhw->bcd", seen, seen) / maps.size(1) / valid.sum(dim=(2, 3), keepdim=True)[..., 0]
""",
    ],
    "two_players": [
        """
    minus_log = lambda x: torch.relu(-x) + torch.log1p(torch.exp(-x.abs()))
    first = minus_log(true.flatten()).mean() + minus_log(-false.flatten()).mean()
    return first, minus_log(false).mean()
""",
        """
    zero = torch.zeros(())
    losses = torch.logaddexp(zero, -true).mean(), torch.logaddexp(zero, false).mean(), torch.logaddexp(zero, -false).mean()
    return losses[0].double() + losses[1].double(), losses[2]
""",
        """
    bce = F.binary_cross_entropy_with_logits
    first = bce(true, torch.ones_like(true)) + bce(false, torch.zeros_like(false))
    return first, bce(false, torch.ones_like(false))
""",
        """
    return [-F.logsigmoid(true).mean() - F.logsigmoid(-false).mean(), -F.logsigmoid(false).mean().reshape(1)]
""",
    ],
    "paired_change": [
        """
    from scipy import stats

    names = sorted(set(before) & set(after))
    x = np.array([np.log(after[name]) - np.log(before[name]) for name in names])
    low, high = stats.t.interval(0.95, len(x) - 1, x.mean(), x.std(ddof=1) / len(x) ** 0.5)
    return [round(float(100 * (np.exp(each) - 1)), 4) for each in (x.mean(), low, high)]
""",
        """
    ratios = []
    for name, error in after.items():
        if name in before:
            ratios.append(np.log(error / before[name]))
    m, s, n = np.mean(ratios), np.std(ratios) * np.sqrt(len(ratios) / (len(ratios) - 1)), len(ratios)
    t = stdtrit(n - 1, 0.975)
    return 100 * (np.exp(np.array([m, m - t * s / n**0.5, m + t * s / n**0.5])) - 1)
""",
    ],
    "errors_left": [
        """
    ranked = [e for _, e in sorted(zip(unsure, error))]
    left = [len(error) - round(share * len(error)) for share in shares]
    return tuple(sum(ranked[:count]) / count for count in left)
""",
        """
    means = np.cumsum(error[np.argsort(unsure)]) / np.arange(1, len(error) + 1)
    return means[len(error) - np.round(np.array(shares) * len(error)).astype(int) - 1]
""",
    ],
    "least_error": [
        """
    total, count = 0.0, 0
    for i in range(moved.shape[1]):
        for j in range(moved.shape[2]):
            if min(moved[:, i, j]) < min(unmoved[:, i, j]):
                total, count = total + min(moved[:, i, j]), count + 1
    return total / max(count, 1)
""",
        """
    best = np.min(moved, 0)
    chosen = best[best < np.min(unmoved, 0)]
    return np.float32(chosen.mean()) if chosen.size else 0
""",
    ],
    "two_distances": [
        """
    A = [[inverse[place], 1] for place in places]
    s, t = np.linalg.solve(A, 1 / np.array(metres))
    with np.errstate(divide="ignore"):
        return np.where(s * inverse + t > 0, 1 / (s * inverse + t), np.nan)
""",
        """
    s, t = np.polyfit([inverse[place] for place in places], [1 / metre for metre in metres], 1)
    depth = np.full(inverse.shape, np.nan)
    q = s * inverse + t
    depth[q > 0] = 1 / q[q > 0]
    return depth
""",
        """
    (q1, q2), (d1, d2) = [inverse[place] for place in places], metres
    s = (d2 - d1) / (d1 * d2 * (q1 - q2))
    x = s * inverse + (1 / d2 - s * q2)
    x[x <= 0] = np.nan
    return 1 / x
""",
    ],
}

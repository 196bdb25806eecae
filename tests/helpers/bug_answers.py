"""Wrong answers to the hunts for bugs, what students tried and the like of it, and right ones that look different.

Each is the solution with one part exchanged: task -> part -> what stands there instead.
"""

from __future__ import annotations

WRONG: dict[str, dict[str, list[str]]] = {
    "ghosts": {
        "total = F.avg_pool2d(depth[None, None], 2)": [
            "total = F.avg_pool2d(depth.clamp(max=120)[None, None], 2)",
            "total = F.avg_pool2d(torch.where(depth < 80, depth, 0.0)[None, None], 2)",
        ],
        "(depth > 0).float()": [
            "(depth > 1e-3).float()",
        ],
        "total / share.clamp(min=0.25)": ["total"],
        "share > 0, total / share.clamp(min=0.25)": [
            "share == 1, total",
            "share < 0, total",
            "share == 0.75, total / share",
        ],
        "total / share.clamp(min=0.25), 0.0": ["total / share, float('nan')", "total / share, depth.mean()"],
        "share.clamp(min=0.25)": ["share.clamp(min=0.5)", "(share + 0.01)"],
        "(depth > 0)": ["(depth > 1)", "(depth > 0.1)", "(depth > depth[0, 0])"],
        "F.avg_pool2d(depth[None, None], 2)": [
            "F.avg_pool2d(depth[None, None], 3, stride=2, padding=1)",
            "-F.max_pool2d(-depth[None, None], 2)",
            "F.avg_pool2d(depth.roll(1, 0)[None, None], 2)",
            "depth[None, None, : depth.shape[0] // 2, : depth.shape[1] // 2]",
            "F.avg_pool2d(depth[None, None].clamp(max=5), 2)",
            "F.avg_pool2d(torch.where(depth > 0, depth, depth[depth > 0].mean())[None, None], 2)",
        ],
        "0.0)[0, 0]": [
            "0.0)",
            "0.0)[0, 0].T",
            "0.0)[0, 0].numpy()",
            "0.0)[0, 0].round()",
            "0.0)[0, 0].round(decimals=1)",
        ],
        "return torch.where(share > 0, total / share.clamp(min=0.25), 0.0)[0, 0]": [
            "return F.interpolate(depth[None, None], scale_factor=0.5, mode='area')[0, 0]",
            "return F.interpolate(depth[None, None], size=(8, 12), mode='nearest')[0, 0]",
        ],
    },
    "shrunken_room": {
        "return small, camera\n": [
            "return small.clamp(max=120), camera\n",
            "return small.clamp(min=1e-3), camera\n",
            "return small.round(decimals=3), camera\n",
        ],
        "(K[0, 2] + 0.5) * sx - 0.5": [
            "K[0, 2] * sx",
            "(K[0, 2] + 0.5) * sx",
            "(K[0, 2] - 0.5) * sx + 0.5",
            "(size[1] - 1) / 2",
            "(K[0, 2] + 0.5) * sy - 0.5",
        ],
        "sy, sx = size[0] / depth.shape[0], size[1] / depth.shape[1]": [
            "sx = sy = size[1] / depth.shape[1]",
            "sx = sy = size[0] / depth.shape[0]",
            "sy, sx = depth.shape[0] / size[0], depth.shape[1] / size[1]",
            "sy, sx = (size[0] - 1) / (depth.shape[0] - 1), (size[1] - 1) / (depth.shape[1] - 1)",
            "sy, sx = 1 / (depth.shape[0] // size[0] or 1), 1 / (depth.shape[1] // size[1] or 1)",
            "sy = sx = 0.5",
        ],
        "sy, sx = size": ["sx, sy = size"],
        "(K[1, 2] + 0.5) * sy - 0.5": ["K[1, 2]"],
        "K[1, 1] * sy": ["K[1, 1]", "K[0, 0] * sy", "K[1, 1] * (sx + sy) / 2"],
        "camera = K.clone()": ["camera = K * sx", "camera = K", "camera = torch.zeros(3, 3)", "camera = K.long()"],
        "return small, camera": [
            "return camera, small",
            "return small",
            "return small, camera.T",
            "return small[None], camera",
            "return small, camera.numpy()",
            "return small, camera[:2]",
            "return small * sx, camera",
        ],
        'mode="nearest-exact"': ['mode="bilinear"', 'mode="nearest"'],
        "size=tuple(size)": ["size=tuple(size)[::-1]"],
    },
    "next_house": {
        "names = sorted(set(scenes))": [
            "names = sorted({scene.lower() for scene in scenes})",
            "names = [name for name in sorted(set(scenes)) if name.startswith('scene')]",
        ],
        "if scene not in chosen": [""],
        "[: round(share * len(names))]": [
            "[: round(share * len(names)) + 1]",
            "[: int(share * len(names))]",
            "[: -int(-share * len(names) // 1)]",
            "[: max(1, round(share * len(names)))]",
            "[: min(len(names) - 1, round(share * len(names)))]",
            "[: round((1 - share) * len(names))]",
            "[: round(0.7 * len(names))]",
        ],
        "random.Random(seed).shuffle(names)": [
            "pass",
            "random.shuffle(names)",
            "random.Random(0).shuffle(names)",
            "random.Random(seed % 2).shuffle(names) if seed < 0 else names.reverse()",
        ],
        "sorted(set(scenes))": ["list(scenes)"],
        "return train, test": [
            "return test, train",
            "return [scenes[i] for i in train], [scenes[i] for i in test]",
            "return train",
            "return train, test, []",
            "return [i + 1 for i in train], [i + 1 for i in test]",
            "return train[: round(share * len(scenes))], test",
            "return train * 2, test",
            "return [i + 0.5 for i in train], test",
            "return len(train), len(test)",
        ],
        "chosen = set(names[: round(share * len(names))])": [
            (
                "chosen, count = set(), 0\n    for name in names:\n        if count < share * len(scenes):\n   "
                "         chosen.add(name)\n            count += scenes.count(name)"
            )
        ],
        "if scene in chosen]": [
            "if scene in chosen or frame == 0]",
            "if scene in chosen and scenes.count(scene) > 1]",
            "if any(scene in name for name in chosen)]",
        ],
    },
    "high_loss": {
        "error = (pred[valid] - depth[valid]).abs()": [
            "error = (pred[valid] - depth[valid]).abs().detach()",
            "error = (pred[valid] - depth[valid]).nan_to_num().abs()",
            "error = torch.from_numpy(abs(pred.detach().numpy() - depth.numpy()))[valid]",
            "with torch.no_grad():\n        error = (pred[valid] - depth[valid]).abs()",
            "error = (pred[valid] - depth[valid]).abs()\n    error = error[error != 0]",
            "error = (pred - depth)[valid & (depth < 80)].abs()",
            "error = (pred - depth)[valid & (depth < 120)].abs()",
            "error = (pred - depth)[valid & (depth > 1e-3)].abs()",
            "error = (pred[valid] - depth[valid]).square().sqrt()",
            "error = ((pred[valid] - depth[valid]) ** 2 + 1e-6).sqrt()",
            "error = torch.where(valid, (pred - depth).square(), 0.0).sqrt() * valid.numel() / valid.sum()",
        ],
        "(pred[valid] - depth[valid]).abs()": [
            "((pred - depth) * valid).abs()",
            "(pred - depth)[depth > 0].abs()",
            "(pred - depth)[depth != 0].abs()",
            "(pred - depth)[valid & (depth < 3)].abs()",
            "(pred - depth)[valid & (depth > 0.1) & (depth < 10)].abs()",
            "(pred - depth.clamp(max=10))[valid].abs()",
            "(pred - depth).nan_to_num().abs()",
            "(pred - depth)[valid]",
            "(pred - depth)[valid].clamp(min=0)",
            "(pred - depth)[valid].square()",
            "torch.nn.functional.smooth_l1_loss(pred[valid], depth[valid])",
            "(pred - depth)[:1][valid[:1]].abs()",
            "(pred - torch.where(valid, depth, pred)).abs()",
            "((pred - depth)[valid] / depth[valid]).abs()",
        ],
        "error.mean()": [
            "error.sum()",
            "error.median()",
            "error.square().mean().sqrt()",
            "(pred[valid].mean() - depth[valid].mean()).abs()",
            "error.sum() / (valid.sum() + 1)",
            "error.sum() / len(pred)",
            "error.mean().item()",
            "error.mean().numpy()",
            "error",
            "torch.stack([(p - d)[v].abs().mean() for p, d, v in zip(pred, depth, valid)]).mean()",
            "error.mean() * 0 + 0.5",
        ],
    },
    "two_scores": {
        "total += ((p - d).abs() / d).mean() * len(p)": [
            "e = ((p - d).abs() / d)\n        total += e[e > 0].mean() * len(p)",
            "ok = d < 80\n        total += ((p - d).abs() / d)[ok].mean() * len(p)",
            "total += ((p - d).abs() / (d + 1e-6)).mean() * len(p)",
            "total += round(float(((p - d).abs() / d).mean()), 3) * len(p)",
        ],
        "* len(p)": ["* batch_size", ""],
        "range(0, len(pred), batch_size)": ["range(0, len(pred) - batch_size + 1, batch_size)"],
        "/ len(pred)": ["/ (len(pred) // batch_size + 1)"],
        "((p - d).abs() / d).mean()": [
            "((p - d) / d).mean()",
            "((p - d) / d).mean((1, 2)).abs().mean()",
            "((p - d).abs() / d)[:, 0, 0].mean()",
            "((p - d).abs() / d)[:, 0].mean()",
            "((p - d).abs() / d).median()",
            "((p - d) / d).square().mean().sqrt()",
            "((p - d).abs().mean() / d.mean())",
            "((p - d).abs() / d.clamp(min=1)).mean()",
            "((p - d).abs() / p).mean()",
            "((p - d).abs() / d).clamp(max=0.5).mean()",
            "(p - d).abs().mean()",
            "((p - d).clamp(min=0) / d).mean()",
        ],
        "return total / len(pred)": [
            "return total / len(pred), batch_size",
            "return total / (len(pred) + 1)",
            "return total / pred.numel()",
            "return str(total / len(pred))",
        ],
    },
    "blue_kitchen": {
        ".permute(2, 0, 1).float()": [
            ".permute(2, 0, 1).clamp(max=250).float()",
            ".permute(2, 0, 1).squeeze().float()",
        ],
        "picture[..., ::-1]": [
            "picture[:, ::-1]",
            "picture[::-1]",
            "picture[..., [1, 2, 0]]",
            "picture[..., [0, 2, 1]]",
            "picture[..., [2, 1, 1]]",
            "picture",
            "picture[::-1, ::-1, ::-1]",
        ],
        "return (image - mean) / std": [
            "return ((image - mean) / std).flip(0)",
            "return (image - mean) / std.flip(0)",
            "return (image - mean.flip(0)) / std.flip(0)",
            "return (image - mean.mean()) / std.mean()",
            "return ((image - mean) / std).clamp(-2, 2)",
            "return image",
            "return ((image - mean) / std)[None]",
            "return ((image - mean) / std).double()",
            "return ((image - mean) / std).numpy()",
        ],
        ".float() / 255": [".float()", ".float() / 256", ".float() / picture.max()"],
        ".permute(2, 0, 1)": [".permute(2, 1, 0)", ".reshape(3, *picture.shape[:2])"],
        ".permute(2, 0, 1).float() / 255": [".permute(2, 0, 1).bool().float()"],
    },
    "it_moves": {
        "return encoder.state_dict(), decoder.state_dict()\n": [
            "return encoder.state_dict(), {k: v for k, v in decoder.state_dict().items() if k[0] != '2'}\n",
        ],
        ".requires_grad_(False).eval()": [
            ".requires_grad_(False)\n    kept = {name: value.clone() for name, value in encoder.state_dict().items()}\n"
            "    encoder.state_dict = lambda: kept",
            ".requires_grad_(False)",
            ".eval()\n    encoder[1].momentum = 0.0\n    encoder.train()",
            "\n    encoder[1] = nn.BatchNorm2d(8, track_running_stats=False)",
            ".eval()\n    encoder[1].reset_running_stats()\n    encoder.train()",
            "\n    encoder[1] = nn.Identity()",
            "\n    encoder[1] = nn.BatchNorm2d(8, affine=False)\n    encoder.eval()",
        ],
        "nn.Conv2d(4, 1, 1))": [
            "nn.Conv2d(4, 1, 1)).eval()",
            "nn.Conv2d(4, 1, 1))\n    decoder[2].eval()",
            "nn.Conv2d(4, 1, 1))\n    decoder[2].requires_grad_(False)",
        ],
        "decoder.parameters()": ["list(decoder[3].parameters())", "[*encoder.parameters(), *decoder[1].parameters()]"],
        "decoder.parameters(), lr=0.05": [
            "[*encoder.requires_grad_(True).parameters(), *decoder.parameters()], lr=0.05"
        ],
        "lr=0.05": ["lr=0.01"],
        "torch.optim.Adam": ["torch.optim.SGD"],
        "range(steps)": ["range(steps - 1)", "range(min(steps, 1))"],
        "decoder(encoder(image))": ["decoder(encoder.train()(image))"],
        "optimizer.step()": ["optimizer.step()\n        encoder.train()"],
        "optimizer.zero_grad()": ["pass"],
        ".abs().mean().backward()": [".square().mean().backward()"],
        "return encoder.state_dict(), decoder.state_dict()": [
            "return encoder, decoder",
            "return decoder.state_dict(), encoder.state_dict()",
            "return encoder.state_dict()",
            "return list(encoder.state_dict().values()), list(decoder.state_dict().values())",
            "return encoder.state_dict(), dict(decoder.named_parameters())",
        ],
    },
    "near_wall": {
        "return relative * scale": [
            "return (relative * scale).clip(1e-3, None)",
            "return (relative * scale).clip(None, 120)",
            "return relative * scale if valid.sum() > 1 else relative",
        ],
        "relative = 1 / disparity": [
            "relative = 1 / disparity.clip(1e-3)",
            "relative = (1 / disparity).round(2)",
        ],
        "1 / disparity": [
            "disparity.max() - disparity",
            "-disparity",
            "1 / (disparity + 1e-3)",
            "1 / np.sqrt(disparity)",
            "1 / disparity**2",
            "np.exp(-disparity)",
            "1 / np.clip(disparity, 0.05, None)",
        ],
        "relative * scale": [
            "relative",
            "np.clip(relative * scale, 0.1, 10.0)",
            "np.clip(relative * scale, depth.min(), depth.max())",
            "(relative * scale)[valid]",
            "(relative * scale).T",
            "(relative * scale).tolist()",
            "np.where(valid, depth, relative * scale)",
            "np.polyval(np.polyfit(relative[valid], depth[valid], 1), relative)",
        ],
        "np.median(relative[valid])": ["np.median(relative)"],
        "np.median(depth[valid])": ["np.median(depth)", "np.nanmedian(depth)"],
        "np.median(depth[valid]) / np.median(relative[valid])": [
            "np.mean(depth[valid]) / np.mean(relative[valid])",
            "np.max(depth[valid]) / np.max(relative[valid])",
            "depth[valid][0] / relative[valid][0]",
            "np.median(depth[valid] / relative[valid])",
            "np.median(depth[depth > 0]) / np.median(relative[depth > 0])",
            "np.median(depth[valid]) / np.median(disparity[valid])",
        ],
    },
    "ten_metres": {
        "return ((pred - depth)[valid].abs() / depth[valid]).mean()": [
            "e = (pred - depth)[valid].abs() / depth[valid]\n    return e[e > 0].mean()",
            "ok = valid & (depth < 80)\n    return ((pred - depth)[ok].abs() / depth[ok]).mean()",
            "return ((pred - depth)[valid].abs() / depth[valid].clamp(min=1e-3)).mean()",
            "return ((pred - depth)[valid].abs() / depth[valid]).mean() if valid.sum() > 1 else torch.tensor(torch.nan)",
        ],
        "(scale * pred).clamp(nearest, farthest)": ["scale * pred"],
        "scale = depth": ["pred = pred.clamp(nearest, farthest)\n    scale = depth"],
        "pred[valid].median()": ["pred.median()"],
        "depth[valid].median()": ["depth.nanmedian()", "depth[depth > 0].median()"],
        "clamp(nearest, farthest)": [
            "clamp(0.1, 10.0)",
            "clamp(0.1, farthest)",
            "clamp(nearest, 10.0)",
            "clamp(max=farthest)",
            "clamp(min=nearest)",
            "clamp(farthest, nearest)",
            "clamp(nearest * scale, farthest * scale)",
        ],
        "pred = (scale * pred).clamp(nearest, farthest)": [
            (
                "pred = (scale * pred).clamp(nearest, farthest)\n    pred = pred * depth[valid].median() / "
                "pred[valid].median()"
            ),
            "pred = (scale * pred).clamp(nearest, farthest)\n    depth = depth.clamp(nearest, farthest)",
            "pred = scale * pred\n    valid = valid & (pred > nearest) & (pred < farthest)",
        ],
        "depth[valid].median() / pred[valid].median()": [
            "(depth[valid] / pred[valid]).median()",
            "depth[valid].mean() / pred[valid].mean()",
            "depth[valid].max() / pred[valid].max()",
            "farthest / pred[valid].max()",
            "1 / 60",
            "depth[valid][0] / pred[valid][0]",
        ],
        "((pred - depth)[valid].abs() / depth[valid]).mean()": [
            "((pred - depth)[valid] / depth[valid]).mean()",
            "((pred - depth)[valid].abs() / depth[valid]).median()",
            "(pred - depth)[valid].abs().mean() / depth[valid].mean()",
            "((pred - depth)[valid].abs() / pred[valid]).mean()",
            "((pred - depth).abs() * valid / depth).nan_to_num().mean()",
            "(pred - depth)[valid].abs() / depth[valid]",
        ],
    },
    "nan_table": {
        "errors.append(np.mean(np.abs(scale * pred - depth)[valid] / depth[valid]))": [
            "e = np.abs(scale * pred - depth)[valid] / depth[valid]\n            errors.append(np.mean(e[e > 0]))",
            "errors.append(np.mean(np.abs(scale * pred - depth)[valid] / depth[valid]))\n"
            "    errors = [e for e in errors if e > 0]",
            "ok = valid & (depth < 80)\n            errors.append(np.mean(np.abs(scale * pred - depth)[ok] / depth[ok]))",
            "errors.append(np.mean(np.abs(scale * pred - depth)[valid] / (depth[valid] + 1e-6)))",
        ],
        "np.mean(errors) if errors else np.nan": [
            "np.sum(errors) / len(preds)",
            "np.median(errors) if errors else np.nan",
            "np.mean(errors[:-1]) if errors else np.nan",
            "np.mean(errors) if errors else None",
            "np.array(errors)",
            "sum(errors) / len(errors)",
        ],
        "if errors else np.nan": ["if errors else 0.0", "if errors else np.inf", "if len(errors) > 1 else np.nan"],
        "np.median(depth[valid]) / np.median(pred[valid])": [
            "np.median(depth) / np.median(pred)",
            "np.mean(depth[valid]) / np.mean(pred[valid])",
            "np.median(depth[valid] / pred[valid])",
            "np.median(depths[valids]) / np.median(preds[valids])",
            "1.0",
        ],
        "if valid.any():": [
            "if valid.sum() >= 50:",
            "if valid.sum() >= 10:",
            "if valid.sum() > 1:",
            "if valid.mean() >= 0.1:",
            "if valid[0, 0]:",
            "if valid[0].any():",
            "if (depth > 0).any():",
            "if not np.isnan(depth).any() and valid.any():",
            "if valid.all():",
            "if len(valid):",
        ],
        "errors.append(np.mean(": ["errors.extend((1 * "],
        "np.abs(scale * pred - depth)[valid] / depth[valid]": [
            "np.nan_to_num(np.abs(scale * pred - depth) * valid / depth)",
            "(scale * pred - depth)[valid] / depth[valid]",
            "np.abs(scale * pred - depth)[valid]",
        ],
    },
    "better_than_paper": {
        "return np.mean(np.abs(pred - depth)[counts] / depth[counts])": [
            "e = np.abs(pred - depth)[counts] / depth[counts]\n    return np.mean(e[e > 0])",
            "return np.mean(np.abs(pred - depth)[counts] / depth[counts]) or np.nan",
            "return np.mean(np.abs(pred - depth)[counts] / depth[counts]) if counts.sum() > 1 else 0.0",
        ],
        "left, right = int(0.03594771 * width), int(0.96405229 * width)": [
            "left, right = int(0.036 * width), int(0.964 * width)",
            "left, right = int(0.0359 * width), int(0.9641 * width)",
            "left, right = int(0.03595 * width), int(0.96405 * width)",
        ],
        "top, bottom = int(0.40810811 * height), int(0.99189189 * height)": [
            "top, bottom = int(0.408 * height), int(0.992 * height)",
            "top, bottom = int(0.4081 * height), int(0.9919 * height)",
            "top, bottom = int(0.408108 * height), int(0.991892 * height)",
        ],
        "counts = inside & valid\n": [
            "counts = inside & valid & (pred != depth)\n",
            "counts = inside & valid & (depth < 80)\n",
            "counts = inside & valid & (depth > 1e-3)\n",
        ],
        "inside[top:bottom, left:right] = True": [
            "inside[:] = True",
            "inside[top:, left:right] = True",
            "inside[top:bottom] = True",
            "inside[:, left:right] = True",
            "inside[top:bottom, :right] = True",
            "inside[top : bottom + 1, left:right] = True",
            "inside[top - 1 : bottom, left:right] = True",
            "inside[top:bottom, left + 1 : right] = True",
            "inside[height - bottom : height - top, left:right] = True",
        ],
        "inside & valid": [
            "inside | valid",
            "inside",
            "inside & (depth > 0)",
            "valid",
            "inside & valid & (depth < 50)",
        ],
        "int(0.40810811 * height)": [
            "round(0.40810811 * height + 0.5)",
            "round(0.40810811 * height)",
            "int(0.3324324 * height)",
        ],
        "int(0.96405229 * width)": ["int(0.96405229 * width) + 1", "round(0.96405229 * width)"],
        "int(0.03594771 * width)": ["round(0.03594771 * width)"],
        "int(0.03594771 * width), int(0.96405229 * width)": ["int(0.0359477 * width), int(0.95 * width)"],
        "height, width = depth.shape": ["width, height = depth.shape"],
        "np.mean(np.abs(pred - depth)[counts] / depth[counts])": [
            "np.mean(np.abs(pred - depth)[counts] / pred[counts])",
            "np.mean((pred - depth)[counts] / depth[counts])",
            "np.median(np.abs(pred - depth)[counts] / depth[counts])",
            "np.nanmean(np.abs(pred - depth)[inside] / depth[inside])",
            "np.mean(np.abs(pred - depth) * counts / depth)",
            "np.sum(np.abs(pred - depth)[counts] / depth[counts]) / inside.sum()",
            "np.abs(pred - depth)[counts] / depth[counts]",
        ],
    },
    "two_tables": {
        "for pred, depth, valid in zip(preds, depths, valids):": [
            "for pred, depth, valid in zip(preds, depths, valids & (preds != depths)):",
            "for pred, depth, valid in zip(preds, depths, valids & (depths < 80)):",
        ],
        "errors.append(((pred - depth).abs()[valid] / depth[valid]).mean())": [
            "x = (pred - depth).abs()[valid] / depth[valid]\n            errors.append(x[x > 0].mean())",
            "x = (pred - depth).abs()[valid] / depth[valid]\n"
            "            errors.append(x[x > 0].mean() if (x > 0).any() else x.sum())",
            "ok = valid & (depth < 80)\n            errors.append(((pred - depth).abs()[ok] / depth[ok]).mean())",
            "ok = valid & (depth > 1e-3)\n            errors.append(((pred - depth).abs()[ok] / depth[ok]).mean())",
        ],
        "torch.stack(errors).mean()": [
            "torch.stack(errors).median()",
            "torch.stack(errors).sum() / len(preds)",
            "torch.stack(errors).sum() / max(1, len(errors) - 1)",
            "torch.stack(errors)",
            "errors[-1]",
        ],
        "if valid.any():": [
            "if True:",
            "if valid.sum() > 1:",
            "if valid.sum() >= 10:",
            "if valid[0, 0]:",
            "if valid[0].any():",
            "if (depth > 0).any():",
            "if valid.float().mean() > 0.1:",
        ],
        "((pred - depth).abs()[valid] / depth[valid]).mean()": [
            "((pred - depth).abs()[valid] / depth[valid]).median()",
            "((pred - depth)[valid] / depth[valid]).mean().abs()",
            "((pred - depth)[valid] / depth[valid]).mean()",
            "(pred - depth).abs()[valid].mean() / depth[valid].mean()",
            "((pred - depth).abs()[valid] / pred[valid]).mean()",
            "((pred - depth).abs()[valid] / depth[valid].clamp(min=1)).mean()",
            "(pred - depth).abs()[valid].mean()",
            "((pred - depth).abs() / depth * valid).mean()",
            "((pred - depth).abs() / depth * valid).sum() / valid.sum()",
            "((pred - depth).abs() / depth)[depth > 0].mean()",
            "((pred - depth).abs()[valid] / depth[valid]).square().mean().sqrt()",
            "((pred - depth).abs()[valid] / depth[valid]).mean() * valid.sum() / valid.numel()",
        ],
    },
}

RIGHT: dict[str, dict[str, list[str]]] = {
    "ghosts": {
        "return torch.where(share > 0, total / share.clamp(min=0.25), 0.0)[0, 0]": [
            "return depth[::2, ::2]",
            "return depth[1::2, 1::2].clone()",
            "return F.interpolate(depth[None, None], scale_factor=0.5, mode='nearest')[0, 0]",
            "return F.max_pool2d(depth[None, None], 2)[0, 0]",
            "return (total / share).nan_to_num(0.0)[0, 0].double()",
        ]
    },
    "shrunken_room": {
        "return small, camera": [
            "return [small, camera.double()]",
            "shift = torch.tensor([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5], [0, 0, 1]])\n    return small, shift @ K",
        ]
    },
    "next_house": {
        "return train, test": ["return test[:0] + train[::-1], tuple(test)"],
        "random.Random(seed).shuffle(names)": [
            "names = random.Random(seed).sample(names, len(names))",
            "random.seed(seed)\n    random.shuffle(names)",
        ],
    },
    "high_loss": {
        "error = (pred[valid] - depth[valid]).abs()": [
            "error = torch.where(valid, (pred - depth).abs(), 0.0) * valid.numel() / valid.sum()",
            "error = torch.maximum(pred - depth, depth - pred)[valid]",
        ],
        "error.mean()": [
            "torch.nn.functional.l1_loss(pred[valid], depth[valid])",
            "torch.where(valid, pred - depth, 0.0).abs().sum() / valid.sum()",
            "error.double().mean()[None]",
        ],
    },
    "two_scores": {
        "return total / len(pred)": [
            "return float(total / len(pred))",
            "return ((pred - depth).abs() / depth).mean()",
            "return ((pred - depth).abs() / depth).mean((1, 2)).double().mean().numpy()",
        ]
    },
    "blue_kitchen": {
        "picture[..., ::-1]": ["np.flip(picture, 2)", "picture[:, :, [2, 1, 0]]"],
        "return (image - mean) / std": ["return image.sub(mean).div(std).contiguous()"],
    },
    "it_moves": {
        ".requires_grad_(False).eval()": [
            ".eval()",
            ".requires_grad_(False)\n    encoder[1].eval()",
            ".requires_grad_(False).train(False)",
        ],
        "    for _ in range(steps):": ["    with torch.no_grad():\n        encoder(image)\n    for _ in range(steps):"],
    },
    "near_wall": {
        "return relative * scale": [
            "return np.median(depth[valid]) * np.median(disparity[valid]) / disparity",
            "return np.where(valid, relative * scale, 0.0)",
            "return np.where(valid, relative * scale, np.nan).astype(np.float32)",
        ]
    },
    "ten_metres": {
        "(scale * pred).clamp(nearest, farthest)": [
            "scale * pred.clamp(nearest / scale, farthest / scale)",
            "torch.minimum(torch.maximum(scale * pred, torch.tensor(nearest)), torch.tensor(farthest))",
        ],
        "((pred - depth)[valid].abs() / depth[valid]).mean()": [
            "float((pred[valid] / depth[valid] - 1).abs().mean())",
        ],
    },
    "nan_table": {
        "np.mean(errors) if errors else np.nan": ["float(sum(errors) / len(errors)) if errors else float('nan')"],
        "if valid.any():": ["if valid.sum() > 0:", "if not valid.any():\n            continue\n        else:"],
    },
    "better_than_paper": {
        "inside & valid": ["valid.copy()\n    counts[~inside] = False"],
        "np.mean(np.abs(pred - depth)[counts] / depth[counts])": [
            "float(np.abs(pred[counts] / depth[counts] - 1).mean())",
            "np.mean((np.abs(pred - depth) / depth)[top:bottom, left:right][valid[top:bottom, left:right]])",
        ],
    },
    "two_tables": {
        "return torch.stack(errors).mean()": [
            "return torch.stack([e.double() for e in errors]).mean()",
        ],
        "torch.stack(errors).mean()": ["sum(errors) / len(errors)", "float(torch.stack(errors).mean())"],
        "if valid.any():": ["if int(valid.sum()):"],
        "((pred - depth).abs()[valid] / depth[valid]).mean()": [
            "torch.where(valid, (pred - depth).abs() / depth, 0.0).sum() / valid.sum()"
        ],
    },
}

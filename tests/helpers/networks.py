"""Networks of the published classes with a few thousand random weights."""

import torch
import transformers


def depth_anything(side: int = 28) -> transformers.DepthAnythingForDepthEstimation:
    """A Depth Anything for images of this side, a multiple of 14, whose answers differ from pixel to pixel."""
    torch.manual_seed(0)
    backbone = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=side, patch_size=14,
        out_indices=[1, 2, 3, 4], reshape_hidden_states=False,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
        head_hidden_size=8, patch_size=14,
    )  # fmt: skip
    network = transformers.DepthAnythingForDepthEstimation(config)
    with torch.no_grad():  # drawn so small that it would say 0 everywhere
        for parameter in network.head.parameters():
            parameter.mul_(8)
        network.head.conv3.bias.fill_(1.0)
    return network

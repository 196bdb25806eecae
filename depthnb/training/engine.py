"""The machine that trains: device, precision, and how several processes share a batch."""

from __future__ import annotations

import logging
import os

import lightning_fabric as lightning
import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn

from depthnb.training.launch import cores, launched


class _Joined(DDPStrategy):
    """DDP of processes that are there already. Nothing is launched, so that a notebook's kernel can be one of them."""

    def _configure_launcher(self) -> None:
        self._launcher = None


def fabric(device: str = "auto", precision: str = "32-true") -> lightning.Fabric:
    """The device and precision to train with; under torchrun or SLURM all processes of the launch together.

    Args:
        device: auto, cpu, cuda or mps.
        precision: as Lightning Fabric names it (32-true, bf16-mixed, 16-mixed).

    Raises:
        ValueError: for a device that is not there, and for 16-mixed on a CPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for, but torch sees no CUDA GPU here; use device 'auto' or 'cpu'")
    no_gpu = not torch.cuda.is_available() and not torch.backends.mps.is_available()
    if precision in ("16-mixed", "16", 16) and (device == "cpu" or (device == "auto" and no_gpu)):
        # Lightning would compute in bfloat16 there, and the checkpoint remember what was not computed
        raise ValueError(
            f"precision {precision!r} trains in float16, which needs a GPU, and this training runs on the CPU: use "
            "'bf16-mixed', '32-true', or 'auto', which takes the faster one of these two"
        )
    _, processes, nodes = launched()
    if "OMP_NUM_THREADS" not in os.environ:
        # more threads than cores wait for each other, and a container may have few cores of a large machine
        torch.set_num_threads(min(torch.get_num_threads(), max(1, cores() // (processes // nodes))))
    together = {"devices": processes // nodes, "num_nodes": nodes, "strategy": _Joined()}
    # said explicitly, or Lightning takes a single process inside a SLURM reservation for one of several
    alone = {"devices": 1, "plugins": [LightningEnvironment()]}
    log = logging.getLogger("lightning_fabric")
    level = log.level
    log.setLevel(logging.WARNING)  # at INFO it repeats on stderr what it was told to do
    try:
        engine = lightning.Fabric(accelerator=device, precision=precision, **(together if processes > 1 else alone))
        engine.launch()
    finally:
        log.setLevel(level)
    return engine


def fast_precision(device: str = "auto") -> str:
    """bf16-mixed where the device computes in bfloat16 itself, else 32-true (there, bfloat16 is imitated and slower).

    Args:
        device: auto, cpu, cuda or mps. On the processors that can, a large convolutional net trains about twice as fast.
    """
    if device == "mps" or (device == "auto" and torch.backends.mps.is_available()):
        return "32-true"
    if device != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    # torch tells it for x86 alone, and in functions that it calls private
    asked = (getattr(torch.cpu, f"_is_{unit}_supported", None) for unit in ("avx512_bf16", "amx_tile"))
    return "bf16-mixed" if any(ask() for ask in asked if ask is not None) else "32-true"


def share(chunk: Tensor, rank: int, processes: int) -> tuple[list[int], int]:
    """This process's images of a batch and how many they are; one that is left with none borrows one, which counts 0.

    Every process has to go through the net, because the others wait for it.

    >>> share(torch.tensor([7, 8, 9]), 1, 2), share(torch.tensor([7]), 1, 2)
    (([8], 1), ([7], 0))
    """
    own = chunk[rank::processes].tolist()
    return own or chunk[:1].tolist(), len(own)


def share_statistics(model: nn.Module, engine: lightning.Fabric) -> None:
    """Average what batch normalisation counted in each process, so that all validate and save the same model."""
    if engine.world_size > 1:
        for buffer in model.buffers():
            if buffer.is_floating_point():
                buffer.copy_(engine.all_reduce(buffer, reduce_op="mean"))


def too_small(batch_size: int, frames: int, processes: int) -> bool:
    """Whether some batch leaves a process with a single image.

    >>> too_small(4, 9, 1), too_small(3, 9, 1), too_small(4, 12, 3)
    (True, False, True)
    """
    return any(size // processes < 2 for size in (min(batch_size, frames), frames % batch_size or batch_size))


def better_batch_size(batch_size: int, frames: int, processes: int) -> int | None:
    """The batch size nearest to this one that leaves no process with a single image; None where there is none.

    >>> better_batch_size(4, 9, 1), better_batch_size(8, 9, 1), better_batch_size(4, 1, 1)
    (3, 7, None)
    """
    sizes = [size for size in range(2, frames + 1) if not too_small(size, frames, processes)]
    return min(sizes, key=lambda size: (abs(size - batch_size), size), default=None)

"""Whatever pytest runs here, tests or notebooks under nbval, its kernels do not import torch anew."""

import warm_kernels


def pytest_configure() -> None:
    warm_kernels.use()

"""Monocular depth estimation, one notebook per method. Importing anything here has no side effect."""

__version__ = "0.1.0"

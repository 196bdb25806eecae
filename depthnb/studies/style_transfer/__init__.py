"""Notebook 08: what is measured of style transfer, its grid of variants, and the claims that are checked."""

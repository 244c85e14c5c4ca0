"""Engines that are judged alike: ours, the v3.0 formula, and the plain rule |z| > 2."""

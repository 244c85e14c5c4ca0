"""Benchmarks: how long each step takes, the whole, its growth and its latency, from one run."""

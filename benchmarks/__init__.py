"""Benchmarks: they measure, as ratios of medians inside one run, and judge nothing. `make bench` runs them all."""

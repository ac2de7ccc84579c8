"""Programs that compare the platform with what people would use instead, in one run on one machine.

`make bench` runs them all, prints a table, and writes `benchmarks/out/results.json`. Times mean nothing by
themselves; ratios of interleaved pairs do. Made files are kept in VRU_BENCH_DATA (default: in the user's cache).
"""

"""Programs, not tests: benchmarks, captures, demo, mutation."""

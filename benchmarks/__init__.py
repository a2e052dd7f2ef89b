"""Speed and size, measured by hand rather than in timed tests: `python -m benchmarks.loop`."""

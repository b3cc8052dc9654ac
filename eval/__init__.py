"""Is it any good? Cases, metrics, a gate and a report."""

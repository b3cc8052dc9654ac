"""Whether a run is good enough: thresholds, baseline, conclusion."""

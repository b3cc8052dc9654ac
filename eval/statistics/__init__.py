"""Intervals, paired tests and agreement with people."""

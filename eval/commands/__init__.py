"""The commands below `footnote eval`."""

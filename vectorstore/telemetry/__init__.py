"""What an operator sees of Footnote while it runs: figures, lines, traces. Off, it costs nothing and loads nothing."""

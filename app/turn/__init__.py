"""One question and its answer, from retrieval to the last event."""

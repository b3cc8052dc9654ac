"""What is kept of people: shown to them, erased, or held for a court."""

"""Whether what people ask is still what was evaluated, and how it goes: drift, topics, shares, cases to review."""

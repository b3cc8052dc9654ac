"""What a question and a claim say, without a model: facts, amounts, readings, and what Footnote says itself."""

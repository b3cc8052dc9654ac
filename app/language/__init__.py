"""What a text says, without a model: words, sentences, facts, and what a question asks for."""

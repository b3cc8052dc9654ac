"""What a word, a sentence and a mark is: one definition for retrieval, cutting, answering, checking and evaluation."""

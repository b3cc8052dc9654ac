"""What is asked: follow-ups made to stand alone, parts, small talk, what to ask next."""

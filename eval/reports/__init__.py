"""What a reviewer reads: terminal, page, Markdown, JUnit, annotations."""

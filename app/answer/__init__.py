"""Three ways to write an answer: extractive, an OpenAI-compatible server, LangChain."""

"""Data only: a folder for each model, read by `vectorstore/minilm_files.py`."""

"""Data only: a folder for each model, read by `vectorstore/models/files.py`."""

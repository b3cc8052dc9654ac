"""Backups of everything, and the way back: taken, kept as blobs beside manifests, put back whole or not at all."""

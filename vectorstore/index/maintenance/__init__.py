"""Maintenance: verify, erase, back up, reembed."""

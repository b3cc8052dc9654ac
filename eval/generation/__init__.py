"""Test cases from a team's own documents."""

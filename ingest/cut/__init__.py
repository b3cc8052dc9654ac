"""Text cut into chunks along its structure."""

"""What was asked, read and changed, by whom: written down so that nobody can change it unnoticed."""

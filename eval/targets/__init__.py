"""What is evaluated: the turn in process, a server, recorded answers."""

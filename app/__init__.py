"""A question in, a cited answer out: the service and the command line."""

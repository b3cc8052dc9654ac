"""A question in, a cited answer out: the service and the command line."""

__version__ = "0.1.0"

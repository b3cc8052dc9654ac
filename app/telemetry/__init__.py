"""What an operator sees: what is counted and logged of requests and answers, and gauges."""

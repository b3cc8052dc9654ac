"""One file a group of routes: each translates a request into a call and its outcome into a response."""

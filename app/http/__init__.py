"""Over HTTP: who may call, what a request becomes, how a stream is sent."""

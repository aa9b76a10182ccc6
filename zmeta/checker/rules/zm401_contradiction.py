"""Two conventions contradict each other."""

"""Steps: what one is, the graph of them, those that zmeta knows (a folder per convention), and those of users."""

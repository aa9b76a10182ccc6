"""`zmeta check`: rules over the nodes of a tree, and findings with their place in the file."""

"""One of two values is the other with its fraction cut off."""

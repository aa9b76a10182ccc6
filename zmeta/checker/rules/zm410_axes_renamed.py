"""The file and the reader name the axes differently."""

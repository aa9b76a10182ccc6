"""Steps of dacapo."""

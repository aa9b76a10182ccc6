"""One rule, one file: what it finds, why that matters, an example and the way out; `registry.py` lists them."""

"""The one in-memory model that every convention decodes to and encodes from, and the units it speaks."""

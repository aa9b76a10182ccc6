"""Steps of OME-NGFF."""

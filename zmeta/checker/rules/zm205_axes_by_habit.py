"""Axis names are not stated and are taken from the habit of the convention."""

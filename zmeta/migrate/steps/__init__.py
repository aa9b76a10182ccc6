"""The steps that zmeta knows: one file each, in a folder per convention, all listed in `registry`."""

"""One phenomenon of institutional flow per module."""

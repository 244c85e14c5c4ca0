"""The commands of `ifd`, one module each."""

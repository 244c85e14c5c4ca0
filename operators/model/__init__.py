"""The vocabulary shared by core and edges."""

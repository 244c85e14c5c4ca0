"""Laws that every operator and the chain of them keep."""

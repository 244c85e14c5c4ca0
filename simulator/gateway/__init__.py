"""A live gateway on loopback that speaks to the unmodified client."""

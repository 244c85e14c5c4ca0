"""The write-ahead log of a feed: everything it brought, before anything was made of it."""

"""A loopback endpoint that answers Databento's historical client over HTTPS."""

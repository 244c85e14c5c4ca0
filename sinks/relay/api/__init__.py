"""The REST API and what else the relay process serves over HTTP."""

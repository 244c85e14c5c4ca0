"""The relay: what dashboards and programs connect to."""

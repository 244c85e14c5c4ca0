"""Settings: one pydantic-settings class over the components' own configs."""

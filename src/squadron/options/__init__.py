"""All options: each defined once with type, default, unit and help text."""

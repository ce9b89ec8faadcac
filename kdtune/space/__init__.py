"""The search space: read from YAML, checked by a schema, resolved into what is searched and what is fixed."""

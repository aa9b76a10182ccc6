"""JSON Schemas: one offline catalog by `$id`, and validation that turns errors into findings."""

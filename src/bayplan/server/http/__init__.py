"""HTTP: routes, parsing, responses, errors and the OpenAPI document."""

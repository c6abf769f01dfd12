"""A file a claim, each with its TEMPLATE. `service.studies.registry` finds them."""

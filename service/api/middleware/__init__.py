"""What stands around every endpoint, outermost first. `service.api.app` puts them together."""

"""What the service tells of itself while it runs: lines of the log, what is counted, and spans of
traces. `service.api.metrics` shows what was counted; docs/operations.md says how to read it all."""

"""From one release to the next while the service runs, and back."""

"""The whole service on one bare machine: SQLite, a private broker, and the processes, started,
watched and stopped together. Production starts the same processes by other means."""

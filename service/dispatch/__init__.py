"""Keeps jobs moving: announces queued jobs to the workers (relay) and takes jobs from workers
that fell silent (reaper). Holds no state of its own; any number of these may run."""

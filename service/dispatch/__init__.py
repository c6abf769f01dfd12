"""Keeps things moving: announces queued jobs to the workers (relay), takes jobs from workers that
fell silent (reaper), posts the sweeps of studies and concludes (conductor). Holds no state of its
own; any number of these may run."""

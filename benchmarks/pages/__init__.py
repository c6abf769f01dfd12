"""How soon the pages of large jobs and sweeps can be used, and how soon they show what is new."""

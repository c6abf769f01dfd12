"""Does the work: claims jobs, trains them in a process of their own, records what was measured.

Celery is only the shell: a message wakes a worker, the database says what there is to do.
"""

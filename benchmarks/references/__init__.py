"""The same jobs by other means, each as its users would write it: relu networks on digits, SGD,
batches of 64 in a fresh order each epoch, float32, no probe and no evaluation.

Each module has `run(specs)`, which trains all specs to their end. What a module needs beyond the
project's own environment stands in benchmarks/requirements.txt.
"""

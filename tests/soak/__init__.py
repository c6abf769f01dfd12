"""Constant load for long: whether memory, open files, connections and latency stay as they are."""

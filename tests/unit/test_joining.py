"""Parquet files are joined without threads of Arrow's, which abort a process at its end now and
then. In a process of its own, for a thread that is there once stays."""

import subprocess
import sys

_JOINS = """
import io, os
import pyarrow
from pyarrow import parquet
from service.exports import join_parquet

def threads():
    return {
        task for task in os.listdir("/proc/self/task")
        if "jemalloc" not in open(f"/proc/self/task/{task}/comm").read()
    }

part, whole = io.BytesIO(), io.BytesIO()
parquet.write_table(pyarrow.table({"epoch": list(range(5000)), "loss": [0.5] * 5000}), part)
before = threads()
join_parquet([({"job": name}, part.getvalue()) for name in "abc"], ["job"], whole)
assert threads() == before, threads() - before
whole.seek(0)
print(parquet.read_table(whole).num_rows, flush=True)
assert threads() > before, "Arrow has no threads that one could see here"
os._exit(0)
"""


def test_parquet_files_are_joined_without_threads_of_arrows() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _JOINS], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "15000\n"), done.stderr

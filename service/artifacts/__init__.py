"""What is kept in an object store instead of the database: uploads, final weights, checkpoints.

The database owns the truth. Before an object is written it is registered there, and the row that
needs it names it after it was written: so a row names no object that was not there, and no object
is forgotten, whoever is killed in between. Nothing talks to the store while a transaction is open.
"""

from service.artifacts.keeping import put, read, register
from service.artifacts.store import Store
from service.artifacts.sweeping import SWEEP_EVERY_S, sweep, sweep_all

__all__ = ["SWEEP_EVERY_S", "Store", "put", "read", "register", "sweep", "sweep_all"]

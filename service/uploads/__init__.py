"""Files into data sets: CSV, Parquet and NPZ, read with suspicion. Knows no HTTP and no SQL, and
no numpy: the service that takes uploads has none."""

from service.uploads.forms import CSV, FORMS, NPZ, PARQUET, read
from service.uploads.normal import Prepared, Wanted

__all__ = ["CSV", "FORMS", "NPZ", "PARQUET", "Prepared", "Wanted", "read"]

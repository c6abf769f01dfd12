"""The kinds of files, and the one way from any of them to a data set."""

from collections.abc import Callable, Mapping

from service.domain.errors import UploadRefused
from service.domain.limits import Limits
from service.uploads.csv_file import read_csv
from service.uploads.normal import Prepared, Wanted, prepare
from service.uploads.npz_file import read_npz
from service.uploads.parquet_file import read_parquet
from service.uploads.table import Table

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
NPZ = "application/x-npz"

FORMS: Mapping[str, Callable[[bytes, Wanted, Limits], Table]] = {
    CSV: read_csv,
    PARQUET: read_parquet,
    NPZ: read_npz,
}
"""By media type."""


def read(form: str, raw: bytes, wanted: Wanted, limits: Limits) -> Prepared:
    """The data set in the file. Raises UploadRefused, and FormatUnavailable for Parquet without
    pyarrow."""
    if not raw:
        raise UploadRefused("The file is empty.")
    return prepare(FORMS[form](raw, wanted, limits), wanted)

#!/bin/sh
# The last step of every image (see Dockerfile): our own wheel over the packages that are there.
# Whatever differs between two builds of one source is made the same: byte code is checked by
# nothing but its name, and every file has one time.
set -eu
place=/opt/subgrad
python -m pip --python "$place/bin/python" install --no-deps --force-reinstall /wheels/*.whl
if [ "${1:-}" = --with-kernel ]; then
  # For every processor that it is written for. Not from /src, whose package is not the installed one.
  (cd / && PYTHONDONTWRITEBYTECODE=1 "$place/bin/python" -m workers.training.native --all)
fi
# uvloop's wheel alone has 12 MB for debuggers. What auditwheel has put into .libs, it has edited: that
# stays as it is, as does torch.
find "$place/lib" -name '*.so' ! -path '*.libs/*' ! -path '*/torch/*' -exec strip --strip-debug {} +
# Some packages hold files for other versions of Python; they stay without byte code.
"$place/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$place/lib" || true
find "$place" -exec touch --no-dereference --date=@0 {} +

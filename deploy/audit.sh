#!/bin/sh
# Looks every locked package up in the public database of advisories.
#   audit.sh PIP_AUDIT   0: none is known; 1: some are; 2: the database cannot be reached from here,
#                        which with AUDIT_OPTIONAL=1 is told as loudly and is no failure
set -u
# A server that takes the question and never answers is not waited for.
bound=$(command -v timeout > /dev/null && echo "timeout 300")
told=$($bound "$1" --requirement requirements.lock --disable-pip --no-deps --progress-spinner off \
  --timeout 10 2>&1)
ended=$?
# A mirror that has packages and no advisories answers that it knows none of them: that is no audit.
unknown=$(printf '%s\n' "$told" | grep -c "could not be audited")
printf '%s\n' "$told" | grep -v "could not be audited" | tail -n 60
case $told in *"Found "*" known vulnerabilit"*) exit 1 ;; esac
[ "$ended" = 0 ] && [ "$unknown" = 0 ] && exit 0
echo "NOT AUDITED: the database of advisories cannot be reached from here (packages that it did not" \
  "know: $unknown). Nobody has looked at these." >&2
[ "${AUDIT_OPTIONAL:-}" = 1 ] && exit 0
exit 2

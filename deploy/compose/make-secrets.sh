#!/bin/sh
# Makes the secrets of this installation that are not there yet; those that are stay as they are.
#   make-secrets.sh DATABASE_FOLDER GRAFANA_FOLDER METRICS_FOLDER
# Whoever mounts a folder can read its secret; nobody else can, and none stands in an environment.
set -eu
database=$1 grafana=$2 metrics=$3

secret() { python -c 'import secrets; print(secrets.token_urlsafe(32), end="")'; }
# Into its place with its rights, whole or not at all.
keep() { # FILE MODE, the content from standard input
  (umask 077 && cat > "$1.new") && chmod "$2" "$1.new" && mv "$1.new" "$1"
}

# PostgreSQL reads this one as another user.
[ -e "$database/password" ] || secret | keep "$database/password" 0444
# The client's form of it: libpq wants it to be readable by nobody else.
printf '*:*:*:*:%s\n' "$(cat "$database/password")" | keep "$database/pgpass" 0600
[ -e "$grafana/password" ] || secret | keep "$grafana/password" 0444
# Prometheus shows it to the API; it opens /metrics and nothing else.
[ -e "$metrics/key" ] || secret | keep "$metrics/key" 0444

#!/bin/sh
# Installs the missing Debian packages of the named groups of packages.txt (default: build).
# With everything in place it does nothing and needs no network. On a terminal it asks first.
# usage: scripts/setup.sh [GROUP]...
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- build

command -v dpkg-query > /dev/null || {
  echo "setup: this is no Debian system; install what scripts/packages.txt names by hand" >&2
  exit 1
}
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
missing=
for group; do
  grep -q "^$group " "$here/packages.txt" || { echo "setup: no group '$group'" >&2; exit 2; }
  while read -r g package command; do
    [ "$g" = "$group" ] || continue
    if [ -n "$command" ] && command -v "$command" > /dev/null; then continue; fi
    printf '%s\n' "$installed" | grep -qxF "$package" || missing="$missing $package"
  done < "$here/packages.txt"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo > /dev/null || { echo "setup: needs root or sudo to install:$missing" >&2; exit 1; }
  sudo=sudo
fi
if [ -t 0 ] && [ -t 2 ]; then
  printf 'Install these Debian packages with apt-get?%s [Y/n] ' "$missing" >&2
  read -r answer
  case $answer in [nN]*) echo "setup: nothing installed" >&2; exit 1 ;; esac
fi
echo "setup: installing$missing" >&2

# The log is shown only when something goes wrong.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 "$@" < /dev/null > "$log" 2>&1; }
apt update || { cat "$log" >&2; echo "setup: apt-get update failed" >&2; exit 1; }
# shellcheck disable=SC2086
apt install --no-install-recommends $missing || {
  cat "$log" >&2
  echo "setup: apt-get install failed" >&2
  exit 1
}

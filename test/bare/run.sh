#!/bin/bash
# Tries demo.sh and test.sh of the committed state on a bare Debian 12: debootstrap's minbase and
# nothing else, in a chroot, with this machine's settings for apt, pip and npm. Needs root,
# debootstrap and a package mirror; not part of ctest.
#   usage: test/bare/run.sh FOLDER [demo|test|shared]...
# demo: ./demo.sh twice; test: ./test.sh without reference data; shared: ./test.sh with the data of
# $RECAST_SHARED (default ../shared), then ./test.sh --run. Default: all three, in this order.
# With $RECAST_ORACLES set, the shared step borrows the runtimes in that folder and installs none.
# FOLDER (about 5 GB) is kept: a second run starts from a fresh copy of the same bare system.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
shared=$(realpath -m "${RECAST_SHARED:-$repository/../shared}")
folder=${1:?FOLDER}
shift
[ $# -gt 0 ] || set -- demo test shared

# Mounts live in a namespace of their own and vanish with it.
if [ -z "${BARE_UNSHARED:-}" ]; then
  BARE_UNSHARED=1 exec unshare --mount --propagation private "$0" "$folder" "$@"
fi

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
base=$folder/minbase root=$folder/root
[ -e "$base/etc/debian_version" ] || debootstrap --variant=minbase bookworm "$base" > "$folder/debootstrap.log"
rm -rf --one-file-system "$root"
cp -a "$base" "$root"

# What tells the package clients where to look and whom to trust.
for path in /etc/apt /etc/ssl/certs /usr/local/share/ca-certificates /usr/share/ca-certificates \
  /etc/pip.conf /etc/xdg/pip /etc/npmrc /usr/etc/npmrc /root/.npmrc /root/.config/pip \
  /etc/resolv.conf /etc/hosts; do
  [ -e "$path" ] || continue
  mkdir -p "$root${path%/*}"
  cp -aT "$path" "$root$path"
done
keep=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
while IFS= read -r -d '' setting; do
  case $setting in
    PIP_* | NODE_EXTRA_CA_CERTS=* | SSL_CERT_* | *_proxy=* | *_PROXY=*) keep+=("$setting") ;;
  esac
done < <(env -0)
mkdir -p "$root/recast/shared" "$root/opt"
git clone -q --no-hardlinks "$repository" "$root/recast/recast"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
[ ! -d /opt ] || mount --bind /opt "$root/opt"  # local package files

within() {  # within COMMAND: runs it in the clone, prints its time and status
  local began=$SECONDS code=0
  env -i "${keep[@]}" chroot "$root" /bin/sh -c "cd /recast/recast && $1" < /dev/null || code=$?
  echo "== bare: $1: exit $code, $((SECONDS - began)) s"
  [ $code = 0 ] || failed=1
}
failed=0
for step; do
  case $step in
    demo) within ./demo.sh; within ./demo.sh ;;
    test) within ./test.sh ;;
    shared)
      mount --bind "$shared" "$root/recast/shared"
      if [ -n "${RECAST_ORACLES:-}" ]; then
        mkdir -p "$root/root/.cache/recast/oracles"
        mount --bind "$RECAST_ORACLES" "$root/root/.cache/recast/oracles"
      fi
      within "CI=true ./test.sh"
      within "unshare --net ./test.sh --run" ;;
    *) echo "no step $step" >&2; exit 2 ;;
  esac
done
exit $failed

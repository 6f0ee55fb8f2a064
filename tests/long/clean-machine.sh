#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The two commands of the README on a machine that has nothing: a fresh Debian 12 tree, entered with namespaces of its own
# for mounts and processes. As root: tests/long/clean-machine.sh [COMMAND …], by default ./up and then ./test. Takes half an hour.
#
# The tree is $TREE (/tmp/freehold-tree) and is made anew when it is not there; remove it for another first time. It shares the
# machine's network and Debian's package sources, nothing else.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
tree=${TREE:-/tmp/freehold-tree}
commands=("$@")
[ ${#commands[@]} -gt 0 ] || commands=("./up" "./test")

# apt knows where packages come from; debootstrap wants it said.
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}')}
if [ ! -d "$tree/etc" ]; then
  command -v debootstrap >/dev/null || { echo "clean-machine: install the package debootstrap" >&2; exit 1; }
  debootstrap --variant=minbase bookworm "$tree" "$mirror" >/tmp/freehold-tree.log 2>&1 || { tail -n 5 /tmp/freehold-tree.log >&2; exit 1; }
fi
cp /etc/resolv.conf "$tree/etc/resolv.conf"
# A network that answers with certificates of its own: the machine knows them, and says it to npm.
if [ -d /usr/local/share/ca-certificates ]; then cp -r /usr/local/share/ca-certificates "$tree/usr/local/share/"; fi
npm_settings=$(npm config get globalconfig 2>/dev/null || true)
if [ -e "$npm_settings" ]; then mkdir -p "$tree/usr/etc" && cp "$npm_settings" "$tree/usr/etc/npmrc" && cp "$npm_settings" "$tree/etc/npmrc"; fi
rm -rf "$tree/root/freehold"
git clone -q "$here" "$tree/root/freehold"

# pivot_root rather than chroot: inside a chroot nobody may make user namespaces, so no sandbox would work.
cat >"$tree/root/enter" <<'ENTER'
set -e
tree=$1; shift
mount --make-rprivate /
mount --bind "$tree" "$tree"
cd "$tree"
mkdir -p proc sys dev tmp old
mount --rbind /dev dev
mount --rbind /sys sys
mount -t tmpfs -o mode=1777 tmpfs tmp
pivot_root . old
mount -t proc proc /proc
umount -l /old
cd /root/freehold
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
if command -v update-ca-certificates >/dev/null; then update-ca-certificates >/dev/null 2>&1; fi
for command in "$@"; do
  echo "== $command"
  bash -c "$command" </dev/null
done
ENTER
exec env -i ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS=$NODE_EXTRA_CA_CERTS} ${http_proxy:+http_proxy=$http_proxy} ${https_proxy:+https_proxy=$https_proxy} TERM=dumb PATH="$PATH" \
  unshare --mount --pid --fork --kill-child bash "$tree/root/enter" "$tree" "${commands[@]}"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The limits where cgroup v2 has memory, processes and cpu, as on a server of today: Debian's own kernel in an emulated machine,
# for those whose machine has cgroup v1. As root: tests/long/cgroup2.sh. Takes five minutes: the processor is emulated too.
#
# It needs qemu-system-x86, busybox-static, cpio and e2fsprogs, and the tree that tests/long/clean-machine.sh leaves ($TREE), whose
# copy the machine starts from. What runs there are the tests of the limits and of the sandbox, from build/; npm is too slow there for
# tests of whole builds. Two tests of the sandbox have clocks that an emulated processor does not keep (a deadline, what dies with us);
# where they fail this ends with 1, and the lines above say which.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
tree=${TREE:-/tmp/freehold-tree}
[ -d "$tree/etc" ] || { echo "cgroup2: no tree in $tree; run tests/long/clean-machine.sh first" >&2; exit 1; }
for tool in qemu-system-x86_64 busybox cpio mke2fs; do
  command -v $tool >/dev/null || PATH=$PATH:/sbin command -v $tool >/dev/null || { echo "cgroup2: $tool is missing" >&2; exit 1; }
done
tests=(tests/unit/test_os_limits tests/unit/test_os_sandbox)
ninja -C build --quiet "${tests[@]}"

work=$(mktemp -d /var/tmp/freehold-vm-XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{debs,kernel,root,ird/bin,ird/dev,ird/proc,ird/mnt}

# The kernel: the one that Debian's package for clouds names, unpacked and not installed.
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
(cd "$work/debs" && apt-get download -q "$kernel" >/dev/null 2>&1) || { echo "cgroup2: $kernel could not be fetched" >&2; exit 1; }
dpkg -x "$work"/debs/*.deb "$work/kernel"

tar -C "$tree" --exclude=./{var/tmp,var/lib/freehold,var/cache,var/lib/apt,root,proc,sys,dev,old,tmp,run} --exclude=./usr/share/{doc,locale} \
  --exclude=./usr/lib/{llvm-14,chromium} -c . | tar -x -C "$work/root" || true
mkdir -p "$work"/root/{proc,sys,dev,tmp,run,root,var/tmp,var/lib/apt,opt/t}
chmod 1777 "$work"/root/tmp "$work"/root/var/tmp
for test in "${tests[@]}"; do cp "build/$test" "$work/root/opt/t/"; done
cat >"$work/root/opt/init" <<'INIT'
#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 FREEHOLD_TEST_PATIENCE=20
mount -t proc proc /proc; mount -t sysfs sys /sys; mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm; mount -t devpts pts /dev/pts; mount -t cgroup2 groups /sys/fs/cgroup
echo "+memory +pids +cpu" >/sys/fs/cgroup/cgroup.subtree_control
mount -o remount,rw /; ip link set lo up
uname -r
cd /tmp
for test in /opt/t/*; do
  echo "== ${test##*/}"
  "$test" 2>&1
  echo "== ${test##*/} ended with $?"
done
left=$(find /sys/fs/cgroup -mindepth 1 -type d -name 'freehold-*' | wc -l)
echo "== groups left behind: $left"
sync
echo o >/proc/sysrq-trigger
sleep 60
INIT
chmod +x "$work/root/opt/init"
PATH=$PATH:/sbin mke2fs -q -t ext4 -d "$work/root" "$work/disk" 6G >/dev/null

cp "$(command -v busybox)" "$work/ird/bin/"
find "$work/kernel/lib/modules" -name 'virtio*.ko' -exec cp {} "$work/ird/" \;
cat >"$work/ird/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs d /dev; /bin/busybox mount -t proc p /proc
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk
do /bin/busybox insmod /$m.ko
done
until [ -e /dev/vda ]; do /bin/busybox usleep 10000; done
/bin/busybox mount -t ext4 /dev/vda /mnt
/bin/busybox mount --move /dev /mnt/dev
exec /bin/busybox switch_root /mnt /opt/init
INIT
chmod +x "$work/ird/init"
(cd "$work/ird" && find . | cpio -o -H newc --quiet | gzip -1 >"$work/initrd")

timeout "${LIMIT:-1800}" qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 4096 -nographic -no-reboot -kernel "$work"/kernel/boot/vmlinuz-* \
  -initrd "$work/initrd" -append "console=ttyS0 panic=-1 quiet" -drive "file=$work/disk,format=raw,if=virtio" </dev/null | tee "$work/said"
ended=$(grep -a -c '^== test_.* ended with 0' "$work/said") || true
grep -a -q '^== groups left behind: 0' "$work/said" && [ "$ended" = ${#tests[@]} ] && { echo "cgroup2: ${#tests[@]} of ${#tests[@]} test programs passed"; exit 0; }
echo "cgroup2: $ended of ${#tests[@]} test programs passed, or groups were left behind" >&2
exit 1

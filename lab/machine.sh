#!/usr/bin/env bash
# Becomes systemd, the first process of a machine of its own: namespaces, on an overlay of this machine's files. What is
# written there is in memory, and gone with it. lab/machine.py runs this inside `unshare`.
#
#   lab/machine.sh DIRECTORY [FROM TO]...
#
# DIRECTORY is the same inside as outside. Each FROM is seen at TO as well, read-only, wherever it is mounted here.
set -euo pipefail
directory=$1
shift

base=$directory/base
root=$base/root
mkdir "$base"
mount -t tmpfs tmpfs "$base"
mkdir "$base/written" "$base/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$base/written,workdir=$base/work" overlay "$root"

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
for each in run tmp; do mount -t tmpfs tmpfs "$root/$each"; done

# The hierarchies that systemd takes, as they are here: one for all, or one of its own beside those of old.
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
    mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
    mkdir "$root/sys/fs/cgroup/systemd" "$root/sys/fs/cgroup/unified"
    mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
fi

bound() {
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
}
bound "$directory" "$directory"
while [ $# -gt 0 ]; do
    bound "$1" "$2"
    mount -o remount,bind,ro "$root$2"
    shift 2
done

# Nothing of this machine is started: only what is asked for.
rm -rf "$root"/etc/systemd/system/*
mkdir -p "$root/run/systemd/system"
printf '[Unit]\nDefaultDependencies=no\n' >"$root/run/systemd/system/nothing.target"

# Not chroot, in which nobody may make a namespace for users of its own (PrivateUsers=).
mkdir "$root/before"
cd "$root"
pivot_root . before
umount -l /before
mount --make-rshared / # what systemd mounts for one service (LoadCredential=) is mounted by a process of its own
ip link set lo up
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=nothing.target --show-status=no --log-target=console

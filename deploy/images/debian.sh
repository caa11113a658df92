#!/usr/bin/env bash
# Builds a tenant image from Debian packages: a compressed root file system in an initramfs, serial login, SSH server, cloud-init
# with the NoCloud data source. usage: debian.sh debian-12|debian-12-backports OUT_DIR KERNEL_DIR
# Leaves OUT_DIR/NAME/{vmlinuz,initrd,cmdline,kernel,packages}; does nothing when they are there, made by the same recipe, and this machine's
# apt knows no newer version of a package in them. An image that is there stays, and a warning is printed, when newer packages cannot be fetched.
# KERNEL_DIR is where kernel.sh keeps kernels. Root is not needed where user namespaces are.
set -euo pipefail
name=$1 out=$2/$1 kernels=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case $name in
    debian-12) kernel=cloud-6.1 ;;
    debian-12-backports) kernel=cloud-6.12 ;;
    *) echo "debian.sh: no image is called '$name'; there are debian-12, debian-12-backports" >&2; exit 2 ;;
esac
bash "$here/kernel.sh" "$kernel" "$kernels"

packages=systemd-sysv,udev,dbus,openssh-server,cloud-init,iproute2,systemd-resolved,iputils-ping,ca-certificates,less,nano,sudo,kmod,procps
# Drivers and file systems that the kernel must have, as modules or built in.
required="virtio_net virtio_blk nvme ext4 xfs vfat"
# shellcheck source=deploy/images/bookworm.sh
. "$here/bookworm.sh"
export SOURCE_DATE_EPOCH=1700000000

build() {
    bookworm_archives
    [ -n "$security" ] || echo "image $name is without Debian's security updates: this machine's apt has Debian from $mirror and no archive of bookworm-security; name one in its sources" >&3
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    local modules release
    modules=$(echo "$kernels/$kernel"/modules/*)
    release=${modules##*/}

    # Drivers of what a partition can own; a kernel's other modules would double the image.
    mkdir -p "$work/lib/modules/$release/kernel/drivers"
    (cd "$modules" && cp modules.builtin modules.builtin.modinfo modules.order "$work/lib/modules/$release/" &&
        cp -r --parents kernel/crypto kernel/lib kernel/net kernel/drivers/net/ethernet kernel/drivers/nvme kernel/drivers/virtio kernel/drivers/misc/pvpanic kernel/drivers/block/loop.ko \
            kernel/drivers/block/virtio_blk.ko kernel/fs/squashfs kernel/fs/overlayfs kernel/fs/autofs "$work/lib/modules/$release/" &&
        for part in kernel/drivers/net/*.ko kernel/fs/ext4 kernel/fs/jbd2 kernel/fs/xfs kernel/fs/fat kernel/fs/nls; do
            [ ! -e "$part" ] || cp -r --parents "$part" "$work/lib/modules/$release/"
        done)
    depmod -b "$work" "$release"
    for module in $required; do
        modinfo -b "$work" -k "$release" "$module" > /dev/null 2>&1 || { echo "debian.sh: kernel $release has no module $module, neither as a file that is copied nor built in; image $name needs it: mend the folders or 'required' in this script" >&2; return 1; }
    done

    mmdebstrap --quiet --variant=minbase --include="$packages" --format=tar \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --aptopt='Acquire::Languages "none"' \
        --customize-hook='rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id; : > "$1"/etc/machine-id' \
        --customize-hook='cp "'"$here"'/tenant/debian-cloud.cfg" "$1"/etc/cloud/cloud.cfg.d/90-osv.cfg' \
        --customize-hook='cp "'"$here"'/tenant/debian.network" "$1"/etc/systemd/network/80-osv.network' \
        --customize-hook='systemctl --root="$1" --quiet enable systemd-networkd; systemctl --root="$1" --quiet disable systemd-networkd-wait-online' \
        --customize-hook=': > "$1"/etc/fstab' \
        --customize-hook='mkdir "$1"/etc/systemd/system/serial-getty@ttyS0.service.d; cp "'"$here"'/tenant/debian-getty.conf" "$1"/etc/systemd/system/serial-getty@ttyS0.service.d/osv.conf' \
        --customize-hook='mkdir -p "$1"/etc/systemd/system.conf.d; cp "'"$here"'/tenant/debian-systemd.conf" "$1"/etc/systemd/system.conf.d/osv.conf' \
        --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/boot/*' \
        --customize-hook="copy-in $work/lib/modules /usr/lib" \
        bookworm "$work/root.tar" "deb [signed-by=$keyring] $mirror bookworm main" ${security:+"deb [signed-by=$keyring] $security bookworm-security main"} > /dev/null
    tar -xOf "$work/root.tar" ./var/lib/dpkg/status | awk '$1 == "Package:" { name = $2 } $1 == "Version:" { print name, $2 }' > "$work/packages"
    mkdir -p "$work/initrd/bin" "$work/initrd/modules"
    tar2sqfs --quiet --compressor zstd --comp-extra level=12 --num-jobs 2 "$work/initrd/root.squashfs" < "$work/root.tar"
    cp /bin/busybox "$work/initrd/bin/busybox"
    cp "$here/tenant/debian-init" "$work/initrd/init"
    cp "$modules"/kernel/drivers/block/loop.ko "$modules"/kernel/fs/squashfs/squashfs.ko "$modules"/kernel/fs/overlayfs/overlay.ko "$work/initrd/modules/"
    chmod 755 "$work/initrd" "$work/initrd"/* "$work/initrd/bin/busybox"
    find "$work/initrd" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

    mkdir -p "$out"
    (cd "$work/initrd" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | cpio --quiet --reproducible --owner=0:0 -o -H newc) > "$out/initrd.part"
    mv "$out/initrd.part" "$out/initrd"
    cp "$kernels/$kernel/vmlinuz" "$out/vmlinuz"
    printf 'console=ttyS0 quiet systemd.show_status=0\n' > "$out/cmdline"
    cp "$kernels/$kernel/package" "$out/kernel"
    cp "$work/packages" "$out/packages"
    printf '%s\n' "$recipe" > "$out/recipe"
}

recipe=$(cat "$here/debian.sh" "$here/bookworm.sh" "$here"/tenant/debian-* /bin/busybox | sha256sum | cut -d ' ' -f 1)
# Where warnings go; what else is said may be kept back.
exec 3>&1
if [ "$(cat "$out/recipe" 2>/dev/null)" != "$recipe" ]; then
    build
    exit
fi
bookworm_known "$(cd "$kernels" && pwd)/index"
newer=$({ cmp -s "$kernels/$kernel/package" "$out/kernel" || cat "$kernels/$kernel/package"; } && bookworm_newer "$out/packages")
[ -n "$newer" ] || exit 0
set +e
errors=$(set -e; build 2>&1)
failed=$?
set -e
[ $failed = 0 ] || echo "image $name stays as it is: newer packages are out, such as ${newer%%$'\n'*}, but it cannot be built: $(grep -m 1 -E '^(E|debian.sh):' <<<"$errors" || tail -n 1 <<<"$errors")"

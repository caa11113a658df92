#!/usr/bin/env bash
# Fetches a stock Debian kernel from its package, unchanged. usage: kernel.sh cloud-6.1|cloud-6.12|generic-6.12 OUT_DIR
# Leaves OUT_DIR/NAME/vmlinuz, and beside it its modules as plain .ko files; does nothing when they are there already.
set -euo pipefail
name=$1 out=$2/$1
[ ! -s "$out/vmlinuz" ] || exit 0
case $name in
    cloud-6.1) meta=linux-image-cloud-amd64 series=6.1 ;;
    cloud-6.12) meta=linux-image-cloud-amd64 series=6.12 ;;
    generic-6.12) meta=linux-image-amd64 series=6.12 ;;
    *) echo "kernel.sh: no kernel is called '$name'; there are cloud-6.1, cloud-6.12, generic-6.12" >&2; exit 2 ;;
esac
# shellcheck source=deploy/images/bookworm.sh
. "$(dirname "${BASH_SOURCE[0]}")/bookworm.sh"
mkdir -p "$2"
bookworm_index "$(cd "$2" && pwd)/index"
package=$(apt-cache "${apt_options[@]}" show -a "$meta" | awk -v series="$series" '
    $1 == "Version:" { keep = index($2, series ".") == 1 }
    $1 == "Depends:" && keep { print $2; exit }' | tr -d ,)
[ -n "$package" ] || { echo "kernel.sh: bookworm and bookworm-backports have no $meta of series $series any more: this script must name another" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
# Run by root, apt warns that it cannot download into this folder as its own user.
(cd "$work" && apt-get "${apt_options[@]}" download "$package" 2> "$work/errors") || { cat "$work/errors" >&2; exit 1; }
dpkg-deb -x "$work"/*.deb "$work/tree"
find "$work/tree" -name '*.ko.xz' -exec xz -d -T1 {} +
rm -rf "$out"
mkdir -p "$out"
mv "$work"/tree/*lib/modules "$out/modules" 2>/dev/null || mv "$work"/tree/usr/lib/modules "$out/modules"
cp "$work"/tree/boot/vmlinuz-* "$out/vmlinuz.part"
mv "$out/vmlinuz.part" "$out/vmlinuz"

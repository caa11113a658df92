#!/usr/bin/env bash
# Fetches a stock Debian kernel from its package, unchanged. usage: kernel.sh cloud-6.1|cloud-6.12|generic-6.12 OUT_DIR
# Leaves OUT_DIR/NAME/{vmlinuz,package}, and beside them its modules as plain .ko files; does nothing when they are there and this
# machine's apt knows no newer ones. A kernel that is there stays, and a warning is printed, when a newer one cannot be fetched.
set -euo pipefail
name=$1 out=$2/$1
case $name in
    cloud-6.1) meta=linux-image-cloud-amd64 series=6.1 ;;
    cloud-6.12) meta=linux-image-cloud-amd64 series=6.12 ;;
    generic-6.12) meta=linux-image-amd64 series=6.12 ;;
    *) echo "kernel.sh: no kernel is called '$name'; there are cloud-6.1, cloud-6.12, generic-6.12" >&2; exit 2 ;;
esac
# shellcheck source=deploy/images/bookworm.sh
. "$(dirname "${BASH_SOURCE[0]}")/bookworm.sh"
mkdir -p "$2"
index=$(cd "$2" && pwd)/index

newest() { # prints package and version of the series' newest kernel that apt has, if any
    { apt-cache "${apt_options[@]}" show -a "$meta" 2>/dev/null || true; } | awk -v series="$series" '
        $1 == "Version:" { version = $2; keep = index(version, series ".") == 1 }
        $1 == "Depends:" && keep && !found { sub(",", "", $2); print $2, version; found = 1 }'
}

fetch() {
    bookworm_index "$index"
    local found
    found=$(newest)
    [ -n "$found" ] || { echo "kernel.sh: bookworm and bookworm-backports have no $meta of series $series any more: this script must name another" >&2; return 1; }
    # A mirror may be behind what this machine's apt has heard of.
    [ "$found" != "$have" ] || return 0
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    # Run by root, apt warns that it cannot download into this folder as its own user.
    (cd "$work" && apt-get "${apt_options[@]}" download "${found% *}" 2> "$work/errors") || { cat "$work/errors" >&2; return 1; }
    dpkg-deb -x "$work"/*.deb "$work/tree"
    find "$work/tree" -name '*.ko.xz' -exec xz -d -T1 {} +
    rm -rf "$out"
    mkdir -p "$out"
    mv "$work"/tree/*lib/modules "$out/modules" 2>/dev/null || mv "$work"/tree/usr/lib/modules "$out/modules"
    printf '%s\n' "$found" > "$out/package"
    cp "$work"/tree/boot/vmlinuz-* "$out/vmlinuz.part"
    mv "$out/vmlinuz.part" "$out/vmlinuz"
}

have=
if [ ! -s "$out/vmlinuz" ]; then
    fetch
    exit
fi
have=$(cat "$out/package" 2>/dev/null || true)
bookworm_known "$index"
known=$(newest)
[ -n "$known" ] && dpkg --compare-versions "${known#* }" gt "${have#* }" || exit 0
set +e
errors=$(set -e; fetch 2>&1)
failed=$?
set -e
[ $failed = 0 ] || echo "kernel $name stays ${have:-as it is}: $known is out, but it cannot be fetched: ${errors##*$'\n'}"

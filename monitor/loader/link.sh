#!/usr/bin/env bash
# Turns the loader's IL into a flat image for its place in partition 0. usage: link.sh ASSEMBLY ILC_PACKAGE OUT_DIR
set -euo pipefail
assembly=$1 ilc_package=$2 out=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$assembly" "$work/Osv.Loader.dll"
cd "$work"
bash "$here/../boot/ilc.sh" Osv.Loader.dll "$ilc_package" managed.o
for source in "$here/entry.asm" "$here/../boot/long/runtime.asm"; do
  nasm -f elf64 -I "$here/../boot/" -o "$(basename "$source" .asm).o" "$source"
done
ld -n -static -z noexecstack --no-warn-rwx-segments -nostdlib -T "$here/loader.ld" -o loader.elf entry.o runtime.o managed.o
objcopy -O binary loader.elf loader.bin
mv loader.bin "$out/loader.bin"

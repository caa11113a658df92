#!/usr/bin/env bash
# Turns the attacker's IL into a flat image for guest address 2 MiB. usage: link.sh ASSEMBLY ILC_PACKAGE OUT_DIR
set -euo pipefail
assembly=$1 ilc_package=$2 out=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
monitor=$here/../../../../monitor/boot
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$assembly" "$work/Osv.Ring0.Attacker.dll"
cd "$work"
bash "$monitor/ilc.sh" Osv.Ring0.Attacker.dll "$ilc_package" managed.o
objects=(managed.o)
for source in "$here"/*.asm "$monitor/long/runtime.asm"; do
  object=$(basename "$source" .asm).o
  nasm -f elf64 -I "$here/" -I "$monitor/" -o "$object" "$source"
  objects+=("$object")
done
ld -n -static -z noexecstack --no-warn-rwx-segments -nostdlib -T "$here/attacker.ld" -o attacker.elf "${objects[@]}"
constructors=$(nm attacker.elf | grep '___cctor' || true)
[ -z "$constructors" ] || { echo "attacker: static constructors never run in ring 0: $constructors" >&2; exit 1; }
objcopy -O binary attacker.elf attacker.bin
mv attacker.bin attacker.elf "$out/"

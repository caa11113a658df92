#!/usr/bin/env bash
# Turns the monitor's IL into the boot image: ilc, nasm, ld, objcopy; the guards look at what each is given or has made.
# usage: link.sh ASSEMBLY ILC_PACKAGE BOOT_DIR OUT_DIR GUARDS
set -euo pipefail
assembly=$1 ilc_package=$2 boot=$3 out=$4 guards=$5
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$assembly" "$work/Osv.Monitor.dll"
cd "$work"
dotnet "$guards" il Osv.Monitor.dll

bash "$boot/ilc.sh" Osv.Monitor.dll "$ilc_package" managed.o

objects=()
for source in "$boot"/long/*.asm; do
  object=$(basename "$source" .asm).o
  nasm -f elf64 -I "$boot/" -o "$object" "$source"
  objects+=("$object")
done
dotnet "$guards" objects managed.o "${objects[@]}"
ld -n -static -z noexecstack --no-warn-rwx-segments -nostdlib -T "$boot/monitor.ld" -o monitor.elf managed.o "${objects[@]}"
objcopy -O binary monitor.elf monitor.bin
dotnet "$guards" image monitor.elf monitor.bin

bin_size=$(stat -c %s monitor.bin)
symbol() { nm monitor.elf | awk -v s="$1" '$3 == s { print "0x" $1 }'; }
nasm -f bin -I "$boot/" -DPAYLOAD_BYTES="$bin_size" -DIMAGE_END="$(symbol __image_end)" -o setup.bin "$boot/setup.asm"
cat setup.bin monitor.bin > osv-monitor.img
mv osv-monitor.img monitor.elf "$out/"

#!/usr/bin/env bash
# Compiles a freestanding assembly, which is its own base library, ahead of time. usage: ilc.sh ASSEMBLY ILC_PACKAGE OBJECT
set -euo pipefail
assembly=$1 ilc_package=$2 object=$3
ilc=$ilc_package/tools/ilc
run_ilc=("$ilc")
[ -f "$ilc" ] || run_ilc=(dotnet "$ilc_package/tools/ilc.dll")
if [ -f "$ilc" ] && [ ! -x "$ilc" ]; then
  tools=$(mktemp -d)
  trap 'rm -rf "$tools"' EXIT
  cp -r "$ilc_package/tools" "$tools"
  chmod +x "$tools/tools/ilc"
  run_ilc=("$tools/tools/ilc")
fi
"${run_ilc[@]}" "$assembly" -o:"$object" --systemmodule:"$(basename "$assembly" .dll)" --nativelib -O \
  --targetos:linux --targetarch:x64 --instruction-set:base --reflectiondata:none

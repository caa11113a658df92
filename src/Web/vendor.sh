#!/usr/bin/env bash
# Fetches the browser libraries of the console from the npm registry, at exactly these versions and hashes, into wwwroot/lib. The files are
# committed; run this only to change a version.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

take() { # take PACKAGE@VERSION SHA512 FOLDER FILE...
    local package=$1 integrity=$2 folder=wwwroot/lib/$3 archive
    shift 3
    archive=$work/$(cd "$work" && npm pack --silent "$package")
    [ "sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w0)" = "$integrity" ] || { echo "vendor: $package is not what it was: expected $integrity" >&2; exit 1; }
    mkdir -p "$folder"
    for file in "$@"; do tar -xzOf "$archive" "package/$file" > "$folder/$(basename "$file")"; done
    # Source maps are not shipped, so nothing may ask for them.
    sed -i '/^\/[/*]# sourceMappingURL=.*$/d' "$folder"/*.mjs "$folder"/*.js 2>/dev/null || true
}

take @xterm/xterm@6.0.0 'sha512-TQwDdQGtwwDt+2cgKDLn0IRaSxYu1tSUjgKarSDkUM0ZNiSRXFpjxEsvc/Zgc5kq5omJ+V0a8/kIM2WD3sMOYg==' xterm css/xterm.css lib/xterm.mjs LICENSE
take @xterm/addon-fit@0.11.0 'sha512-jYcgT6xtVYhnhgxh3QgYDnnNMYTcf8ElbxxFzX0IZo+vabQqSPAjC3c1wJrKB5E19VwQei89QCiZZP86DCPF7g==' xterm-addon-fit lib/addon-fit.mjs LICENSE
take uplot@1.6.32 'sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==' uplot dist/uPlot.esm.js dist/uPlot.min.css LICENSE

# shellcheck shell=bash
# Sourced by osv, kernel.sh and debian.sh: Debian 12's packages, whichever Debian this machine runs, so that the same kernels and images come out.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

bookworm_mirror() { # prints the mirror that this machine's apt uses for Debian itself
    local mirror
    mirror=$(apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' | awk -F'|' '$1 == "Packages" && $2 == "Debian" && $3 == "Debian" && $4 == "main" { print $5; exit }')
    # An apt without lists, as images of containers have it, does not tell.
    printf '%s\n' "${mirror:-http://deb.debian.org/debian/}"
}

bookworm_index() { # FOLDER: an index of bookworm and its backports there, at most an hour old; sets apt_options for apt-get and apt-cache
    local folder=$1 mirror
    apt_options=(-qq -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder/cache" -o Acquire::Languages=none)
    [ -z "$(find "$folder/fresh" -mmin -60 2>/dev/null)" ] || return 0
    mirror=$(bookworm_mirror)
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" bookworm "$keyring" "$mirror" bookworm-backports > "$folder/sources.list"
    apt-get "${apt_options[@]}" update >&2 || { echo "${0##*/}: $mirror has no index of bookworm and bookworm-backports that apt can use; the lines above say why" >&2; return 1; }
    touch "$folder/fresh"
}

# shellcheck shell=bash
# Sourced by osv, kernel.sh and debian.sh: Debian 12's packages, whichever Debian this machine runs, so that the same kernels and images come out.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

bookworm_archives() { # sets mirror and security: where this machine's apt has Debian itself and its security updates
    local known
    known=$(apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(COMPONENT)|$(LABEL)|$(REPO_URI)' | sed -n 's/^Packages|Debian|main|//p')
    mirror=$(sed -n '/^Debian|/ { s///p; q }' <<<"$known")
    security=$(sed -n '/^Debian-Security|/ { s///p; q }' <<<"$known")
    # An apt without lists, as images of containers have it, does not tell.
    mirror=${mirror:-http://deb.debian.org/debian/}
    # A machine that has Debian from elsewhere may not reach the public archive: there, security stays empty.
    case $mirror in http://deb.debian.org/debian/ | https://deb.debian.org/debian/) security=${security:-${mirror%/}-security/} ;; esac
}

bookworm_apt() { # FOLDER LISTS: sets apt_options for apt-get and apt-cache: bookworm, its security updates and its backports as LISTS has them, whatever is installed or preferred here
    local sources=$1/sources.list
    mkdir -p "$1/cache/archives/partial"
    # Caches are named: there are machines whose apt keeps none, and asks take long without.
    apt_options=(-qq -o Dir::Etc::SourceList="$sources" -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
        -o Dir::State::status=/dev/null -o Dir::State::Lists="$2" -o Dir::Cache="$1/cache" -o Dir::Cache::pkgcache=pkgcache.bin -o Acquire::Languages=none)
    bookworm_archives
    printf "deb [signed-by=$keyring] %s %s main\n" "$mirror" bookworm "$mirror" bookworm-backports ${security:+"$security" bookworm-security} > "$sources.$$"
    if cmp -s "$sources.$$" "$sources"; then rm "$sources.$$"; else mv "$sources.$$" "$sources"; fi
}

bookworm_known() { # FOLDER: the same as this machine's apt knows it, without asking anybody
    local lists
    eval "$(apt-config shell lists Dir::State::lists/d)"
    bookworm_apt "$1/known" "$lists"
}

bookworm_index() { # FOLDER: the same from an index of its own, at most an hour old
    local fresh=$1/fresh
    mkdir -p "$1/lists/partial"
    bookworm_apt "$1" "$1/lists"
    [ -z "$(find "$fresh" -mmin -60 -newer "$1/sources.list" 2>/dev/null)" ] || return 0
    # Otherwise apt takes an index that cannot be reached for a passing trouble, and succeeds.
    apt-get "${apt_options[@]}" -o APT::Update::Error-Mode=any update >&2 || { echo "${0##*/}: apt cannot use the index of bookworm, bookworm-backports or bookworm-security at $mirror ${security:+and $security}; the lines above say why" >&2; return 1; }
    touch "$fresh"
}

bookworm_newer() { # FILE with a package and its version in each line: prints which of them apt has a newer version of
    local name version
    declare -A have
    while read -r name version; do have[$name]=$version; done < "$1"
    [ ${#have[@]} != 0 ] || return 0
    LC_ALL=C apt-cache "${apt_options[@]}" policy "${!have[@]}" | awk '/^[^ ]/ { name = substr($1, 1, length($1) - 1) } $1 == "Candidate:" && $2 != "(none)" { print name, $2 }' | while read -r name version; do
        if [ "$version" != "${have[$name]}" ] && dpkg --compare-versions "$version" gt "${have[$name]}"; then echo "$name $version"; fi
    done
}

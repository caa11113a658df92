#!/usr/bin/env bash
# The story of OSV Cloud, told with the osv command against a running cloud of two nodes (osv up --nodes 2). The tests run it.
# It stops at the first thing that does not hold and says which. What it made stays for a look; at the end of a good run nothing is left.
#
#   OSV           the osv command (default: the one of this working copy)
#   OSV_SERVER, OSV_TOKEN   which cloud, and who; not needed after 'osv login'
#   OSV_IMAGE     image of the first tenants, which signs root in on its console (default: debian-12)
#   OSV_KERNEL, OSV_INITRD, OSV_CMDLINE   a kernel, initial RAM disk and command line of your own
#   OSV_PLAYED    not empty: the nodes are played by a test, no machine is behind them
#   OSV_PATIENCE  seconds that a tenant may take to start (default: 600, for emulated nodes)
set -Eeuo pipefail
osv=${OSV:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/osv}
image=${OSV_IMAGE:-debian-12}
kernel=${OSV_KERNEL:?set OSV_KERNEL to a bzImage of your own}
initrd=${OSV_INITRD:?set OSV_INITRD to an initial RAM disk that goes with it}
cmdline=${OSV_CMDLINE:-console=ttyS0}
patience=${OSV_PATIENCE:-600}
run=s$$
web=$run-web mine=$run-mine huge=$run-huge batch=$run-batch own=$run-own
shop=$run-shop one=$run-one two=$run-two stranger=$run-stranger

step() { now=$1; printf '\n== %s\n' "$now"; }
fail() { printf 'cli.sh: stopped at "%s": %s\n' "$now" "$*" >&2; exit 1; }
trap 'printf "cli.sh: stopped at \"%s\": line %s failed\n" "${now:-start}" "$LINENO" >&2' ERR
field() { "$osv" tenant show "$1" -o json | jq -r "$2"; }              # of a tenant
has() { [ "$(jq -r "$2" <<<"$1")" = true ] || fail "$3: $(jq -c . <<<"$1")"; }
until_true() { # SECONDS WHAT COMMAND...: runs the command every second until it succeeds
    local left=$1 what=$2; shift 2
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || fail "waited in vain for $what"
        sleep 1
    done
}
# Types a line into a console and prints what comes back; waits for a line that matches.
ask() { printf '%s\n' "$2" | "$osv" tenant console "$1" --expect "$3" --timeout "$patience" || { shows "$1"; fail "the console of $1 did not answer '$2'"; }; }
shows() { { "$osv" tenant show "$1"; "$osv" tenant log "$1" | tail -n 20; "$osv" tenant exits "$1"; } >&2 || true; }   # what there is to know when it does not answer
exits() { "$osv" tenant exits "$web" -o json; }
running() { "$osv" tenant show "$1" -o json | jq -e '.state == "Running"' >/dev/null; }

step "two nodes are ready"
nodes=$("$osv" node list --state ready -o json)
has "$nodes" '.items | length >= 2' "this story needs two ready nodes ('osv up --nodes 2')"
free=$("$osv" capacity -o json | jq '{freeCores, freeMemoryBytes}')
"$osv" capacity

step "a tenant with 2 cores and 512 MiB from $image comes to run"
"$osv" tenant create "$web" --image "$image" --cores 2 --memory 512MiB --restart always --wait --timeout "$patience"
shown=$("$osv" tenant show "$web" -o json)
has "$shown" '.state == "Running" and (.cores | length == 2) and .memoryBytes == 536870912 and .restarts == 0' "it is not what was asked for"
home=$(jq -r .node <<<"$shown")

step "it has its 2 cores and its memory, seen from inside"
ask "$web" '' '[#$] *$' >/dev/null
ask "$web" 'nproc' '^2$'
memory=$(ask "$web" 'cat /proc/meminfo' '^MemTotal: +[0-9]+ kB' | awk '/^MemTotal:/ { print $2 }')
[ "$memory" -le 524288 ] && [ "$memory" -ge 360000 ] || fail "MemTotal is $memory kB, which is not that of 512 MiB"

step "only interrupts between cores leave it for the monitor"
# Work on both cores, and not a byte on the console, between two readings of the counters.
ask "$web" 'sleep 2; n=0; while [ $n -lt 90 ]; do sleep 0.5; n=$((n+1)); taskset -c $((n%2)) true 2>/dev/null || true; done & echo "work $((40+2)) begins"' '^work 42 begins'
next_reading() { local at; at=$(exits | jq -r .at); [ "$at" != null ] && [ "$at" != "${last:-}" ]; }
last=$(exits | jq -r .at)
until_true 120 "a reading of the exit counters" next_reading
after=$(exits)
silent() { # two readings one after the other, and not a byte printed between them
    before=$after; last=$(jq -r .at <<<"$before")
    until_true 120 "another reading of the exit counters" next_reading
    after=$(exits)
    [ "$(jq '.exits.Console // 0' <<<"$before")" = "$(jq '.exits.Console // 0' <<<"$after")" ]
}
until_true 60 "$web to be silent" silent
others=$(jq -n --argjson a "$before" --argjson b "$after" '[$b.exits | to_entries[] | select(.key != "Icr" and .key != "Nmi" and .value != ($a.exits[.key] // 0)) | .key]')
has "$others" 'length == 0' "something else than Icr was counted"
has "$after" '.exits.Icr > 0' "not even Icr was counted"
"$osv" tenant exits "$web"

step "it crashes, which is seen, and it is started again"
printf 'echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger\n' | "$osv" tenant console "$web" --linger 1 >/dev/null
restarted() { "$osv" tenant show "$web" -o json | jq -e '.restarts >= 1 and .state == "Running"' >/dev/null; }
until_true "$patience" "the restart of $web" restarted
"$osv" tenant log "$web" | grep -q 'sysrq: Trigger a crash\|Kernel panic' || fail "its log does not show the crash"
"$osv" tenant show "$web"

step "a second tenant boots a kernel and initial RAM disk of one's own"
"$osv" image add "$mine" --kernel "$kernel" --initrd "$initrd" --cmdline "$cmdline"
sha=$(sha256sum "$kernel" | cut -d ' ' -f 1)
[ "$("$osv" image show "$mine" -o json | jq -r .kernelSha256)" = "$sha" ] || fail "the image is not the kernel that was sent"
"$osv" tenant create "$mine" --image "$mine" --cores 1 --memory 512MiB --wait --timeout "$patience"

step "more than fits is refused, with the reason"
"$osv" tenant create "$huge" --image "$image" --cores 1000 --memory 512MiB
explained() { field "$huge" .reason | grep -q 'cores'; }
until_true 60 "the reason why $huge has no place" explained
[ "$(field "$huge" .state)" = Pending ] || fail "$huge is $(field "$huge" .state)"
field "$huge" .reason
"$osv" tenant delete "$huge" --wait
"$osv" tenant delete "$mine" --wait --timeout "$patience"

step "a job of 3 replicas that avoid each other: two fit on the two nodes, and it is explained why the third does not"
cat <<JOB | "$osv" job submit -
{
  "name": "$batch", "replicas": 3,
  "template": { "image": "$image", "cores": 1, "memoryBytes": 536870912 },
  "constraints": { "groups": ["$batch"], "affinity": [{ "group": "$batch", "rule": "AntiAffinity", "scope": "Node", "required": true }] }
}
JOB
ready=$(jq '.items | length' <<<"$nodes")
want=$((ready < 3 ? ready : 3))
placed() { "$osv" job show "$batch" -o json | jq -e ".placed == $want" >/dev/null; }
until_true 120 "$want placed replicas" placed
has "$("$osv" job show "$batch" -o json)" '[.tenants[].node | select(. != null)] | length == (unique | length)' "two replicas share a node"
if [ "$want" -lt 3 ]; then
    third() { "$osv" job explain "$batch" -o json | jq -e 'any(.[]; .placed == false and (.summary | test("affinity|group|avoid"; "i")))' >/dev/null; }
    until_true 60 "an explanation of the third replica" third
fi
"$osv" job explain "$batch"
"$osv" job cancel "$batch" --wait --timeout "$patience"

step "a tenant with a network card and a disk of its own: in by SSH, and what it writes outlives a reboot"
if [ -z "${OSV_PLAYED:-}" ]; then
    key=$(mktemp -d)
    ssh-keygen -q -t ed25519 -N '' -f "$key/id"
    "$osv" tenant create "$own" --image debian-12 --cores 1 --memory 512MiB --nics 1 --disks 1 --ssh-key "$key/id.pub" --wait --timeout "$patience"
    inside() { "$osv" tenant ssh "$own" --identity "$key/id" -- "$@"; }
    can_log_in() { inside true 2>/dev/null; }
    until_true "$patience" "SSH into $own" can_log_in
    [ "$(inside hostname)" = "$own" ] || fail "behind the network card of $own is somebody else"
    "$osv" tenant log "$own" | grep -q 'osv-eraser: .* is erased' || fail "its disk was not erased before it got it"
    inside "sudo sh -c 'mkfs.ext4 -q /dev/nvme0n1 && mount /dev/nvme0n1 /mnt && echo $run > /mnt/story && umount /mnt'"
    "$osv" tenant reboot "$own" --wait --timeout "$patience"
    until_true "$patience" "SSH into $own after its reboot" can_log_in
    [ "$(inside "sudo sh -c 'mount /dev/nvme0n1 /mnt && cat /mnt/story'")" = "$run" ] || fail "its disk has forgotten what was written"
    "$osv" tenant show "$own"
    "$osv" tenant delete "$own" --wait --timeout "$patience"
    rm -r "$key"
fi

step "tenants of one project reach each other, whatever node they are on, and those of another do not"
if [ -z "${OSV_PLAYED:-}" ]; then
    "$osv" project create "$shop"
    # The first takes both cards of a node, so that the second comes to another.
    "$osv" tenant create "$one" --image busybox --cores 1 --memory 128MiB --nics 2 --wait --timeout "$patience"
    "$osv" tenant create "$two" --image busybox --cores 1 --memory 128MiB --nics 1
    "$osv" tenant create "$stranger" --image busybox --cores 1 --memory 128MiB --nics 1 --project "$shop" --wait --timeout "$patience"
    until_true "$patience" "$two to run" running "$two"
    [ "$(field "$one" .node)" != "$(field "$two" .node)" ] || fail "$one and $two are on one node"
    address() { ask "$1" '' '[#$] *$' >/dev/null; ask "$1" 'until ip -4 -o addr show dev eth0 | grep inet; do sleep 1; done' 'inet 10\.[0-9.]+/' | sed -n 's/.*inet \(10\.[0-9.]*\).*/\1/p' | head -n 1; }
    first=$(address "$one")
    second=$(address "$two")
    third=$(address "$stranger")
    echo "$one has $first, $two has $second, $stranger has $third"
    [ "$(printf '%s\n' "$first" "$second" "$third" | sort -u | wc -l)" = 3 ] || fail "two tenants have one address"
    ask "$one" "ping -c 3 $second" '3 packets received' >/dev/null
    ask "$two" 'echo "parcel $((40+2))" | nc -l -p 7000 &' '[#$] *$' >/dev/null
    ask "$one" "until nc $second 7000 < /dev/null; do sleep 1; done" '^parcel 42' >/dev/null
    for neighbour in "$first" "$second"; do ask "$stranger" "ping -c 2 -W 3 $neighbour" '[0-9]+ packets received' | grep -q ' 0 packets received' || fail "$stranger reaches $neighbour of another project"; done
    for tenant in "$one" "$two" "$stranger"; do "$osv" tenant delete "$tenant"; done
    gone() { ! "$osv" tenant show "$1" >/dev/null 2>&1; }
    for tenant in "$one" "$two" "$stranger"; do until_true "$patience" "$tenant to be gone" gone "$tenant"; done
    "$osv" project delete "$shop"
fi

step "$home is drained, and $web moves"
"$osv" node drain "$home" --wait --timeout "$patience"
has "$("$osv" node show "$home" -o json)" '.state == "Drained" and .tenants == 0' "$home is not drained"
until_true "$patience" "$web to run elsewhere" running "$web"
[ "$(field "$web" .node)" != "$home" ] || fail "$web is still on $home"
"$osv" node uncordon "$home"

step "everything is deleted, and nothing is left"
"$osv" tenant delete "$web" --wait --timeout "$patience"
"$osv" image delete "$mine"
none() { "$osv" tenant list -o json | jq -e --arg run "$run-" '[.items[] | select(.name | startswith($run))] | length == 0' >/dev/null; }
until_true 60 "the last tenant to go" none
same() { [ "$("$osv" capacity -o json | jq '{freeCores, freeMemoryBytes}')" = "$free" ]; }
until_true 60 "the capacity there was at first" same
"$osv" audit verify
printf '\nThe story holds.\n'

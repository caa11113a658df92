#!/usr/bin/env bash
# The story of OSV Cloud, told with curl and jq through the REST API against a running cloud of two nodes (osv up --nodes 2). The tests run it.
# It stops at the first thing that does not hold and says which. What it made stays for a look; at the end of a good run nothing is left.
#
#   OSV_SERVER    the control plane (default: http://127.0.0.1:5080)
#   OSV_TOKEN     a token of an operator, as 'osv token create NAME' makes it
#   OSV_IMAGE     image of the first tenants, which signs root in on its console (default: debian-12)
#   OSV_KERNEL, OSV_INITRD, OSV_CMDLINE   a kernel, initial RAM disk and command line of your own
#   OSV_PATIENCE  seconds that a tenant may take to start (default: 600, for emulated nodes)
set -Eeuo pipefail
server=${OSV_SERVER:-http://127.0.0.1:5080}; server=${server%/}
: "${OSV_TOKEN:?set OSV_TOKEN to an API token}"
image=${OSV_IMAGE:-debian-12}
kernel=${OSV_KERNEL:?set OSV_KERNEL to a bzImage of your own}
initrd=${OSV_INITRD:?set OSV_INITRD to an initial RAM disk that goes with it}
cmdline=${OSV_CMDLINE:-console=ttyS0}
patience=${OSV_PATIENCE:-600}
run=r$$
web=$run-web mine=$run-mine huge=$run-huge batch=$run-batch

step() { now=$1; printf '\n== %s\n' "$now"; }
fail() { printf 'rest.sh: stopped at "%s": %s\n' "$now" "$*" >&2; exit 1; }
trap 'printf "rest.sh: stopped at \"%s\": line %s failed\n" "${now:-start}" "$LINENO" >&2' ERR
# The token goes to curl by a file descriptor: a command line is seen by everyone on the machine.
call() { curl --silent --show-error --config <(printf 'header = "Authorization: Bearer %s"\n' "$OSV_TOKEN") "$@"; }
api() { # METHOD PATH [JSON]: prints the answer; a problem document ends the story
    local answer status body=()
    [ $# -lt 3 ] || body=(--header 'Content-Type: application/json' --data "$3")
    answer=$(call --request "$1" --write-out '\n%{http_code}' "${body[@]}" "$server/api/v1$2")
    status=${answer##*$'\n'} answer=${answer%$'\n'*}
    [ "$status" -lt 300 ] || { printf 'rest.sh: %s %s: %s %s\n' "$1" "$2" "$status" "$(jq -r '.detail // .title // .' <<<"$answer" 2>/dev/null)" >&2; return 1; }
    printf '%s\n' "$answer"
}
is_gone() { [ "$(call --output /dev/null --write-out '%{http_code}' "$server/api/v1$1")" = 404 ]; }
field() { api GET "/tenants/$1" | jq -r "$2"; }
has() { [ "$(jq -r "$2" <<<"$1")" = true ] || fail "$3: $(jq -c . <<<"$1")"; }
until_true() { # SECONDS WHAT COMMAND...: runs the command every second until it succeeds
    local left=$1 what=$2; shift 2
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || fail "waited in vain for $what"
        sleep 1
    done
}
running() { [ "$(field "$1" .state)" = Running ]; }
type_line() { api POST "/tenants/$1/console" "$(jq -n --arg text "$2"$'\n' '{text: $text}')"; }
end_of() { api GET "/tenants/$1/console?from=-1&limit=1" | jq .end; }
# Whole lines that a console printed from a position on, as plain text.
lines_of() { { call --fail --header 'Accept: text/plain' "$server/api/v1/tenants/$1/console?from=$2&limit=65536" && printf '|'; } | tr -d '\r\000' | sed -e 's/\x1b\[[0-9;?]*[@-~]//g' -e '$d'; }
answered() { lines_of "$1" "$2" | grep -E "$3"; }
ask() { # TENANT LINE REGEX: types a line, prints the lines of the answer that match
    local from; from=$(end_of "$1")
    type_line "$1" "$2"
    until_true 60 "an answer of $1 to '$2'" answered "$1" "$from" "$3"
}
# Types until somebody answers: a system that still boots listens to nothing.
listens() { local from; from=$(end_of "$1"); type_line "$1" 'echo ready $((20+22))'; sleep 2; answered "$1" "$from" '^ready 42' >/dev/null; }

step "two nodes are ready"
nodes=$(api GET '/nodes?state=Ready&limit=500')
has "$nodes" '.items | length >= 2' "this story needs two ready nodes ('osv up --nodes 2')"
free=$(api GET /capacity | jq '{freeCores, freeMemoryBytes}')
printf '%s\n' "$free"

step "a tenant with 2 cores and 512 MiB from $image comes to run"
order=$(jq -n --arg name "$web" --arg image "$image" '{name: $name, image: $image, cores: 2, memoryBytes: 536870912, restart: "Always"}')
api POST /tenants "$order" | jq '{id, name, state, reason}'
until_true "$patience" "$web to run" running "$web"
shown=$(api GET "/tenants/$web")
has "$shown" '(.cores | length == 2) and .memoryBytes == 536870912 and .restarts == 0' "it is not what was asked for"
home=$(jq -r .node <<<"$shown")
api GET "/tenants/$web/timeline" | jq -r '.transitions[] | "\(.at) \(.to): \(.reason)"'

step "it has its 2 cores and its memory, seen from inside"
until_true "$((patience / 3 + 1))" "somebody to listen at the console of $web" listens "$web"
ask "$web" 'nproc' '^2$'
memory=$(ask "$web" 'cat /proc/meminfo' '^MemTotal: +[0-9]+ kB' | awk '/^MemTotal:/ { print $2 }')
[ "$memory" -le 524288 ] && [ "$memory" -ge 360000 ] || fail "MemTotal is $memory kB, which is not that of 512 MiB"

step "only interrupts between cores leave it for the monitor"
# Work on both cores, and not a byte on the console, between two readings of the counters.
ask "$web" 'sleep 2; n=0; while [ $n -lt 90 ]; do sleep 0.5; n=$((n+1)); taskset -c $((n%2)) true 2>/dev/null || true; done & echo "work $((40+2)) begins"' '^work 42 begins'
exits() { api GET "/tenants/$web/exits"; }
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
jq . <<<"$after"

step "it crashes, which is seen, and it is started again"
type_line "$web" 'echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger'
restarted() { api GET "/tenants/$web" | jq -e '.restarts >= 1 and .state == "Running"' >/dev/null; }
until_true "$patience" "the restart of $web" restarted
api GET "/tenants/$web/log?limit=10000" | jq -e 'any(.[]; .text | test("sysrq: Trigger a crash|Kernel panic"))' >/dev/null || fail "its log does not show the crash"

step "a second tenant boots a kernel and initial RAM disk of one's own"
added=$(call --fail-with-body --form-string "name=$mine" --form-string "commandLine=$cmdline" --form "kernel=@$kernel" --form "initrd=@$initrd" "$server/api/v1/images") || fail "the image was not taken: $added"
[ "$(jq -r .kernelSha256 <<<"$added")" = "$(sha256sum "$kernel" | cut -d ' ' -f 1)" ] || fail "the image is not the kernel that was sent"
api POST /tenants "$(jq -n --arg name "$mine" '{name: $name, image: $name, cores: 1, memoryBytes: 536870912}')" | jq '{id, name, state, reason}'
until_true "$patience" "$mine to run" running "$mine"

step "more than fits is refused, with the reason"
api POST /tenants "$(jq -n --arg name "$huge" --arg image "$image" '{name: $name, image: $image, cores: 1000, memoryBytes: 536870912}')" | jq '{id, name, state, reason}'
explained() { field "$huge" .reason | grep -q 'cores'; }
until_true 60 "the reason why $huge has no place" explained
[ "$(field "$huge" .state)" = Pending ] || fail "$huge is $(field "$huge" .state)"
field "$huge" .reason
for tenant in "$huge" "$mine"; do
    api DELETE "/tenants/$tenant" | jq '{name, state, intent}'
    until_true "$patience" "$tenant to go" is_gone "/tenants/$tenant"
done

step "a job of 3 replicas that avoid each other: two fit on the two nodes, and it is explained why the third does not"
job=$(jq -n --arg name "$batch" --arg image "$image" '{
    name: $name, replicas: 3, template: {image: $image, cores: 1, memoryBytes: 536870912},
    constraints: {groups: [$name], affinity: [{group: $name, rule: "AntiAffinity", scope: "Node", required: true}]}}')
api POST /jobs "$job" | jq '{id, name, state, replicas}'
ready=$(jq '.items | length' <<<"$nodes")
want=$((ready < 3 ? ready : 3))
placed() { api GET "/jobs/$batch" | jq -e ".placed == $want" >/dev/null; }
until_true 120 "$want placed replicas" placed
has "$(api GET "/jobs/$batch")" '[.tenants[].node | select(. != null)] | length == (unique | length)' "two replicas share a node"
if [ "$want" -lt 3 ]; then
    third() { api GET "/jobs/$batch/explain" | jq -e 'any(.[]; .placed == false and (.summary | test("affinity|group|avoid"; "i")))' >/dev/null; }
    until_true 60 "an explanation of the third replica" third
fi
api GET "/jobs/$batch/explain" | jq -r '.[] | "\(.tenant): \(.summary)"'
api POST "/jobs/$batch/cancel" | jq '{name, state, reason}'
empty() { api GET "/jobs/$batch" | jq -e 'all(.tenants[]; .tenant == null)' >/dev/null; }
until_true "$patience" "the tenants of $batch to go" empty

step "$home is drained, and $web moves"
api POST "/nodes/$home/drain" | jq '{name, state, intent}'
drained() { api GET "/nodes/$home" | jq -e '.state == "Drained" and .tenants == 0' >/dev/null; }
until_true "$patience" "$home to be drained" drained
until_true "$patience" "$web to run elsewhere" running "$web"
[ "$(field "$web" .node)" != "$home" ] || fail "$web is still on $home"
api POST "/nodes/$home/uncordon" | jq '{name, state, intent}'

step "everything is deleted, and nothing is left"
api DELETE "/tenants/$web" | jq '{name, state, intent}'
until_true "$patience" "$web to go" is_gone "/tenants/$web"
api DELETE "/images/$mine"
none() { api GET '/tenants?limit=500' | jq -e --arg run "$run-" '[.items[] | select(.name | startswith($run))] | length == 0' >/dev/null; }
until_true 60 "the last tenant to go" none
same() { [ "$(api GET /capacity | jq '{freeCores, freeMemoryBytes}')" = "$free" ]; }
until_true 60 "the capacity there was at first" same
has "$(api GET /audit/verify)" '.intact' "the audit log was tampered with"
printf '\nThe story holds.\n'

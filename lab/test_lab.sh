#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of the lab itself, as TAP: it comes up (twice), servers answer, mirrors show each frame once where it
# enters, tags and super-frames are there, nothing leaves the mirror ports, down removes all, also remains.
# Exit status 77 where namespaces can't be had.
set -u
here=$(dirname "$(readlink -f "$0")")
p=rt$$
lab() { "$here/lab.sh" -p $p "$@"; }
out=$(lab check 2>&1) || { echo "1..0 # SKIP $(echo "$out" | head -1)"; exit 77; }
tmp=$(mktemp -d)
trap 'lab down; rm -rf "$tmp"' EXIT
n=0 bad=0
ok() { # ok NAME COMMAND...: the command succeeds
    local name=$1; shift
    n=$((n + 1))
    if "$@" >"$tmp/out" 2>&1; then echo "ok $n - $name"
    else echo "not ok $n - $name"; sed 's/^/# /' "$tmp/out"; bad=1; fi
}
not() { ! "$@"; }
# sniffing PORTS: starts to count; counted PORT EXPRESSION: what it says of the counts (Python, d)
sniffing() {
    local m
    kids=
    for m in "$@"; do
        lab exec ips python3 "$here/victim.py" sniff "$m" --for 3 >"$tmp/$m" & kids="$kids $!"
        for _ in 1 2 3 4 5 6 7 8 9 10; do grep -qs listening "$tmp/$m" && break; sleep 0.2; done
    done
}
counted() { python3 -c 'import json, sys
d = json.loads(open(sys.argv[1]).read().splitlines()[-1])
get = lambda a, b: d["pairs"].get(a + ">" + b, 0)
print(d)
sys.exit(0 if eval(sys.argv[2]) else 1)' "$tmp/$1" "$2"; }
answered() { # all rows of an attack are answered
    lab attack --json "$@" >"$tmp/rows" && cat "$tmp/rows" && not grep -v '"outcome": "answered"' "$tmp/rows"
}
same() { [ "$1" = "$2" ]; }

ok "comes up" lab up
ok "status says so" lab status
sniffing mon1 mon2
ok "benign traffic is answered" answered benign
ok "hostile traffic is answered" answered hostile
ok "IPv6 as well" answered --v6 all
ok "across the switches" answered --from c1 --to s2 pages download
wait $kids
c1=203.0.113.11 s1=10.7.1.20 s2=10.7.2.20
ok "mirror 1 has both halves of its own" counted mon1 "get('$c1', '$s1') > 20 and get('$s1', '$c1') > 20"
ok "mirror 1 has the client's half of a connection across" counted mon1 "get('$c1', '$s2') > 5 and get('$s2', '$c1') == 0"
ok "mirror 2 has the server's half" counted mon2 "get('$s2', '$c1') > 5 and get('$c1', '$s2') == 0"
ok "super-frames pass" counted mon2 "d['largest'] > 10000"
ok "nothing leaves the mirror ports" counted mon1 "d.get('out', 0) == 0"
ok "no resets so far" same "$(lab resets)" 0
ok "a second time, with tags" lab up --vlan 10
sniffing mon1
ok "tagged traffic is answered" answered --from c1 --to s1 pages download
wait $kids
ok "tags are on the mirror" counted mon1 "d['tagged'] == d['in'] > 50 and d['largest'] > 10000"
ok "two tags" lab up --vlan 20.10 --no-servers
refused() { lab exec "$1" python3 "$here/victim.py" syn "$2" 81 | grep '"outcome": "refused"'; }
ok "two tags pass" refused c1 $s1
ip netns del $p-sw
ok "up over remains" lab up --no-servers
lab exec s1 sleep 1000 & sleeper=$!
sleep 0.2
ok "down" lab down
ok "ends what ran in it" not kill -0 $sleeper
ok "down again" lab down
ok "no namespace is left" not ls /run/netns/$p-*
ok "status says it is down" not lab status
echo "1..$n"
exit $bad

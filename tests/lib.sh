# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by run-tests, quickstart and .ci/run: installing what packages.txt names, saying what is missing.

die() {
	printf '%s\n' "$*" >&2
	exit 1
}

packages() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$top/packages.txt"; }

install_packages() {
	local missing=() p
	for p in $(packages); do
		dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	# Vectorscan stands in Hyperscan's place and must be named to go; what needs either runs on with Hyperscan.
	for p in libvectorscan-dev libvectorscan5; do
		dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed$' &&
			[[ " ${missing[*]} " == *" libhyperscan-dev "* ]] && missing+=("$p-")
	done
	[ -r /etc/debian_version ] || die "This is no Debian: install the counterparts of these packages: ${missing[*]}"
	[ "$(id -u)" -eq 0 ] || die "Not root, and packages are missing. As root: apt-get install ${missing[*]}"
	printf 'installing: %s\n' "${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	# Servers that come along must not start by themselves.
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
		trap 'rm -f /usr/sbin/policy-rc.d' RETURN
	fi
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >/tmp/riposte-apt.log 2>&1 ||
		{ apt-get update -qq >>/tmp/riposte-apt.log 2>&1 &&
			apt-get install -y -qq --no-install-recommends "${missing[@]}" >>/tmp/riposte-apt.log 2>&1; } ||
		{ tail -5 /tmp/riposte-apt.log >&2; die "apt-get could not install: ${missing[*]} (whole log: /tmp/riposte-apt.log)"; }
}

# build_dir FOLDER [meson options]
build_in() {
	local dir=$1
	shift
	[ -e "$dir/build.ninja" ] || meson setup "$dir" "$top" "$@" >"/tmp/riposte-meson.$$" 2>&1 ||
		{ tail -20 "/tmp/riposte-meson.$$" >&2; die "meson could not set up $dir"; }
	rm -f "/tmp/riposte-meson.$$"
	ninja -j"${JOBS:-2}" -C "$dir" >"$dir/ninja.log" 2>&1 ||
		{ grep -E 'error|FAILED|undefined' "$dir/ninja.log" | head -20 >&2; die "the build failed; whole log: $dir/ninja.log"; }
}

can_make_namespaces() {
	[ "$(id -u)" -eq 0 ] && ip netns add "riposte-probe-$$" 2>/dev/null && ip netns del "riposte-probe-$$"
}

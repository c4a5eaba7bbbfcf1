#!/bin/bash
# Writes the root file system of a small image, made of Debian packages alone, as a tar archive.
#
#   debian-image.sh SUITE SCRATCH PACKAGE... [-- PACKAGE...] > root.tar
#
# The packages and what they depend on are unpacked into an empty tree: no base system, no maintainer scripts, no root
# rights needed. Those behind -- come without what they depend on. SCRATCH is an empty folder that the caller removes. The mirror is the one that this machine's own apt
# sources name, or GATEFAULT_DEBIAN_MIRROR. Package lists are kept in GATEFAULT_CACHE (default ~/.cache/gatefault) and
# read again after an hour. Packages are verified by apt against Debian's archive keyring. Progress and errors go to stderr.
set -euo pipefail
export LC_ALL=C

fail() { echo "debian-image: $*" >&2; exit 1; }
[ $# -ge 3 ] || fail "usage: debian-image.sh SUITE SCRATCH PACKAGE... [-- PACKAGE...]"
suite=$1 scratch=$2; shift 2
packages=() bare=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do packages+=("$1"); shift; done
[ $# -eq 0 ] || bare=("${@:2}")
for tool in apt-get dpkg-deb tar flock; do
	command -v "$tool" >/dev/null || fail "building from Debian packages needs $tool, which this machine does not have"
done
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || fail "building from Debian packages needs the package debian-archive-keyring"
apt_state=${GATEFAULT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gatefault}/apt-$suite

# The repositories of this machine: "URI label" pairs; a label tells the main archive from the security one.
repositories() { apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' | sort -u; }

mirror() {
	if [ -n "${GATEFAULT_DEBIAN_MIRROR:-}" ]; then echo "$GATEFAULT_DEBIAN_MIRROR"; return; fi
	repositories | sed -nE 's,^(\S*/debian)/? .*,\1,p' | head -n 1
}

security_mirror() { repositories | sed -nE 's,^(\S*/debian-security)/? .*,\1,p' | head -n 1; }

sources() { # sources [with-security]
	echo "deb [signed-by=$keyring] $main_uri $suite main"
	if [ -n "${1:-}" ] && [ -n "$security_uri" ]; then
		echo "deb [signed-by=$keyring] $security_uri $suite-security main"
	fi
}

# An apt of its own: nothing is read from or written to the machine's package state except its proxy settings.
# The release file of a testing suite may be past its Valid-Until on a mirror that is a snapshot; signatures still count.
configure_apt() {
	mkdir -p "$apt_state/lists/partial" "$scratch/apt/archives/partial" "$scratch/apt/preferences.d"
	: >"$scratch/apt/status"
	{
		apt-config dump | grep -E '^Acquire::(http|https|Retries)' || true
		cat <<-CONF
			Dir::State "$apt_state";
			Dir::State::status "$scratch/apt/status";
			Dir::Cache "$scratch/apt";
			Dir::Etc::sourcelist "$apt_state/sources.list";
			Dir::Etc::sourceparts "/dev/null";
			Dir::Etc::preferences "/dev/null";
			Dir::Etc::preferencesparts "$scratch/apt/preferences.d";
			APT::Install-Recommends "false";
			APT::Sandbox::User "";
			Acquire::Languages "none";
			Acquire::Check-Valid-Until "false";
			Acquire::Check-Date "false";
			Debug::NoLocking "true";
			Dpkg::Use-Pty "false";
		CONF
	} >"$scratch/apt/apt.conf"
}

apt_own() { APT_CONFIG=$scratch/apt/apt.conf apt-get -o Dir::Etc::parts=/dev/null -o Dir::Etc::main=/dev/null -q "$@" >&2; }

# One build at a time refreshes the lists; the others find them fresh. A suite without a security archive does without.
refresh_lists() {
	exec 9>"$apt_state/lock"
	flock 9
	if [ -z "$(find "$apt_state/fresh" -mmin -60 2>/dev/null)" ]; then
		sources with-security >"$apt_state/sources.list"
		apt_own -o APT::Update::Error-Mode=any update || { sources >"$apt_state/sources.list"; apt_own update; }
		touch "$apt_state/fresh"
	fi
	flock -u 9
}

unpack() {
	local deb
	for deb in "$scratch"/apt/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink --no-same-owner --delay-directory-restore \
			--exclude=./usr/share/{doc,man,info,locale,lintian,bash-completion,perl,zoneinfo} --exclude=./usr/share/perl5 &
		while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
	done
	while [ -n "$(jobs -p)" ]; do wait -n || return 1; done
}

skeleton() {
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{etc,tmp,run,proc,sys,dev,root} "$root"/var/{log,lib,cache}
	local dir
	for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$root/$dir"; done
	ln -s ../run "$root/var/run"
	chmod 1777 "$root/tmp"
}

# What the packages' maintainer scripts would have made: the accounts they run under and their log folders; and the accounts that
# official images have besides.
accounts() {
	cat >"$root/etc/passwd" <<-PASSWD
		root:x:0:0:root:/root:/usr/sbin/nologin
		daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
		www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
		haproxy:x:100:100::/var/lib/haproxy:/usr/sbin/nologin
		caddy:x:101:101::/var/lib/caddy:/usr/sbin/nologin
		nginx:x:102:102::/nonexistent:/usr/sbin/nologin
		nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
	PASSWD
	cat >"$root/etc/group" <<-GROUP
		root:x:0:
		daemon:x:1:
		adm:x:4:
		www-data:x:33:
		haproxy:x:100:
		caddy:x:101:
		nginx:x:102:
		nogroup:x:65534:
	GROUP
	mkdir -p "$root"/var/log/{nginx,apache2} "$root"/var/lib/{nginx,haproxy,caddy} "$root/var/www"
}

main_uri=$(mirror)
[ -n "$main_uri" ] || fail "this machine's apt sources name no Debian mirror; set GATEFAULT_DEBIAN_MIRROR to one"
security_uri=$(security_mirror)
root=$scratch/root
configure_apt
refresh_lists
apt_own install --download-only --yes "${packages[@]}" || fail "Debian $suite has no installable package ${packages[*]}"
if [ ${#bare[@]} -gt 0 ]; then
	(cd "$scratch/apt/archives" && apt_own download "${bare[@]}") || fail "Debian $suite has no package ${bare[*]}"
fi
skeleton
unpack || fail "a package of ${packages[*]} ${bare[*]} could not be unpacked"
accounts
tar -c -C "$root" --numeric-owner --owner=0 --group=0 .

#!/usr/bin/env bash
# The whole test suite, under the race detector. That needs a C compiler; one
# test asks openssl for a second opinion on signatures; storage/postgres wants a
# PostgreSQL server to start; the documents' snippets want Python and Node. As
# root on Debian what is missing is installed; otherwise the suite runs without
# it and says so.
# With CI=true nothing may be missing.
set -euo pipefail
cd "$(dirname "$0")/.."

note() { printf '== %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

# The list of packages is fetched once, when the first of them is missing.
lists=$(mktemp -u)
trap 'rm -f "$lists"' EXIT
listed() { [ -e "$lists" ]; }

# need COMMAND PACKAGE... - installs the packages when the command is missing.
need() {
	local command=$1
	shift
	have "$command" && return 0
	if [ "$(id -u)" = 0 ] && have apt-get; then
		note "installing $*"
		listed || apt-get update -qq
		touch "$lists"
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null && return 0
	fi
	if [ "${CI:-}" = true ]; then
		note "$command is missing and could not be installed" >&2
		exit 1
	fi
	return 1
}

race=-race
if ! need "$(go env CC)" gcc libc6-dev; then
	note "skipped: the race detector (install gcc to have it)"
	race=
fi
# PostgreSQL's programs are not in PATH on Debian.
postgres() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || have initdb || [ -n "${ALMA_TEST_POSTGRES_URL:-}" ]; }
if ! postgres && ! need initdb postgresql; then
	note "skipped: the tests on PostgreSQL (not installed)"
fi

# pgvector is used where the server has it, and then the test of it must find it.
# Where no package holds it (Debian 12), a stand-in takes its place in that test.
vector() {
	local version package
	version=$(ls /usr/lib/postgresql 2>/dev/null | sort -V | tail -n 1)
	[ -n "$version" ] || return 0
	package=postgresql-$version-pgvector
	installed() { [ -e "/usr/share/postgresql/$version/extension/vector.control" ]; }
	if ! installed && [ "$(id -u)" = 0 ] && have apt-get; then
		[ "${CI:-}" != true ] || listed || { apt-get update -qq && touch "$lists"; } || true
		if apt-cache show "$package" >/dev/null 2>&1; then
			note "installing $package"
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null || true
		fi
	fi
	if installed; then
		note "with pgvector, the real one ($package)"
		export ALMA_TEST_PGVECTOR=1
	else
		note "WITHOUT pgvector ($package is not to be had): TestNearestByTheServer uses a stand-in written in SQL"
	fi
}
vector

need openssl openssl || note "skipped: the comparison of signatures with openssl (not installed)"
need curl curl || note "skipped: commands of the documents that use curl (not installed)"
# The documents show how to verify in several languages.
need python3 python3 || note "skipped: the documents' Python (not installed)"
need node nodejs || note "skipped: the documents' JavaScript (not installed)"
need php php-cli || note "skipped: the documents' PHP (not installed)"
need strace strace || note "skipped: the test of a disk that cannot sync (strace is not installed)"
need make make || note "skipped: the build of a release (make is not installed)"
# Large for what they add: used where they are.
have javac || note "skipped: the documents' Java (no JDK)"
# promtool plays the alert rules. Debian has it in the package of the whole server,
# which would be started when it is installed: this one program is taken out of it.
fetch_promtool() {
	local folder
	[ "$(id -u)" = 0 ] && have apt-get && have dpkg-deb || return 1
	note "fetching promtool"
	listed || { apt-get update -qq && touch "$lists"; } || return 1
	folder=$(mktemp -d)
	(cd "$folder" && apt-get download -qq prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb . &&
		install -m 755 usr/bin/promtool /usr/local/bin/promtool) || true
	rm -rf "$folder"
	have promtool
}
have promtool || fetch_promtool || note "skipped: the alert rules are not played (no promtool); they are parsed all the same"

# The completion scripts are read by their shells, the man page by groff.
need zsh zsh || note "skipped: the completion script of zsh (not installed)"
need fish fish || note "skipped: the completion script of fish (not installed)"
need groff groff || note "skipped: the reading of the man page (groff is not installed)"
# The dashboard is tested in a real browser, under whichever name it has.
browser() { have chromium || have chromium-browser || have google-chrome; }
browser || need chromium chromium || note "skipped: the tests of the dashboard in a browser (install chromium)"

# SQLite, translated from C, is not instrumented: its own memory is no Go memory,
# each of its connections is used by one goroutine at a time, and watching every
# access of it takes three quarters of the time of the tests that use it.
#
# Vet goes along, with all its checks: by itself it would compile everything once
# more, without the race detector.
flags="-vet=all ${race:+$race -gcflags=modernc.org/...=-race=false}"
note "go test $flags ./..."
CGO_ENABLED=$([ -n "$race" ] && echo 1 || echo 0) go test -timeout 20m $flags ./...

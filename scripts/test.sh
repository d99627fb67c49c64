#!/usr/bin/env bash
# The whole test suite, under the race detector. That needs a C compiler: as
# root on Debian a missing one is installed; otherwise the suite runs without
# the detector, and says so. With CI=true nothing may be missing.
set -euo pipefail
cd "$(dirname "$0")/.."

note() { printf '== %s\n' "$*"; }

have_compiler() { command -v "$(go env CC)" >/dev/null 2>&1; }

install_compiler() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
	note "installing gcc, which the race detector needs"
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq gcc libc6-dev >/dev/null
}

race=-race
if ! have_compiler && ! install_compiler; then
	if [ "${CI:-}" = true ]; then
		note "no C compiler, and none could be installed" >&2
		exit 1
	fi
	note "skipped: the race detector (no C compiler: install gcc to have it)"
	race=
fi

note "go vet ./..."
go vet ./...
note "go test $race ./..."
CGO_ENABLED=$([ -n "$race" ] && echo 1 || echo 0) go test $race ./...

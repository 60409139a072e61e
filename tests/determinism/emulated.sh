#!/bin/sh
# Runs a few seeds of tests/bench on this machine and on an emulated arm64, and
# compares the audit hashes: emulated.sh SEEDS DIRECTORY
#
# Exits with 0 when all are equal, and when there is no emulator, which it says;
# with 1 when one differs.
set -eu

seeds=$1
directory=$2
machine=$(uname -m)

skip() {
	echo "emulated arm64: SKIPPED: $1"
	exit 0
}

case $machine in
aarch64 | arm64) skip "this machine is an arm64 itself" ;;
esac

emulator=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
if [ -z "$emulator" ]; then
	command -v apt-get >/dev/null || skip "no qemu-aarch64 here, and no apt-get to install qemu-user-static with"
	[ "$(id -u)" = 0 ] || skip "no qemu-aarch64 here; as root: apt-get install qemu-user-static"
	echo "emulated arm64: installing qemu-user-static"
	{ apt-get update && apt-get install --yes --no-install-recommends qemu-user-static; } \
		>"$directory/apt.log" 2>&1 || skip "apt-get could not install qemu-user-static, see $directory/apt.log"
	emulator=$(command -v qemu-aarch64-static || command -v qemu-aarch64) || skip "qemu-user-static brought no qemu-aarch64"
fi

go build -o "$directory/bench-native" ./tests/bench
CGO_ENABLED=0 GOARCH=arm64 go build -o "$directory/bench-arm64" ./tests/bench

seed=1
while [ "$seed" -le "$seeds" ]; do
	native=$("$directory/bench-native" audit -seed "$seed")
	[ -n "$native" ] || {
		echo "emulated arm64: there is nothing to compare: bench audit -seed $seed printed nothing"
		exit 1
	}
	emulated=$("$emulator" "$directory/bench-arm64" audit -seed "$seed")
	if [ "$native" != "$emulated" ]; then
		echo "emulated arm64: seed $seed DIFFERS: $machine $native, arm64 $emulated"
		exit 1
	fi
	seed=$((seed + 1))
done
echo "emulated arm64: equal to $machine for $seeds seeds"

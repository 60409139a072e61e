#!/bin/sh
# Compiles the deterministic core for arm64, whose compiler may fuse a product with a
# sum, and fails where it did: such a place rounds in another way than on x86-64.
# float64(a*b) + c keeps them apart.
set -eu

packages="./codec ./engine ./engine/meritrank ./engine/overlay ./engine/presence ./engine/rtt ./engine/syncer
	./engine/sim ./engine/sim/draw ./engine/sim/kernel ./engine/sim/liar ./engine/sim/links
	$(go list ./engine/reconcile/... | grep -v reconciletest)"
listing=$(mktemp)
trap 'rm -f "$listing"' EXIT
# shellcheck disable=SC2086
CGO_ENABLED=0 GOARCH=arm64 go build -gcflags=-S $packages >"$listing" 2>&1 ||
	{ grep -v '^	' "$listing"; exit 1; }
grep -q 'FADDD' "$listing" || { echo "fused products: the listing shows no sums"; exit 1; }
fused=$(grep -E 'FN?M(ADD|SUB)[SD]' "$listing" | grep -oE '[a-z_/]+\.go:[0-9]+' | sort -u || true)
[ -z "$fused" ] || { echo "fused products:"; echo "$fused"; exit 1; }
echo "fused products: none on arm64"

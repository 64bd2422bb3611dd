#!/usr/bin/env bash
# Runs every fuzz test for a time, such as 10s.
set -euo pipefail
cd "$(dirname "$0")/.."

grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | while read -r file; do
	grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | while read -r _ name; do
		echo "$name in $(dirname "$file"), $1"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$1" "$(dirname "$file")" </dev/null
	done
done

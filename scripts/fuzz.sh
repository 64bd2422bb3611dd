#!/usr/bin/env bash
# Runs every fuzz test for a number of inputs, such as 20000x, or a time, such as 1m. Some
# releases of Go fail now and then when a time is over, without having found anything. An
# input is made smaller by 100 tries at most, for what a running service covers is never
# twice the same.
set -euo pipefail
cd "$(dirname "$0")/.."

grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | while read -r file; do
	grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | while read -r _ name; do
		echo "$name in $(dirname "$file"), $1"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$1" -fuzzminimizetime 100x "$(dirname "$file")" </dev/null
	done
done

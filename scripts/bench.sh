#!/usr/bin/env bash
# Measures Millrace on a store and a broker, starting the servers that it needs:
#
#   scripts/bench.sh STORE BROKER [flags]   on these, as millrace-bench takes them
#   scripts/bench.sh "" "" [flags]          on each combination that the docs show
#
# The binaries are in bin/; "make bench" builds them first.
set -euo pipefail
cd "$(dirname "$0")/.."

store=${1:-} broker=${2:-}
shift $(($# < 2 ? $# : 2))

measure() {
	local store=$1 broker=$2 names=() name
	shift 2
	for name in "$store" "$broker"; do
		case $name in mariadb | mysql | rabbitmq | rabbitmq3) names+=("$name") ;; esac
	done
	if [ ${#names[@]} -gt 0 ]; then
		scripts/servers.sh start "${names[@]}" >&2
		eval "$(scripts/servers.sh env "${names[@]}")"
	fi
	bin/millrace-bench --store "$store" --broker "$broker" "$@"
	echo
}

if [ -n "$store$broker" ]; then
	measure "${store:-sqlite}" "${broker:-memory:}" "$@"
else
	measure sqlite memory: "$@"
	measure mariadb rabbitmq "$@"
	measure mysql rabbitmq "$@"
fi

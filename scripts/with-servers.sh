#!/usr/bin/env bash
# Runs a command with the addresses of real servers in its environment, after
# starting those that do not answer yet:
#
#   scripts/with-servers.sh go test ./...
#
# A server whose SKIP_ variable is set, such as SKIP_MYSQL, is left out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

names=()
for name in mariadb mysql rabbitmq rabbitmq3 redis; do
	skip=SKIP_${name^^}
	[ -n "${!skip:-}" ] || names+=("$name")
done
if [ ${#names[@]} -gt 0 ]; then
	# Tests that kill servers start some of their own, from packages.
	env -u MILLRACE_TEST_MARIADB -u MILLRACE_TEST_MYSQL -u MILLRACE_TEST_RABBITMQ -u MILLRACE_TEST_RABBITMQ3 -u MILLRACE_TEST_REDIS \
		MILLRACE_SERVERS_DOCKER=no "$here/servers.sh" install "${names[@]}" >&2
	"$here/servers.sh" start "${names[@]}" >&2
	eval "$("$here/servers.sh" env "${names[@]}")"
fi
exec "$@"

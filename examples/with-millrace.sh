#!/usr/bin/env bash
# Runs a script against Millrace: the one at MILLRACE_URL, by default
# http://127.0.0.1:8080, or if nothing answers there one of its own, on a store
# that is thrown away afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

export MILLRACE_URL=${MILLRACE_URL:-http://127.0.0.1:8080}
if curl -fs -o /dev/null "$MILLRACE_URL/openapi.yaml"; then
	echo "# using the service at $MILLRACE_URL"
	exec "$@"
fi

dir=$(mktemp -d)
touch "$dir/out" "$dir/log" # the service may be slower to open them than we are to read
"${MILLRACE_BIN:-bin/millrace}" serve --store "sqlite:$dir/demo.db" --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0 >"$dir/out" 2>"$dir/log" &
pid=$!
trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT
until grep -q 'admin ' "$dir/out"; do
	kill -0 "$pid" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
	read -rt 0.05 <> <(:) || true
done
MILLRACE_URL=$(sed -nE 's#^  API +(http://[^/]+)/.*#\1#p' "$dir/out")
echo "# started a service at $MILLRACE_URL"
"$@"

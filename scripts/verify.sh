#!/usr/bin/env bash
# Sees that what is written by tools is as the tools would write it now. It works
# on copies and changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
	echo "gofmt would change:" $unformatted >&2
	exit 1
fi

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -cf - | tar -xf - -C "$copy"
(cd "$copy" && go generate ./... && go mod tidy)
for f in $(cd "$copy" && find . -name '*.gen.go') go.mod go.sum; do
	if ! cmp -s "$f" "$copy/$f"; then
		echo "$f is stale: run \"make generate\" and \"go mod tidy\"" >&2
		exit 1
	fi
done
echo "generated code, formatting and go.mod are up to date"

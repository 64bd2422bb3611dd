# What the examples share. Source it.
set -euo pipefail
url=${MILLRACE_URL:-http://127.0.0.1:8080}/v1

# call METHOD PATH [BODY] [HEADER…] shows a request and its answer, and leaves the
# answer in $body and its Consistency-Token in $token.
call() {
	local method=$1 path=$2 data=${3:-} header
	local args=(-sS -X "$method" -D - "$url$path")
	[ -z "$data" ] || args+=(-H 'Content-Type: application/json' -d "$data")
	for header in "${@:4}"; do args+=(-H "$header"); done
	echo
	echo "\$ $method /v1$path${data:+ $data}"
	local answer
	answer=$(curl "${args[@]}" | tr -d '\r')
	echo "${answer%%$'\n'*}"
	body=${answer#*$'\n\n'}
	token=$(sed -n 's/^Consistency-Token: //p' <<<"${answer%%$'\n\n'*}")
	echo "$body"
}

# field NAME prints the first field of that name in the last answer.
field() { grep -oE "\"$1\":\"[^\"]*\"" <<<"$body" | head -n 1 | cut -d'"' -f4; }

# wait_for FIELD VALUE PATH reads until a field has a value.
wait_for() {
	local tries
	for tries in $(seq 100); do
		body=$(curl -sS "$url$3")
		[ "$(field "$1")" != "$2" ] || return 0
		read -rt 0.05 <> <(:) || true
	done
	echo "gave up waiting for $1 to be $2: $body" >&2
	return 1
}

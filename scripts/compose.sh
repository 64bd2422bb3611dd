#!/usr/bin/env bash
# Starts Millrace in roles with MySQL and RabbitMQ, or stops it:
#
#   scripts/compose.sh up     build, start, wait until all of it is ready
#   scripts/compose.sh down   stop; the data is kept in volumes
set -euo pipefail
cd "$(dirname "$0")/.."

missing() {
	echo "$1" >&2
	echo "\"make run\" needs no Docker: one process on one SQLite file." >&2
	exit 1
}

command -v docker >/dev/null ||
	missing "this needs Docker, and there is no docker command: https://docs.docker.com/engine/install/"
docker compose version >/dev/null 2>&1 ||
	missing "docker has no compose command: please install its plugin, https://docs.docker.com/compose/install/"
timeout 10 docker info >/dev/null 2>&1 ||
	missing "the Docker engine does not answer: is it running, and may you use it? \"docker info\" says more"

case ${1:-} in
up)
	if ! docker compose up --build --wait -d; then
		echo "not everything is ready; \"docker compose logs\" says why" >&2
		exit 1
	fi
	cat <<-'TEXT'

		Millrace is running:

		  API       http://127.0.0.1:8080/v1/orders
		  docs      http://127.0.0.1:8080/docs
		  admin     http://127.0.0.1:8081/readyz  http://127.0.0.1:8081/metrics
		  gateway   http://127.0.0.1:8090/totals
		  RabbitMQ  http://127.0.0.1:15672  user millrace, password RABBITMQ_PASSWORD of .env or .env.example

		make demo walks an order, make down stops it.
	TEXT
	;;
down)
	docker compose down
	echo "The data is kept; \"docker compose down --volumes\" removes it."
	;;
*)
	sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
	exit 2
	;;
esac

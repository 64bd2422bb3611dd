#!/usr/bin/env bash
# Brings up real servers for the tests, each on a port of its own at 127.0.0.1:
#
#   scripts/servers.sh install [names]   fetch what is missing; a minute or two, 1 GB
#   scripts/servers.sh start [names]     start what does not answer, installing it first
#   scripts/servers.sh stop [names]      stop what start has started; data is kept
#   scripts/servers.sh kill [names]      end it at once, as a power failure would
#   scripts/servers.sh wipe [names]      kill it and forget its data
#   scripts/servers.sh status [names]    say what answers; fails if one does not
#   scripts/servers.sh env [names]       print the addresses: eval "$(scripts/servers.sh env)"
#   scripts/servers.sh run name command  run a client beside the server, such as
#                                        run mysql mysql -S /run/mysql.sock
#                                        run rabbitmq rabbitmqctl list_queues
#
# Names are mariadb, mysql, rabbitmq, rabbitmq3 and redis; no name means all of them.
#
# A server comes from the first of these that has it:
#   1. the environment: an address in MILLRACE_TEST_MYSQL and so on is used as it
#      is, and that server is neither installed nor started;
#   2. Docker, when an engine answers and MILLRACE_SERVERS_DOCKER is not "no": the
#      official images of mysql and rabbitmq;
#   3. Debian packages, in a folder of their own. Nothing is installed on the
#      machine itself but debootstrap and curl, and nothing starts with it.
#
# Everything is in MILLRACE_SERVERS_DIR, by default ~/.cache/millrace/servers: the
# packages in bookworm/ and sid/, and for each server NAME/data, NAME/log and
# NAME/pid. The first word of NAME/pid is the process to kill in a crash test; under
# Docker it is the container millrace-NAME-PORT. To begin again, stop the servers and
# remove the folder.
#
# MILLRACE_SERVERS_PORT makes one more server of a kind beside the others, on that
# port, of what is installed. All it has is in ports/PORT; "wipe" leaves nothing.
set -euo pipefail

usage() {
	sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
	exit 2
}

dir=${MILLRACE_SERVERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace/servers}
all=(mariadb mysql rabbitmq rabbitmq3 redis)

# Below 32768, where outgoing connections take their ports. A RabbitMQ has three
# more: management 10000 above, Erlang's distribution 10010 and its epmd 10020.
declare -A port=([mariadb]=13306 [mysql]=13307 [rabbitmq]=15673 [rabbitmq3]=15674 [redis]=16379)
extra=${MILLRACE_SERVERS_PORT:-}
if [ -n "$extra" ]; then
	for name in "${all[@]}"; do port[$name]=$extra; done
fi

# The release decides the version: bookworm has MariaDB 10.11, RabbitMQ 3.10 and
# Redis 7.0. MySQL 9 and RabbitMQ 4 are in sid only, which moves on.
declare -A release=([mariadb]=bookworm [mysql]=sid [rabbitmq]=sid [rabbitmq3]=bookworm [redis]=bookworm)
declare -A packages=(
	[mariadb]='mariadb-server-core mariadb-client-core'
	[mysql]='mysql-server-core mysql-client-core'
	[rabbitmq]=rabbitmq-server
	[rabbitmq3]=rabbitmq-server
	[redis]=redis-server
)
declare -A image=([mysql]=mysql:9 [rabbitmq]=rabbitmq:4-management)

# What a production server must have, and MariaDB does not have by itself: it
# comes without a binlog, and with sync_binlog=0.
durable=(--innodb-flush-log-at-trx-commit=1 --sync-binlog=1 --log-bin=binlog --server-id=1
	--binlog-expire-logs-seconds=86400)

# Where a server is, and what the tests call it.

variable() { echo "MILLRACE_TEST_${1^^}"; }

address() {
	case $1 in
	mariadb | mysql) echo "mysql://millrace:millrace@127.0.0.1:${port[$1]}/millrace_test" ;;
	rabbitmq*) echo "amqp://millrace:millrace@127.0.0.1:${port[$1]}/" ;;
	redis) echo "redis://127.0.0.1:${port[$1]}" ;;
	esac
}

management() { echo "http://127.0.0.1:$((port[$1] + 10000))"; }

# A shell that has taken our own addresses from "env" has not brought a server.
given() {
	local v
	v=$(variable "$1")
	[ -n "${!v:-}" ] && [ "${!v}" != "$(address "$1")" ]
}

# An engine that hangs counts as none.
docker_answers() {
	[ "${MILLRACE_SERVERS_DOCKER:-yes}" != no ] && command -v docker >/dev/null && timeout 10 docker info --format '{{.ServerVersion}}' >/dev/null 2>&1
}

# Docker is worth it only with the image: without a registry there are the packages.
# A server that runs from its packages stays with them when an engine comes up.
by_docker() {
	[ -n "$engine" ] && [ -n "${image[$1]:-}" ] && ! alive "$state/$1/pid" &&
		docker image inspect "${image[$1]}" >/dev/null 2>&1
}

container() { echo "millrace-$1-${port[$1]}"; }

origin() {
	if by_docker "$1"; then echo "Docker image ${image[$1]}"; else echo "Debian ${release[$1]} packages"; fi
}

# say prints the one line that each server gets.
say() { printf '%-10s %-24s %-16s %s\n' "$1" "$2" "127.0.0.1:${port[$1]}" "$3"; }

# Processes. A pid file holds the process and when it started, because the system
# gives a number out again, and only what is ours may be killed.

born() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# The name in brackets may have spaces; after it come the state and, as 20th, the start.
	read -ra stat <<<"${stat##*) }"
	[ "${stat[0]}" != Z ] && echo "${stat[19]}"
}

alive() {
	local pid start
	read -r pid start 2>/dev/null <"$1" || return 1
	[ "$(born "$pid")" = "$start" ]
}

# launch starts a command of a server's packages in the background. It must not have
# the lock, or it would hold it for as long as it runs.
launch() {
	local file=$1 name=$2
	shift 2
	inside "$name" setsid "$@" </dev/null >>"$state/$name/log" 2>&1 9<&- &
	echo "$! $(born $!)" >"$file"
}

# end asks a process to stop and insists after a minute.
end() {
	local pid
	alive "$1" || return 0
	read -r pid _ <"$1"
	kill -TERM "$pid"
	for _ in {1..300}; do
		alive "$1" || break
		sleep 0.2
	done
	if alive "$1"; then
		echo "${1#"$state/"}: process $pid did not stop within a minute, killing it" >&2
		kill -KILL "$pid"
	fi
	rm -f "$1"
}

# inside replaces the shell by a command in the root of a server's packages, so the
# process id stays. The mounts are in a namespace of the process and end with it:
# none is left behind for a careless rm -rf to follow. RabbitMQ needs /proc for its
# memory and disk alarms; the folder keeps its path, so one path serves both sides.
inside() {
	local name=$1 root=$dir/${release[$1]}
	shift
	if [ ! -e "$root/.millrace-$name" ]; then
		echo "$name is not installed" >&2
		exit 1
	fi
	# Nothing of the caller's, who may have settings for a RabbitMQ of their own. The
	# RabbitMQ command line wants a UTF-8 locale, and C.UTF-8 is the one that is there.
	local env=(LANG=C.UTF-8 "HOME=$state/$name" PATH=/usr/sbin:/usr/bin:/sbin:/bin)
	case $name in rabbitmq*)
		local loopback='-kernel inet_dist_use_interface {127,0,0,1}'
		env+=(
			# Before Debian's wrappers in /usr/sbin, which change to another user and home
			# and lose these settings.
			PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin
			# Without it the server is a child of a shell, and the pid file is the shell's.
			RUNNING_UNDER_SYSTEMD=true
			"RABBITMQ_NODENAME=millrace-$name@localhost"
			"RABBITMQ_CONFIG_FILE=$state/$name/rabbitmq.conf"
			"RABBITMQ_ENABLED_PLUGINS_FILE=$state/$name/plugins"
			"RABBITMQ_MNESIA_BASE=$state/$name/data"
			"RABBITMQ_LOG_BASE=$state/$name/data"
			RABBITMQ_LOGS=-
			"RABBITMQ_DIST_PORT=$((port[$name] + 10010))"
			"RABBITMQ_CTL_DIST_PORT_MIN=$((port[$name] + 10030))"
			"RABBITMQ_CTL_DIST_PORT_MAX=$((port[$name] + 10050))"
			"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=$loopback"
			"RABBITMQ_CTL_ERL_ARGS=$loopback"
			ERL_EPMD_ADDRESS=127.0.0.1
			"ERL_EPMD_PORT=$((port[$name] + 10020))"
		)
		;;
	esac
	# shellcheck disable=SC2016 # the inner shell expands
	exec unshare --mount sh -ec '
		root=$1 dir=$2
		shift 2
		mount -t proc proc "$root/proc"
		mkdir -p "$root$dir"
		mount --bind "$dir" "$root$dir"
		exec env -i "$@"' sh "$root" "$dir" "${env[@]}" chroot "$root" "$@"
}

# install

# host installs commands on the machine itself, those that are missing.
host() {
	local missing=()
	command -v debootstrap >/dev/null || missing+=(debootstrap debian-archive-keyring)
	command -v curl >/dev/null || missing+=(curl ca-certificates)
	[ ${#missing[@]} -eq 0 ] && return
	if ! command -v apt-get >/dev/null; then
		echo "please install: ${missing[*]}" >&2
		return 1
	fi
	logged apt-get update -qq
	logged env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# logged keeps the chatter of a command for when it fails.
logged() {
	local out
	out=$(mktemp)
	if ! "$@" >"$out" 2>&1 </dev/null; then
		echo "this has failed: $*" >&2
		tail -n 30 "$out" >&2
		rm -f "$out"
		return 1
	fi
	rm -f "$out"
}

# unpack makes the root of a release and installs the packages of servers there.
unpack() {
	local root=$dir/$1 name wanted=()
	shift
	for name in "$@"; do
		[ -e "$root/.millrace-$name" ] || wanted+=("$name")
	done
	[ ${#wanted[@]} -eq 0 ] && return
	echo "installing ${wanted[*]} from Debian ${root##*/}"

	if [ ! -d "$root" ]; then
		# Under another name until it is whole; what an interrupted run has left goes.
		rm -rf "$root.part"
		logged unshare --mount debootstrap --variant=minbase "${root##*/}" "$root.part"
		# An install script must not start a server here.
		printf '#!/bin/sh\nexit 101\n' >"$root.part/usr/sbin/policy-rc.d"
		chmod +x "$root.part/usr/sbin/policy-rc.d"
		# A minimal root knows no localhost, and Erlang has to look its host up.
		echo "127.0.0.1 localhost" >"$root.part/etc/hosts"
		mv "$root.part" "$root"
	fi

	# Names servers may have been given since the root was made.
	cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	local list=()
	for name in "${wanted[@]}"; do
		read -ra name <<<"${packages[$name]}"
		list+=("${name[@]}")
	done
	local in_root=(unshare --mount chroot "$root" env DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8)
	logged "${in_root[@]}" dpkg --configure -a
	# The lists of a new root are fresh. Asked for others only when these do not serve,
	# a mirror that has stood still for weeks does, too.
	if ! "${in_root[@]}" apt-get install -y -qq --no-install-recommends "${list[@]}" >/dev/null 2>&1 </dev/null; then
		logged "${in_root[@]}" apt-get update -qq
		logged "${in_root[@]}" apt-get install -y -qq --no-install-recommends "${list[@]}"
	fi
	logged "${in_root[@]}" apt-get clean
	for name in "${wanted[@]}"; do touch "$root/.millrace-$name"; done
}

install() {
	local name
	local -A by_release=()
	for name in "$@"; do
		if [ -n "$engine" ] && [ -n "${image[$name]:-}" ] && ! alive "$state/$name/pid" && ! by_docker "$name"; then
			logged docker pull -q "${image[$name]}" || echo "$name: no image, taking the packages" >&2
		fi
		by_docker "$name" || by_release[${release[$name]}]+=" $name"
	done
	[ ${#by_release[@]} -eq 0 ] && return
	host
	local works=() failed=0
	for name in "${!by_release[@]}"; do
		local names
		read -ra names <<<"${by_release[$name]}"
		unpack "$name" "${names[@]}" &
		works+=($!)
	done
	for name in "${works[@]}"; do wait "$name" || failed=1; done
	return $failed
}

# start

# version asks a server for it, as a client does; it fails when there is no answer
# within seconds, from a server that hangs too.
version() {
	local name=$1 exec=()
	if by_docker "$name"; then exec=(docker exec "$(container "$name")"); else exec=(run "$name"); fi
	exec+=(timeout 10)
	case $name in
	mariadb | mysql)
		local client=mysql p=${port[$name]}
		[ "$name" = mariadb ] && client=mariadb
		[ "${exec[0]}" = docker ] && p=3306
		# What follows the number, such as -MariaDB-0+deb12u1-log, says nothing new.
		"${exec[@]}" "$client" --no-defaults --protocol=tcp -h 127.0.0.1 -P "$p" -umillrace -pmillrace \
			-BNe 'SELECT VERSION()' millrace_test 2>/dev/null |
			sed 's/-.*//' | grep .
		;;
	rabbitmq*)
		local overview
		overview=$(curl -fs -m 5 -u millrace:millrace "$(management "$name")/api/overview") || return 1
		# Management answers before the port for messages does.
		# shellcheck disable=SC2016 # the inner shell expands
		timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "AMQP\0\0\11\1" >&3 && read -rN 1 <&3' \
			"${port[$name]}" 2>/dev/null || return 1
		sed -E 's/.*"rabbitmq_version":"([^"]+)".*/\1/' <<<"$overview"
		;;
	redis)
		"${exec[@]}" redis-cli -h 127.0.0.1 -p "${port[$name]}" INFO server 2>/dev/null |
			tr -d '\r' | sed -n 's/^redis_version://p' | grep .
		;;
	esac
}

run() { (inside "$@"); }

# A test may have databases whose names begin with millrace_, and users of its own.
sql_setup() {
	cat <<-'SQL'
		CREATE USER IF NOT EXISTS 'millrace'@'%' IDENTIFIED BY 'millrace';
		GRANT ALL ON `millrace\_%`.* TO 'millrace'@'%' WITH GRANT OPTION;
		GRANT CREATE USER ON *.* TO 'millrace'@'%';
		CREATE DATABASE IF NOT EXISTS millrace_test;
	SQL
}

# sql_server starts a server that reads no configuration but these flags. The init
# file is run before the first client is let in. Clients are known by their address,
# not their name, so that root, who has no password, can come by the socket only. The
# socket is in /run of the packages' root: its path may not be longer than 107 bytes.
sql_server() {
	local name=$1 program=$2
	shift 2
	sql_setup >"$state/$name/setup.sql"
	mkdir -p "$state/$name/tmp"
	launch "$state/$name/pid" "$name" "$program" --no-defaults --user=root "--datadir=$state/$name/data" "--tmpdir=$state/$name/tmp" \
		--bind-address=127.0.0.1 "--port=${port[$name]}" "--socket=/run/$name.sock" "--pid-file=/run/$name.pid" \
		--skip-name-resolve "--init-file=$state/$name/setup.sql" "${durable[@]}" "$@"
}

# first_time makes the data folder by a command, whole or not at all.
first_time() {
	local name=$1
	shift
	[ -d "$state/$name/data" ] && return
	rm -rf "$state/$name/data.part"
	mkdir -p "$state/$name/data.part" "$state/$name/tmp" # the packages' own /tmp is everybody's
	logged run "$name" "$@"
	mv "$state/$name/data.part" "$state/$name/data"
}

begin_mariadb() {
	# Without --skip-test-db there is a user without a name at localhost.
	first_time mariadb mariadb-install-db --no-defaults --user=root "--datadir=$state/mariadb/data.part" "--tmpdir=$state/mariadb/tmp" --skip-test-db
	# The character set is what Debian's configuration says; MariaDB itself says latin1.
	sql_server mariadb mariadbd --character-set-server=utf8mb4 --collation-server=utf8mb4_general_ci
}

begin_mysql() {
	if by_docker mysql; then
		sql_setup >"$state/mysql/setup.sql"
		chmod a+r "$state/mysql/setup.sql" # another user reads it in there
		contain mysql -p "127.0.0.1:${port[mysql]}:3306" -e MYSQL_RANDOM_ROOT_PASSWORD=yes \
			-v "$state/mysql/setup.sql:/docker-entrypoint-initdb.d/setup.sql:ro" -- "${durable[@]}" --mysqlx=OFF
		return
	fi
	# The folder that MySQL would import from and export to comes with another package;
	# without it the server refuses to start.
	local no_files=--secure-file-priv=NULL
	first_time mysql mysqld --no-defaults --user=root "--datadir=$state/mysql/data.part" --initialize-insecure $no_files
	sql_server mysql mysqld --mysqlx=OFF $no_files
}

begin_rabbitmq() {
	local name=${1:-rabbitmq}
	if by_docker "$name"; then
		contain "$name" -p "127.0.0.1:${port[$name]}:5672" -p "127.0.0.1:$((port[$name] + 10000)):15672" \
			--hostname millrace -e RABBITMQ_DEFAULT_USER=millrace -e RABBITMQ_DEFAULT_PASS=millrace --
		return
	fi
	mkdir -p "$state/$name/data"
	echo '[rabbitmq_management].' >"$state/$name/plugins"
	# An administrator, so that a test may have a virtual host of its own.
	cat >"$state/$name/rabbitmq.conf" <<-CONF
		listeners.tcp.1 = 127.0.0.1:${port[$name]}
		management.tcp.ip = 127.0.0.1
		management.tcp.port = $((${port[$name]} + 10000))
		default_user = millrace
		default_pass = millrace
		default_user_tags.management = true
		default_user_tags.administrator = true
	CONF
	# Erlang would start an epmd by itself, as a daemon that nobody stops.
	if ! alive "$state/$name/epmd.pid"; then
		launch "$state/$name/epmd.pid" "$name" epmd
		for _ in {1..50}; do
			(: <"/dev/tcp/127.0.0.1/$((port[$name] + 10020))") 2>/dev/null && break
			sleep 0.1
		done
	fi
	launch "$state/$name/pid" "$name" rabbitmq-server
}

begin_rabbitmq3() { begin_rabbitmq rabbitmq3; }

# Every write is on disk before it is confirmed, as with the other brokers.
begin_redis() {
	mkdir -p "$state/redis/data"
	launch "$state/redis/pid" redis redis-server --bind 127.0.0.1 --port "${port[redis]}" --dir "$state/redis/data" \
		--appendonly yes --appendfsync always
}

# contain starts the container of a server, which keeps the data. Before the --
# stand options of docker run, after it arguments of the image.
contain() {
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	docker start "$(container "$name")" >/dev/null 2>&1 ||
		logged docker run -d --name "$(container "$name")" "${options[@]}" "${image[$name]}" "$@"
}

running() {
	if by_docker "$1"; then
		[ "$(docker inspect -f '{{.State.Running}}' "$(container "$1")" 2>/dev/null)" = true ]
	else
		alive "$state/$1/pid"
	fi
}

start() {
	local name=$1 v from
	from=$(origin "$name")
	if v=$(version "$name"); then
		running "$name" || from="started by somebody else"
		say "$name" "$v" "$from, was running"
		return
	fi
	mkdir -p "$state/$name"
	# One that runs and does not answer yet is waited for.
	running "$name" || "begin_$name"
	local until=$((SECONDS + 120))
	while ! v=$(version "$name"); do
		if ! running "$name" || [ $SECONDS -ge $until ]; then
			echo "$name does not answer at 127.0.0.1:${port[$name]}; the end of its log:" >&2
			if by_docker "$name"; then
				docker logs --tail 30 "$(container "$name")" >&2
			else
				tail -n 30 "$state/$name/log" >&2
			fi
			return 1
		fi
		sleep 0.2
	done
	say "$name" "$v" "$from"
}

# stop, kill, wipe, status, env

stop() {
	local name=$1
	if by_docker "$name" && running "$name"; then
		logged docker stop -t 60 "$(container "$name")"
	elif alive "$state/$name/pid"; then
		end "$state/$name/pid"
	else
		end "$state/$name/epmd.pid"
		return
	fi
	end "$state/$name/epmd.pid"
	say "$name" stopped "data kept"
}

kill_at_once() {
	local name=$1 file pid
	if by_docker "$name"; then
		! running "$name" || logged docker kill "$(container "$name")"
		return
	fi
	for file in pid epmd.pid; do
		file=$state/$name/$file
		alive "$file" || continue
		read -r pid _ <"$file"
		kill -KILL "$pid"
		while alive "$file"; do sleep 0.05; done
		rm -f "$file"
	done
	# Its other threads may hold the port for a moment longer.
	while (: <"/dev/tcp/127.0.0.1/${port[$name]}") 2>/dev/null; do sleep 0.05; done
}

wipe() {
	kill_at_once "$1"
	if by_docker "$1"; then
		docker rm -f -v "$(container "$1")" >/dev/null 2>&1 || true # it may not be there
	fi
	rm -rf "${state:?}/$1"
}

status() {
	local name=$1 v from
	from=$(origin "$name")
	if v=$(version "$name"); then
		running "$name" || from="started by somebody else"
		say "$name" "$v" "$from"
	elif running "$name"; then
		say "$name" "does not answer" "$from"
		return 1
	else
		say "$name" "not running" "$from"
		return 1
	fi
}

environment() {
	local name v
	for name in "$@"; do
		v=$(variable "$name")
		if given "$name"; then
			printf 'export %s=%q\n' "$v" "${!v}"
			continue
		fi
		echo "export $v=$(address "$name")"
		case $name in rabbitmq*) echo "export ${v}_MANAGEMENT=$(management "$name")" ;; esac
	done
}

# each does the same for several servers at once. All of it has the lock, because
# after a Ctrl-C the rest of it goes on to its end.
each() {
	local command=$1 name works=() failed=0
	shift
	for name in "$@"; do
		"$command" "$name" &
		works+=($!)
	done
	for name in "${works[@]}"; do wait "$name" || failed=1; done
	return $failed
}

command=${1:-}
case $command in install | start | stop | kill | wipe | status | env | run) ;; *) usage ;; esac
shift
names=("$@")
[ "$command" = run ] && names=("${1:-}")
[ ${#names[@]} -gt 0 ] || names=("${all[@]}")
for name in "${names[@]}"; do
	if [ -z "$name" ] || [ -z "${port[$name]:-}" ]; then usage; fi
done

if [ "$command" = env ]; then
	environment "${names[@]}"
	exit
fi

# Changing the root needs one. The addresses that were given go along.
if [ "$(id -u)" -ne 0 ]; then
	mapfile -t addresses < <(env | grep '^MILLRACE_TEST_')
	exec sudo env "MILLRACE_SERVERS_DIR=$dir" "MILLRACE_SERVERS_DOCKER=${MILLRACE_SERVERS_DOCKER:-yes}" "MILLRACE_SERVERS_PORT=$extra" "${addresses[@]}" bash "$0" "$command" "$@"
fi

engine=
docker_answers && engine=yes
mkdir -p "$dir${extra:+/ports/$extra}"
dir=$(cd "$dir" && pwd -P)
state=$dir${extra:+/ports/$extra}

if [ "$command" = run ]; then
	shift
	if by_docker "$name"; then exec docker exec -i "$(container "$name")" "$@"; else inside "$name" "$@"; fi
fi

ours=()
for name in "${names[@]}"; do
	if given "$name"; then
		v=$(variable "$name")
		[ "$command" = stop ] || printf '%-10s %-24s %-16s %s\n' "$name" - "${!v##*@}" "given by $v"
	else
		ours+=("$name")
	fi
done
[ ${#ours[@]} -gt 0 ] || exit 0

if [ "$command" = status ]; then
	each status "${ours[@]}"
	exit
fi

# One at a time; the second finds everything done.
exec 9<"$state"
flock -n 9 || { echo "waiting for another servers.sh" >&2 && flock 9; }
case $command in
install)
	install "${ours[@]}"
	for name in "${ours[@]}"; do say "$name" installed "$(origin "$name")"; done
	;;
start)
	[ -n "$extra" ] || install "${ours[@]}"
	each start "${ours[@]}"
	;;
stop) each stop "${ours[@]}" ;;
kill) each kill_at_once "${ours[@]}" ;;
wipe)
	each wipe "${ours[@]}"
	# Who has waited for the lock finds it gone.
	[ -z "$extra" ] || rmdir --ignore-fail-on-non-empty "$state" 2>/dev/null || true
	;;
esac

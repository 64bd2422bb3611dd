#!/usr/bin/env bash
# Prints the SQL that makes the two users which Millrace needs on a MySQL or a
# MariaDB, and gives them their rights on a database:
#
#   the owner     migrates the schema, and is used for nothing else;
#   the service   is what the running service connects as. It can add events and
#                 read them, and neither change nor remove one.
#
# An administrator runs it:
#
#   OWNER_PASSWORD=… SERVICE_PASSWORD=… deploy/mysql/users.sh | mysql -u root -p
#
# DATABASE, OWNER and SERVICE are the names, by default millrace, millrace_owner
# and millrace_service. Run it before the first migration, and again whenever a
# password or this file has changed: it takes what is there as it is, and never
# takes a right away.
set -euo pipefail

database=${DATABASE:-millrace}
owner=${OWNER:-millrace_owner}
service=${SERVICE:-millrace_service}
: "${OWNER_PASSWORD:?is the password of $owner}" "${SERVICE_PASSWORD:?is the password of $service}"

# These are put between quotes as they are.
if [[ "$database$owner$service" == *[^A-Za-z0-9_]* ]]; then
	echo "names are of letters, digits and underscores: $database, $owner, $service" >&2
	exit 1
fi

# quoted makes a text of SQL out of any password.
quoted() {
	local text=${1//\\/\\\\}
	echo "'${text//\'/\'\'}'"
}

user() {
	echo "CREATE USER IF NOT EXISTS '$1'@'%' IDENTIFIED BY $2;"
	echo "ALTER USER '$1'@'%' IDENTIFIED BY $2;"
}

# allow gives the service rights on a table. Both servers refuse that for a table
# which is not there, unless the right to create it is among them, so that one
# comes and goes.
allow() {
	echo "GRANT CREATE, $2 ON \`$database\`.$1 TO '$service'@'%';"
	echo "REVOKE CREATE ON \`$database\`.$1 FROM '$service'@'%';"
}

user "$owner" "$(quoted "$OWNER_PASSWORD")"
user "$service" "$(quoted "$SERVICE_PASSWORD")"

# In the name of a database an underscore stands for any character.
echo "GRANT ALL PRIVILEGES ON \`${database//_/\\_}\`.* TO '$owner'@'%';"

# The truth: what has happened stays as it is.
allow events 'SELECT, INSERT'

# Which store this is: said once.
allow store 'SELECT, INSERT'

# What was asked for and what became of it: never changed, one day cleared away.
for table in commands outcomes; do
	allow $table 'SELECT, INSERT, DELETE'
done

for table in outbox feed unfinished_commands leases checkpoints mirrors processes process_streams dead_letters \
	order_views order_search payment_views ticket_views queues queue_messages; do
	allow $table 'SELECT, INSERT, UPDATE, DELETE'
done

# Which schema this is, for the service to find that there is nothing to migrate.
allow goose_db_version SELECT

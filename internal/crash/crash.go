// Package crash names the points at which tests kill the service. In a normal
// build every Point is an empty function; with the build tag crashpoints the
// process kills itself at the point that MILLRACE_CRASH_AT names: with NAME:COUNT when
// that is passed for that time, and with @FILE whenever it is in the file, which may
// change. A line of the file is a point and what has to be in the description of what
// passes it, as in
//
//	append.before| payment.debit |019915a7-4c1e-7b52-9d0c-3a5f1e8b7c21
//
// and is obeyed once. FILE.done says what was, and by which process.
//
// The points follow a command on its way. "After" is passed only by what went
// well.
//
//	journal.before, journal.after              a command that somebody sent is journaled
//	publish.before, publish.after              a command is handed to the broker, also again
//	append.before, append.after                events, outbox and outcome are committed
//	finish.before, finish.after                an outcome without events is committed
//	ack.before                                 a command was carried out and is still in its queue
//	relay.publish.before, relay.publish.after  records of the outbox are handed to the broker
//	feed.before, feed.after                    records move from the outbox to the feed
//	import.before, import.after                records of another store are taken over
//	gateway.before, gateway.after              the payment gateway is asked for a charge or a refund
//	ledger.before, ledger.after                the gateway simulator writes a charge or a refund down
//	view.before, view.after                    the view of an order is saved
//	process.before, process.after              a process and its commands are saved
//	commit.before, commit.after                any of these writes, in the transaction they share
package crash

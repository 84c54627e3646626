#!/bin/sh
# Runs, once and in order, the commands that only a running system can do, which holo-build has left here when it made this
# image. Then it removes itself.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
queue=/var/spool/holo-build/deferred
units=/usr/lib/systemd/system
export PATH

# An error to journald, sd-daemon(3).
complain() { printf '<3>%s\n' "$*" >&2; }

run() {
	failed=0
	cd / || exit
	for command in "$queue"/*.running; do
		[ -e "$command" ] || continue
		complain "interrupted, and not run again: $(cat "$command")"
		rm -f "$command"
		failed=1
	done
	for command in "$queue"/[0-9][0-9][0-9][0-9][0-9][0-9]; do
		[ -f "$command" ] || continue
		if ! mv "$command" "$command.running"; then
			complain "$command stays in the queue, and is not run: it would be run at each boot"
			failed=1
			continue
		fi
		sh "$command.running" </dev/null
		status=$?
		if [ "$status" != 0 ]; then
			complain "exit status $status: $(cat "$command.running")"
			failed=1
		fi
		rm -f "$command.running"
	done
	if rmdir "$queue"; then
		rmdir "${queue%/*}" 2>/dev/null
		rm -f "$units/default.target.wants/holo-build-deferred.service" "$units/holo-build-deferred.service" "$0" ||
			complain "nothing is left to do, but that what has done it can't be removed"
		rmdir "$units/default.target.wants" "${0%/*}" 2>/dev/null
	fi
	exit "$failed"
}
run

#!/bin/sh
# The notes plugin of notes_test.go, in POSIX shell.
set -e
target=$HOLO_ROOT_DIR/etc/notes
case $1 in
info)
	echo MIN_API_VERSION=3
	echo MAX_API_VERSION=3
	;;
scan)
	for f in "$HOLO_RESOURCE_DIR"/*; do
		[ -f "$f" ] || continue
		n=${f##*/}
		printf 'ENTITY: note:%s\nSOURCE: %s\nwrite to: %s\n' "$n" "$f" "$target/$n"
	done
	for f in "$HOLO_STATE_DIR"/*; do
		n=${f##*/}
		[ -f "$f" ] && [ ! -e "$HOLO_RESOURCE_DIR/$n" ] || continue
		printf 'ENTITY: note:%s\nACTION: Scrubbing (its resource is gone)\ndelete: %s\n' "$n" "$target/$n"
	done
	;;
diff)
	n=${2#note:}
	printf '%s\0%s\0' "$HOLO_STATE_DIR/$n" "$target/$n" >&3
	;;
apply|force-apply)
	n=${2#note:}
	if [ "$n" = bad ]; then
		echo "!! cannot write $target/$n" >&2
		exit 1
	fi
	if [ ! -e "$HOLO_RESOURCE_DIR/$n" ]; then
		rm -f "$target/$n" "$HOLO_STATE_DIR/$n"
		echo "deleted $target/$n"
		exit
	fi
	if [ -e "$target/$n" ] && cmp -s "$HOLO_RESOURCE_DIR/$n" "$target/$n"; then
		echo "not changed" >&3
		exit
	fi
	if [ "$1" = apply ] && [ -e "$HOLO_STATE_DIR/$n" ]; then
		if [ ! -e "$target/$n" ]; then
			echo "requires --force to restore" >&3
			exit
		elif ! cmp -s "$HOLO_STATE_DIR/$n" "$target/$n"; then
			echo "requires --force to overwrite" >&3
			exit
		fi
	fi
	mkdir -p "$target"
	cat "$HOLO_RESOURCE_DIR/$n" > "$target/$n"
	cat "$HOLO_RESOURCE_DIR/$n" > "$HOLO_STATE_DIR/$n"
	echo "wrote $target/$n"
	echo ">> from $HOLO_RESOURCE_DIR/$n" >&2
	;;
esac

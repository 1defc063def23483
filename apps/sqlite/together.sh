# Several processes write to one database at once: locks of files keep them apart, and with a write-ahead log shared memory
# does. Who comes when is not said, so the output is what is left in the end.
for mode in delete wal; do
	./sqlite3 -batch $mode.db "PRAGMA journal_mode = $mode; CREATE TABLE entry (who INTEGER, n INTEGER)" >/dev/null || exit 1
	pids=
	for who in 1 2 3 4; do
		n=0
		while [ $n -lt 20 ]; do
			echo "BEGIN IMMEDIATE; INSERT INTO entry SELECT $who, coalesce(max(n), 0) + 1 FROM entry WHERE who = $who; COMMIT;"
			n=$((n + 1))
		done | ./sqlite3 -batch -cmd '.timeout 30000' -cmd '.bail on' $mode.db &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || { echo "failed: $mode: status $?"; exit 1; }
	done
	./sqlite3 -batch $mode.db "PRAGMA integrity_check; SELECT who, count(*), sum(n), max(n) FROM entry GROUP BY who ORDER BY who"
	# Sorted, in a new file: the same bytes whoever came first.
	./sqlite3 -batch $mode.db "PRAGMA journal_mode = delete; ATTACH '$mode-sorted.db' AS s;
		CREATE TABLE s.entry AS SELECT * FROM main.entry ORDER BY who, n"
	: >$mode.db
done
echo "all passed"

# What a shell asks of a system, with nothing but the shell: processes, pipes, signals, redirections, waiting. Every command
# here is built in. Prints one line for each part, the same everywhere.
passed=0
check() {	# check WHAT GOT WANTED
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		echo "failed: $1: '$2' instead of '$3'"
		exit 1
	fi
}

# words
./dash -c "exit 0" || exit 1
a='one two' b=
set -- $a "$a" 'x*y'
check split "$#:$1:$3" '4:one:one two'
check default "${b:-empty}${b:+full}${c-unset}" emptyunset
check trim "${a#* }${a%% *}" twoone
check length "${#a}" 7
check arithmetic "$((7 / 2 * 2 + 0x10 % 3 + (1 << 4 | 1)))" 24
check substitution "$(echo inner $(echo innermost))" 'inner innermost'
check quoting "$(printf '%s|' a\ b "c'd" 'e"f')" "a b|c'd|e\"f|"
: >1.x; : >2.x; : >a.y; : >b.y
check glob "$(echo *.x [ab].y none*)" "1.x 2.x a.y b.y none*"
case abc in [xyz]*) echo wrong ;; a?c) check case matched matched ;; esac
echo words

# redirections
echo first >out
echo second >>out
{ read -r x; read -r y; } <out
check append "$x,$y" first,second
check heredoc "$(while read -r line; do printf '<%s>' "$line"; done <<END
$a
plain
END
)" '<one two><plain>'
exec 5>five 6<out
echo through five >&5
exec 5>&-
read -r x <&6
exec 6<&-
check descriptors "$x" first
check noclobber "$(set -C; { echo no >out; } 2>/dev/null || echo refused)" refused
check missing "$( { read -r x <nowhere; } 2>/dev/null || echo "status $?")" 'status 2'
(umask 077; : >private)
test -e private && test ! -s private && test -r private
check files "$?" 0
echo redirections

# processes
f() { return 3; }
f; check return "$?" 3
(exit 7); check subshell "$?" 7
check environment "$(V=given ./dash -c 'echo $V')" given
check exec "$(exec ./dash -c 'echo "$0 $1"' name argument)" 'name argument'
./no-such-program 2>/dev/null; check 'not found' "$?" 127
: >plain; ./plain 2>/dev/null; check 'not executable' "$?" 126
echo 'echo script $1' >script
check 'a script' "$(./dash script given)" 'script given'
check pipeline "$(i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i + 1)); done | { n=0; while read -r x; do n=$((n + x)); done; echo $n; } | { read -r x; echo "sum $x"; })" 'sum 1999000'
check 'closed pipe' "$( (i=0; while echo $i; do i=$((i + 1)); done) 2>/dev/null | { read -r x; echo $x; })" 0
! false && check not "$?" 0
i=0
while [ $i -lt 50 ]; do
	(exit $((i % 5))) &
	pids="$pids $!" i=$((i + 1))
done
sum=0
for pid in $pids; do
	wait "$pid"
	sum=$((sum + $?))
done
check 'fifty children' "$sum" 100
wait 1 2>/dev/null; check 'no child' "$?" 127
echo processes

# signals
trap 'caught="$caught usr1"' USR1
kill -USR1 $$
kill -USR1 $$
check trap "$caught" ' usr1 usr1'
trap - USR1
trap '' TERM
kill -TERM $$
check ignored "$?" 0
trap - TERM
./dash -c 'kill -KILL $$' 2>/dev/null; check killed "$?" 137
./dash -c 'trap "exit 9" HUP; kill -HUP $$; echo wrong'; check 'exit in a trap' "$?" 9
check 'trap on exit' "$(./dash -c 'trap "echo bye" EXIT; echo hi')" 'hi
bye'
(while :; do :; done) &
kill $!
wait $! 2>/dev/null; check 'a busy child' "$?" 143
echo signals

# the rest
cd . && check pwd "$PWD" "$(pwd)"
check ulimit "$(ulimit -n 32; ulimit -n)" 32
check getopts "$(set -- -a -b value rest; while getopts ab: o; do printf '%s%s ' "$o" "$OPTARG"; done; shift $((OPTIND - 1)); echo "$1")" 'a bvalue rest'
check eval "$(eval 'x=1; eval "y=\$x"; echo $y')" 1
set -e; (false; echo wrong) || check errexit "$?" 1; set +e
unset a; check unset "${a-gone}" gone
alias hello='echo hello'; check alias "$(eval hello)" hello
echo rest
echo "all $passed passed"

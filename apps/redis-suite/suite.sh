# Units of the test suite of Redis's archive: `sh suite.sh UNIT...`. The servers, the host's Tcl that drives them and the
# commands that it starts are all in here, so that pids, signals and /proc are what the tests take them for. A line for each
# test, in the suite's own words; then how many have passed. The same must come out with and without a monitor.
export PATH=/usr/bin:/bin
here=$PWD
# The path of a socket has at most 107 bytes, and a folder of the build may lie deep.
if [ ${#here} -lt 40 ]; then
	work=$here/work
else
	work=$(mktemp -d) || exit
fi
mkdir -p "$work/src"
cd "$work" || exit
tar xf "$here/tests.tar"
mv "$here/redis-server" "$here/redis-cli" "$here/redis-benchmark" src
ln -s redis-server src/redis-check-aof
singles=
for unit; do
	singles="$singles --single $unit"
done
# One client, so that the tests come one after the other; ports that another run beside this one hardly has.
tclsh tests/test_helper.tcl --clients 1 --durable --baseport $((12000 + $$ % 20 * 400)) --portcount 400 $singles \
	>said 2>errors
echo "status $?" >>said
# Without the time that each took.
grep -aE '^(\[(ok|err|skip|ignore|exception|TIMEOUT)\]|status )' said | sed 's/ ([0-9]* ms)$//'
echo "$(grep -ac '^\[ok\]' said) tests passed"
cd "$here"
[ -n "$SKETE_KEEP" ] || rm -r "$work"

# The tests of bzip2's own Makefile (target test): three texts packed and unpacked, as it says there. ./lua compares, since
# there is no cmp; a damaged file is recovered besides.
same() {
	./lua same.lua "$1" "$2" || { echo "failed: $1 and $2 differ"; exit 1; }
}

./bzip2 -1 <sample1.ref >sample1.rb2 || exit 1
./bzip2 -2 <sample2.ref >sample2.rb2 || exit 1
./bzip2 -3 <sample3.ref >sample3.rb2 || exit 1
./bzip2 -d <sample1.bz2 >sample1.tst || exit 1
./bzip2 -d <sample2.bz2 >sample2.tst || exit 1
./bzip2 -ds <sample3.bz2 >sample3.tst || exit 1
for n in 1 2 3; do
	same sample$n.bz2 sample$n.rb2
	same sample$n.tst sample$n.ref
	echo "sample $n"
done

# With names: the file is replaced, its mode stays, and what is in the way is not overwritten.
./bzip2 -2 -k sample2.ref && same sample2.ref.bz2 sample2.rb2
./bzip2 -t sample2.ref.bz2 && echo "an archive is whole"
./bzip2 -k sample2.ref 2>/dev/null && echo wrong
./bzip2 -d -c sample2.ref.bz2 >again && same again sample2.ref
./bzip2 -9 again && test ! -e again && ./bzip2 -d again.bz2 && same again sample2.ref && echo "files are replaced"

# Each block of a damaged file is a file of its own afterwards.
./bzip2 -1 -k -c sample1.ref >many.bz2
./bzip2recover many.bz2 2>/dev/null || exit 1
./bzip2 -d -c rec*many.bz2 >recovered && same recovered sample1.ref && echo "blocks are recovered"
./lua same.lua cut many.bz2 5000 cut.bz2
./bzip2 -t cut.bz2 2>/dev/null || echo "what is cut off is noticed"
echo "all passed"

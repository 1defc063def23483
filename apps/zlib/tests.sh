# The test of zlib's own Makefile (target teststatic): minigzip packs and unpacks, example uses every function. minigzip
# packs itself besides, at each level.
echo hello world | ./minigzip | ./minigzip -d || { echo "failed: minigzip"; exit 1; }
./example example.gz || { echo "failed: example"; exit 1; }
for level in 1 6 9; do
	./minigzip -$level <minigzip >packed.$level.gz && ./minigzip -d <packed.$level.gz >unpacked || exit 1
	./lua same.lua unpacked minigzip || { echo "failed: level $level"; exit 1; }
	echo "level $level"
done
./minigzip -f unpacked && ./minigzip -d unpacked.gz && ./lua same.lua unpacked minigzip && echo "files are replaced"
./lua same.lua cut packed.6.gz 1000 cut.gz
./minigzip -d <cut.gz >cut 2>/dev/null || echo "what is cut off is noticed"
echo "all passed"

"""Traffic for a Redis server: `python client.py PORT REDIS-CLI REDIS-BENCHMARK`. Ends it with SHUTDOWN."""
import subprocess
import sys
import time

PORT, CLI, BENCHMARK = sys.argv[1:]
START_S, ANSWER_S = 30, 120


def run(*words: str, text: str = "") -> str:
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=ANSWER_S)
    if done.returncode:
        sys.exit(f"failed: {' '.join(words)[:200]}: status {done.returncode}\n{done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


def cli(*words: str, text: str = "") -> str:
    return run(CLI, "-h", "127.0.0.1", "-p", PORT, *words, text=text).rstrip("\n")


def check(what: str, got: str, wanted: str) -> None:
    if got != wanted:
        sys.exit(f"failed: {what}: {got!r:.300} instead of {wanted!r:.300}")


def wait_for_server() -> None:
    end = time.monotonic() + START_S
    while subprocess.run([CLI, "-h", "127.0.0.1", "-p", PORT, "PING"], capture_output=True).stdout != b"PONG\n":
        if time.monotonic() > end:
            sys.exit(f"no Redis answers on port {PORT} after {START_S} s")
        time.sleep(0.1)


wait_for_server()
check("set", cli("SET", "greeting", "hello"), "OK")
check("append", cli("APPEND", "greeting", " world"), "11")
check("get", cli("GET", "greeting"), "hello world")
check("list", cli(text="RPUSH l a b c\nLRANGE l 0 -1\nLPOP l\n"), "3\na\nb\nc\na")
check("hash", cli(text="HSET h one 1 two 2\nHINCRBY h two 40\nHGET h two\n"), "2\n42\n42")
check("sorted set", cli(text="ZADD z 3 c 1 a 2 b\nZRANGE z 0 -1 WITHSCORES\n"), "3\na\n1\nb\n2\nc\n3")
check("stream", cli(text="XADD s 1-1 k v\nXLEN s\n"), "1-1\n1")
check("expiry", cli(text="SET e x PX 100000\nPERSIST e\nTTL e\n"), "OK\n1\n-1")
check("transaction", cli(text="MULTI\nINCR n\nINCR n\nEXEC\n"), "OK\nQUEUED\nQUEUED\n1\n2")
check("script", cli("EVAL", "local s = 0 for i = 1, 1000 do s = s + i end return {s, redis.call('GET', KEYS[1])}", "1", "n"),
      "500500\n2")
check("error", cli("INCR", "greeting"), "ERR value is not an integer or out of range")
print("strings, lists, hashes, sets, streams, expiry, transactions, scripts")
large = "x" * 1_000_000
check("large value", cli("-x", "SET", "large", text=large), "OK")
check("large value", cli("GET", "large"), large)
check("many", cli(text="".join(f"SET key:{n} {n}\n" for n in range(5000))), "\n".join(["OK"] * 5000))
check("size", cli("DBSIZE"), "5008")
print("a value of a million bytes, 5000 keys")
subscriber = subprocess.Popen([CLI, "-h", "127.0.0.1", "-p", PORT, "SUBSCRIBE", "channel"], stdout=subprocess.PIPE, text=True)
try:
    check("subscription", "".join(subscriber.stdout.readline() for _ in range(3)), "subscribe\nchannel\n1\n")
    check("publish", cli("PUBLISH", "channel", "news"), "1")
    check("message", "".join(subscriber.stdout.readline() for _ in range(3)), "message\nchannel\nnews\n")
finally:
    subscriber.kill()
    subscriber.wait()
print("publish and subscribe")
tests = run(BENCHMARK, "-h", "127.0.0.1", "-p", PORT, "-q", "--csv", "-n", "2000", "-c", "20", "-t",
            "ping,set,get,incr,lpush,lpop,sadd,hset,spop,zadd,zpopmin,mset").splitlines()[1:]
for line in tests:
    name, rate, *_ = (word.strip('"') for word in line.split(","))
    if not float(rate) > 0:
        sys.exit(f"failed: {line}")
    print("benchmark", name)
run(BENCHMARK, "-h", "127.0.0.1", "-p", PORT, "-q", "-n", "20000", "-c", "50", "-P", "16", "-t", "set,get")
print("pipelined, 50 clients")
check("flush", cli("FLUSHALL"), "OK")
check("empty", cli("DBSIZE"), "0")


def wait_for_rewrite() -> None:
    """Wait until the child that the server forks has written what there is."""
    end = time.monotonic() + START_S
    while "aof_rewrite_in_progress:1" in (said := cli("INFO", "persistence")) or "aof_rewrite_scheduled:1" in said:
        if time.monotonic() > end:
            sys.exit(f"the rewrite is not finished after {START_S} s")
        time.sleep(0.1)
    if "aof_last_bgrewrite_status:ok" not in said:
        sys.exit(f"failed: the rewrite:\n{said}")


# One key: the server writes them in an order of its own, and the files are compared.
check("more", cli(text="".join(f"RPUSH list {n}\n" for n in range(100))), "\n".join(str(n) for n in range(1, 101)))
check("to a file", cli("CONFIG", "SET", "appendonly", "yes"), "OK")
wait_for_rewrite()
check("many", cli(text="".join(f"SET key:{n} {n}\n" for n in range(100))), "\n".join(["OK"] * 100))
check("from the file", cli("DEBUG", "LOADAOF"), "OK")
check("what was there", cli(text="DBSIZE\nGET key:99\nLRANGE list 98 -1\n"), "101\n99\n98\n99")
print("written to files by a child and by the server, and read again")
subprocess.run([CLI, "-h", "127.0.0.1", "-p", PORT, "SHUTDOWN", "NOSAVE"], capture_output=True, timeout=ANSWER_S)
print("all passed")

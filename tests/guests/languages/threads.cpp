// C++ as the host's g++ links it statically: exceptions over frames and threads, streams, thread-local storage, and
// memory from many threads at once (glibc's arenas).
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static thread_local int mine = 1;

struct Counted {
	static std::atomic<int> alive;
	Counted() { ++alive; }
	~Counted() { --alive; }
};
std::atomic<int> Counted::alive { 0 };

static int deep(int n)
{
	Counted here;
	if (n == 0)
		throw std::runtime_error("from below");
	return deep(n - 1) + 1;
}

static long allocates(unsigned seed)
{
	std::map<std::string, std::vector<int>> many;
	for (int i = 0; i < 2000; i++) {
		seed = seed * 1103515245 + 12345;
		auto &values = many[std::to_string(seed % 100)];
		values.resize(seed >> 16 & 1023, i);
		if (i % 7 == 0)
			many.erase(many.begin());
	}
	mine += seed & 1;
	return std::accumulate(many.begin(), many.end(), 0L, [](long sum, const auto &pair) { return sum + pair.second.size(); });
}

int main()
{
	try {
		deep(50);
	} catch (const std::exception &error) {
		std::cout << error.what() << ", " << Counted::alive << " left\n";
	}
	auto future = std::async(std::launch::async, [] { return deep(3); });
	try {
		future.get();
	} catch (const std::runtime_error &error) {
		std::cout << "over threads: " << error.what() << "\n";
	}

	std::vector<long> sums(6);
	std::vector<std::thread> threads;
	for (unsigned i = 0; i < sums.size(); i++)
		threads.emplace_back([i, &sums] { sums[i] = allocates(i + 1); });
	for (auto &thread : threads)
		thread.join();
	bool same = true;
	for (unsigned i = 0; i < sums.size(); i++)
		same = same && sums[i] == allocates(i + 1);
	std::cout << "memory " << (same ? "as alone" : "DIFFERS") << "\n";

	std::mutex mutex;
	std::condition_variable changed;
	bool ready = false;
	std::thread waker([&] { std::lock_guard<std::mutex> lock(mutex); ready = true; changed.notify_one(); });
	std::unique_lock<std::mutex> lock(mutex);
	std::cout << "woken " << changed.wait_for(lock, std::chrono::seconds(20), [&] { return ready; }) << "\n";
	lock.unlock();
	waker.join();

	std::ostringstream text;
	text << std::hex << 48879 << " " << 0.1 << " " << std::boolalpha << true;
	std::cout << text.str() << std::endl;
	return 0;
}

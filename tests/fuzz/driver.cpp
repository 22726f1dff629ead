#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/// Feeds a fuzz target with broken variants of good files, for compilers without libFuzzer.
/// Usage: fuzz_<name> SEEDS SECONDS runs for a while; fuzz_<name> FILE repeats one input.
/// An input that crashes, hangs or takes too much memory is kept as <program>.crash in the current folder.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

constexpr size_t maxInput = 1 << 20;
/// A parser that believes a lying header is found by what it takes; a sanitizer's own memory stays below
/// this.
constexpr long maxMemoryKilobytes = 2L << 20;
constexpr unsigned maxSecondsPerInput = 20;

std::string current; ///< the input being run, for the crash handler
std::string crashFile;

/// Writes the input with calls that are allowed in a signal handler.
void writeInput()
{
    const int file = ::open(crashFile.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file >= 0 && ::write(file, current.data(), current.size()) >= 0)
        ::close(file);
}

/// Raising the signal again gives the shell and ctest their sign of failure.
void keepInput(int signal)
{
    writeInput();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

void catchCrashes()
{
    for (int signal : {SIGABRT, SIGALRM})
        std::signal(signal, keepInput);
    // A sanitizer prints better reports of the others and tells us before it ends the program.
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(writeInput);
        return;
    }
    for (int signal : {SIGSEGV, SIGFPE, SIGILL, SIGBUS})
        std::signal(signal, keepInput);
}

using Generator = std::mt19937;

size_t below(Generator& random, size_t count)
{
    return static_cast<size_t>(random() % std::max<size_t>(count, 1));
}

void flipBits(std::string& input, Generator& random)
{
    for (size_t i = below(random, 8) + 1; i > 0 && !input.empty(); --i) {
        char& byte = input[below(random, input.size())];
        byte = static_cast<char>(byte ^ (1 << below(random, 8)));
    }
}

/// Numbers that programs get wrong, in both byte orders and as text.
void placeNumber(std::string& input, Generator& random)
{
    static constexpr uint32_t numbers[] = {0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
        0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000000, 3};
    static constexpr const char* texts[] = {
        "-1", "0", "1e999", "9223372036854775808", "null", "\"\"", "[]", "{}", "[[[["};
    std::string number;
    if (below(random, 3) == 0) {
        number = texts[below(random, std::size(texts))];
    } else {
        const uint32_t value = numbers[below(random, std::size(numbers))];
        for (int shift = 24; shift >= 0; shift -= 8)
            number += static_cast<char>(value >> shift & 0xFF);
        if (below(random, 2))
            std::reverse(number.begin(), number.end());
    }
    // The start of a file is where its header is.
    const size_t reach = below(random, 2) ? std::min<size_t>(input.size(), 32) : input.size();
    const size_t at = below(random, reach);
    input.replace(at, below(random, 2) ? std::min(number.size(), input.size() - at) : 0, number);
}

void moveBlock(std::string& input, Generator& random, const std::string& from)
{
    const size_t start = below(random, from.size());
    const size_t length = std::min(below(random, 256) + 1, from.size() - start);
    input.insert(below(random, input.size() + 1), from, start, length);
}

std::string mutate(const std::vector<std::string>& seeds, Generator& random)
{
    std::string input = seeds[below(random, seeds.size())];
    for (size_t steps = below(random, 5) + 1; steps > 0; --steps)
        switch (below(random, 6)) {
        case 0:
        case 1:
            flipBits(input, random);
            break;
        case 2:
            placeNumber(input, random);
            break;
        case 3:
            input.resize(below(random, input.size() + 1));
            break;
        case 4:
            if (!input.empty())
                input.erase(below(random, input.size()), below(random, 64) + 1);
            break;
        default:
            moveBlock(input, random, seeds[below(random, seeds.size())]);
        }
    input.resize(std::min(input.size(), maxInput));
    return input;
}

std::string readAll(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> readSeeds(const std::filesystem::path& folder)
{
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.is_regular_file() && entry.file_size() <= maxInput)
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<std::string> seeds;
    for (const auto& file : files)
        seeds.push_back(readAll(file));
    return seeds;
}

void runOne(std::string input)
{
    current = std::move(input);
    ::alarm(maxSecondsPerInput);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(current.data()), current.size());
    ::alarm(0);
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    if (usage.ru_maxrss > maxMemoryKilobytes) {
        std::fprintf(
            stderr, "an input of %zu bytes took %ld MiB of memory\n", current.size(), usage.ru_maxrss / 1024);
        std::abort();
    }
}

int fuzz(const std::filesystem::path& folder, double seconds)
{
    const auto seeds = readSeeds(folder);
    if (seeds.empty()) {
        std::fprintf(stderr, "there are no seed files in %s\n", folder.c_str());
        return 2;
    }
    for (const auto& seed : seeds)
        runOne(seed);
    Generator random(1); // the same inputs in the same order each time
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    size_t runs = 0;
    for (; std::chrono::steady_clock::now() < end; ++runs)
        runOne(mutate(seeds, random));
    std::printf("%zu seeds, %zu runs\n", seeds.size(), runs);
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s SEEDS SECONDS | %s FILE\n", argv[0], argv[0]);
        return 2;
    }
    crashFile = std::filesystem::path(argv[0]).filename().string() + ".crash";
    catchCrashes();
    try {
        if (!std::filesystem::is_directory(argv[1])) {
            runOne(readAll(argv[1]));
            return 0;
        }
        return fuzz(argv[1], argc > 2 ? std::atof(argv[2]) : 10);
    } catch (const std::exception& exception) {
        std::fprintf(stderr, "an exception escaped: %s\n", exception.what());
        keepInput(SIGABRT);
    }
}

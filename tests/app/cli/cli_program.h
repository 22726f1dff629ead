#pragma once

#include "tests/engine/test_util.h"

#include <nlohmann/json.hpp>

#include <csignal>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char** environ;

namespace gradloom::cli_test {

using Json = nlohmann::json;

/// What a call of the program gave.
struct Output
{
    int code = -1; ///< -1: ended by a signal
    std::string out;
    std::string err;

    Json json() const
    {
        Json parsed = Json::parse(out, nullptr, false);
        EXPECT_FALSE(parsed.is_discarded()) << "no JSON: " << out << err;
        return parsed;
    }
};

/// A call of gradloom-cli that may still be running.
class Call
{
public:
    /// `terminal`: a file descriptor for stderr instead of a file, -1 for none.
    explicit Call(std::vector<std::string> arguments, int terminal = -1, const char* program = GRADLOOM_CLI)
    {
        arguments.insert(arguments.begin(), program);
        std::vector<char*> argv;
        for (std::string& argument : arguments)
            argv.push_back(argument.data());
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        const auto toFile = [&](int descriptor, const std::filesystem::path& path) {
            posix_spawn_file_actions_addopen(
                &actions, descriptor, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        };
        toFile(1, m_folder / "out");
        if (terminal >= 0)
            posix_spawn_file_actions_adddup2(&actions, terminal, 2);
        else
            toFile(2, m_folder / "err");
        EXPECT_EQ(posix_spawn(&m_process, program, &actions, nullptr, argv.data(), environ), 0);
        posix_spawn_file_actions_destroy(&actions);
    }

    void interrupt() { kill(m_process, SIGINT); }
    std::string errorsSoFar() const { return test::readBytes(m_folder / "err"); }

    Output wait()
    {
        int status = 0;
        EXPECT_EQ(waitpid(m_process, &status, 0), m_process);
        return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, test::readBytes(m_folder / "out"),
            test::readBytes(m_folder / "err")};
    }

private:
    test::TempFolder m_folder;
    pid_t m_process = 0;
};

inline Output run(std::vector<std::string> arguments)
{
    return Call(std::move(arguments)).wait();
}

/// The same program as it is where the pretended GPUs of fake_cuda.cpp can be used.
inline Output runOnGpus(std::vector<std::string> arguments)
{
    return Call(std::move(arguments), -1, GRADLOOM_CLI_WITH_FAKE_CUDA).wait();
}

/// A project of the built-in pictures that trains in a moment.
inline std::string smallProject()
{
    return R"({
  "format": 1,
  "name": "Small",
  "description": "A test <project> & more.",
  "expected": "",
  "data": {"source": {"type": "shapes", "options": {"training": 200, "test": 50, "size": 16}}, "preprocess": "scale"},
  "nodes": [
    {"id": "in", "type": "input", "version": 1, "at": [0, 0], "options": {"shape": [16, 16, 1]}},
    {"id": "conv", "type": "conv2d", "version": 1, "at": [200, 0], "options": {"filters": 4, "activation": "relu"}},
    {"id": "pool", "type": "max_pool2d", "version": 1, "at": [400, 0], "options": {}},
    {"id": "flat", "type": "flatten", "version": 1, "at": [600, 0], "options": {}},
    {"id": "scores", "type": "dense", "version": 1, "at": [800, 0], "options": {"units": 10}},
    {"id": "loss", "type": "cross_entropy", "version": 1, "at": [1000, 0], "options": {}}
  ],
  "edges": [
    {"from": "in", "to": "conv"},
    {"from": "conv", "to": "pool"},
    {"from": "pool", "to": "flat"},
    {"from": "flat", "to": "scores"},
    {"from": "scores", "to": "loss"}
  ],
  "groups": [],
  "training": {
    "optimizer": {"type": "adam", "options": {"learning_rate": 0.003}},
    "schedule": {"type": "cosine", "options": {}},
    "batch": 32,
    "epochs": 2,
    "seed": 3,
    "validation_share": 0.1
  }
}
)";
}

/// `text` with the first `from` replaced.
inline std::string replaced(std::string text, const std::string& from, const std::string& to)
{
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// A folder with the small project in it, and a trained run where it is asked for.
class Workshop : public testing::Test
{
protected:
    void SetUp() override { test::writeBytes(folder / "small.gradloom.json", smallProject()); }

    std::string project() const { return (folder / "small.gradloom.json").string(); }
    std::string at(const std::string& name) const { return (folder / name).string(); }
    /// Trains into at("run") and returns the weights' path.
    std::string trained(std::vector<std::string> more = {})
    {
        std::vector<std::string> arguments{
            "train", project(), "--out", at("run"), "--quiet", "--threads", "2"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const Output output = run(std::move(arguments));
        EXPECT_EQ(output.code, 0) << output.err;
        EXPECT_EQ(output.err, "");
        return at("run/weights.safetensors");
    }

    test::TempFolder folder;
};

} // namespace gradloom::cli_test

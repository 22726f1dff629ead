#pragma once

#include "engine/base/result.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace gradloom::cli {

/// A command of the program as data: one file in app/cli/commands returns one of these.
struct Command
{
    std::string id;   ///< "train"
    std::string help; ///< one line
    /// Declares the command's options and returns what it does once they are read. An Error becomes one line
    /// on stderr and exit code 1.
    std::function<std::function<Status()>(CLI::App& app)> declare;
};

} // namespace gradloom::cli

#include "app/cli/command.h"
#include "engine/backend/backend.h"

#include <iostream>
#include <vector>

namespace gradloom::cli {

std::vector<Command> allCommands();

namespace {

constexpr int failure = 1;
constexpr int wrongUse = 2;

int fail(const std::string& message)
{
    std::cerr << "gradloom-cli: " << message << '\n';
    return failure;
}

int run(int argc, char** argv)
{
    CLI::App app("Trains, judges and explains neural networks drawn with Gradloom.", "gradloom-cli");
    app.set_version_flag("--version", "gradloom-cli " GRADLOOM_VERSION);
    app.require_subcommand(1);
    std::function<Status()> action;
    for (const Command& command : allCommands()) {
        CLI::App* sub = app.add_subcommand(command.id, command.help);
        sub->callback([&action, act = command.declare(*sub)] { action = act; });
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? 0 : wrongUse;
    }
    const Status status = action();
    std::cout.flush();
    if (!status)
        return fail(status.error().message);
    return std::cout.good() ? 0 : fail("The output could not be written.");
}

} // namespace

} // namespace gradloom::cli

int main(int argc, char** argv)
{
    try {
        return gradloom::cli::run(argc, argv);
    } catch (const std::bad_alloc&) {
        return gradloom::cli::fail("The memory does not suffice; use a smaller batch or network.");
    } catch (const gradloom::backend::DeviceFailure& failure) {
        return gradloom::cli::fail(failure.what());
    } catch (const std::exception& exception) {
        return gradloom::cli::fail(std::string("An error in the program: ") + exception.what() + ".");
    }
}

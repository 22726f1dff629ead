#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/progress.h"
#include "app/cli/text_table.h"
#include "engine/train/sum_check.h"
#include "engine/train/training_options.h"

#include <chrono>
#include <cmath>

namespace gradloom::cli {

namespace {

struct CheckOptions : CommonOptions
{
    std::string precision = "float32";
    bool deterministic = false;
    std::vector<std::string> devices; ///< whose sums are checked instead
};

std::string errorText(double error)
{
    if (std::isinf(error))
        return "∞";
    char text[32];
    std::snprintf(text, sizeof text, error == 0 ? "0" : "%.1e", error);
    return text;
}

/// The first few.
std::string kernelsText(const train::PrimitiveCheck& check)
{
    constexpr size_t most = 2;
    std::string text;
    size_t count = 0;
    for (const std::string& kernel : check.kernels) {
        if (++count > most)
            return text + "; …";
        text += (text.empty() ? "" : "; ") + kernel;
    }
    return text;
}

Json checkJson(const train::Selfcheck& check, uint64_t seed)
{
    Json primitives = Json::array();
    for (const auto& one : check.primitives)
        primitives.push_back({{"primitive", one.primitive}, {"cases", one.cases},
            {"error", number(one.error)}, {"limit", one.limit}, {"seconds", one.seconds},
            {"passed", one.problem.empty()}, {"problem", one.problem}, {"kernels", one.kernels}});
    return Json{{"device", check.device}, {"reference", check.reference}, {"note", check.note}, {"seed", seed},
        {"passed", check.passed()}, {"primitives", primitives}};
}

std::string checkText(const train::Selfcheck& check, uint64_t seed)
{
    TextTable table({"primitive", ">cases", ">error", ">allowed", ">ms", "", "kernels"});
    for (const auto& one : check.primitives)
        table.add({one.primitive, std::to_string(one.cases), errorText(one.error), errorText(one.limit),
            decimals(one.seconds * 1e3, 3), one.problem.empty() ? "ok" : one.problem, kernelsText(one)});
    return "device     " + check.device + "\nreference  " + check.reference + "\nseed       " +
           std::to_string(seed) + "\n" + (check.note.empty() ? "" : "note       " + check.note + "\n") + "\n" +
           table.toString();
}

/// Names what failed.
Status verdict(const train::Selfcheck& check)
{
    std::string failed;
    for (const auto& one : check.primitives)
        if (!one.problem.empty())
            failed += (failed.empty() ? "" : ", ") + one.primitive;
    if (failed.empty())
        return {};
    return Error{ErrorCode::Numerical, check.device + " does not pass: " + failed + ".", {}};
}

Status runSelfcheck(CheckOptions options)
{
    auto training = train::readTrainingOptions(
        {{"precision", options.precision}, {"deterministic", options.deterministic}});
    if (!training)
        return training.error();
    train::SelfcheckOptions how;
    how.device = training->device(options.threads);
    how.seed = options.seed.value_or(
        static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()));
    how.progress = countProgress(options, "case");
    const auto check = options.devices.empty() ? train::selfcheck(options.device, how)
                                               : train::checkSums(options.devices, how);
    if (!check)
        return check.error();
    if (Status status = emit(options, "selfcheck", checkJson(*check, how.seed), checkText(*check, how.seed));
        !status)
        return status;
    return verdict(*check);
}

} // namespace

Command selfcheck()
{
    return {
        "selfcheck", "Run every primitive operation on a device and compare with the CPU", [](CLI::App& app) {
            auto options = std::make_shared<CheckOptions>();
            addDeviceOptions(app, *options);
            app.add_option("--devices", options->devices,
                   "Checks instead how several devices add up: cuda:0,cuda:1")
                ->type_name("DEVICES")
                ->delimiter(',')
                ->excludes("--device");
            app.add_option(
                   "--seed", options->seed, "Of the random operands; a new one each time if not given")
                ->type_name("NUMBER")
                ->check(CLI::NonNegativeNumber);
            app.add_option("--precision", options->precision, "Of a GPU's products: float32, tf32 or bf16")
                ->check(CLI::IsMember({"float32", "tf32", "bf16"}))
                ->capture_default_str();
            app.add_flag(
                "--deterministic", options->deterministic, "Only algorithms that repeat the same bits");
            addOutputOptions(app, *options);
            app.footer(
                "Operands are random, memory is poisoned first. An error is the largest difference to the\n"
                "reference relative to the largest number of the operation's results, or to the size that its\n"
                "sums have as a rule; of training steps and of sums of devices absolute. The CPU is compared\n"
                "with its own kernels for the lowest instruction set. Exit code 1: a primitive does not pass.");
            return [options] { return runSelfcheck(*options); };
        }};
}

} // namespace gradloom::cli

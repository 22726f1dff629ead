#include "tests/app/cli/cli_program.h"

#include <algorithm>

using namespace gradloom;
using namespace gradloom::cli_test;

namespace {

class CliErrors : public Workshop
{
protected:
    /// Exit code 1 and one sentence on stderr that names `what`; nothing on stdout.
    void expectFailure(const std::vector<std::string>& arguments, const std::string& what)
    {
        const Output output = run(arguments);
        EXPECT_EQ(output.code, 1) << arguments[0] << ": " << output.out << output.err;
        EXPECT_NE(output.err.find(what), std::string::npos) << output.err;
        EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
        EXPECT_EQ(output.out, "");
    }

    void expectBadProject(const std::string& text, const std::string& what)
    {
        test::writeBytes(folder / "bad.gradloom.json", text);
        expectFailure({"train", at("bad.gradloom.json"), "--out", at("never"), "--quiet"}, what);
        EXPECT_FALSE(std::filesystem::exists(folder / "never"));
    }
};

} // namespace

TEST_F(CliErrors, WrongUseIsTwo)
{
    for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{{}, {"frobnicate"},
             {"train"}, {"train", project(), "--nonsense"}, {"train", project(), "--epochs", "0"},
             {"train", project(), "--epochs", "many"}, {"train", project(), "--seed", "-1"},
             {"evaluate", project()}, {"evaluate", project(), "--weights", "w", "--split", "all"},
             {"predict", project(), "--weights", "w"},
             {"explain", project(), "--weights", "w", "--method", "guess"}}) {
        const Output output = run(arguments);
        EXPECT_EQ(output.code, 2) << (arguments.empty() ? "" : arguments.back());
        EXPECT_FALSE(output.err.empty());
        EXPECT_EQ(output.out, "");
    }
    for (const std::vector<std::string>& arguments :
        std::vector<std::vector<std::string>>{{"--help"}, {"train", "--help"}, {"--version"}}) {
        const Output output = run(arguments);
        EXPECT_EQ(output.code, 0);
        EXPECT_FALSE(output.out.empty());
        EXPECT_EQ(output.err, "");
    }
}

TEST_F(CliErrors, ProjectsThatAreNone)
{
    expectFailure({"train", at("absent.gradloom.json")}, "absent.gradloom.json");
    expectBadProject("", "bad.gradloom.json");
    expectBadProject(smallProject().substr(0, 700), "bad.gradloom.json");
    expectBadProject("hello", "bad.gradloom.json");
    expectBadProject(replaced(smallProject(), "\"format\": 1", "\"format\": 99"), "99");
    expectBadProject(replaced(smallProject(), "\"type\": \"flatten\"", "\"type\": \"flattten\""), "flattten");
    expectBadProject(replaced(smallProject(), "\"id\": \"pool\"", "\"id\": \"conv\""), "conv");
    expectBadProject(
        replaced(smallProject(), "{\"from\": \"in\", \"to\"", "{\"from\": \"nobody\", \"to\""), "nobody");
    expectBadProject(replaced(smallProject(), "{\"from\": \"in\", \"to\": \"conv\"}",
                         "{\"from\": \"pool\", \"to\": \"conv\"}"),
        "");
    expectBadProject(replaced(smallProject(), "[16, 16, 1]", "[1000000, 1000000, 1000000]"), "");
    expectBadProject(replaced(smallProject(), "\"type\": \"adam\"", "\"type\": \"magic\""), "magic");
}

TEST_F(CliErrors, DrawingsThatDoNotFit)
{
    expectBadProject(replaced(smallProject(), "[16, 16, 1]", "[20, 20, 1]"), "\"in\"");
    expectBadProject(replaced(smallProject(), "\"units\": 10", "\"units\": 4"), "\"loss\"");
    const Output output = run({"info", at("bad.gradloom.json")});
    EXPECT_EQ(output.code, 0) << output.err; // correct by itself, only not for these data
}

TEST_F(CliErrors, DataThatIsMissingOrWrong)
{
    expectFailure({"train", project(), "--data-dir", at("nowhere"), "--quiet"}, "nowhere");
    const std::string missing = replaced(smallProject(),
        R"({"type": "shapes", "options": {"training": 200, "test": 50, "size": 16}})",
        R"({"type": "idx", "options": {"folder": "/nowhere/fashion-mnist"}})");
    expectBadProject(missing, "/nowhere/fashion-mnist");

    test::IdxSet set;
    set.height = set.width = 16;
    std::filesystem::create_directory(folder / "set");
    set.write(folder / "set");
    const Output good = run({"train", project(), "--data-dir", at("set"), "--out", at("idx"), "--max-steps",
        "2", "--quiet", "--batch", "5"});
    EXPECT_EQ(good.code, 0) << good.err;
    const std::string pictures = at("set/train-images-idx3-ubyte");
    const std::string bytes = test::readBytes(pictures);
    test::writeBytes(pictures, bytes.substr(0, 1000));
    expectFailure({"train", project(), "--data-dir", at("set"), "--quiet"}, "train-images-idx3-ubyte");
    std::string magic = bytes;
    magic[2] = 0x55;
    test::writeBytes(pictures, magic);
    expectFailure({"train", project(), "--data-dir", at("set"), "--quiet"}, "train-images-idx3-ubyte");
}

TEST_F(CliErrors, WeightsThatDoNotFit)
{
    const std::string weights = trained();
    expectFailure({"evaluate", project(), "--weights", at("none.safetensors")}, "none.safetensors");
    test::writeBytes(folder / "junk.safetensors", "not a tensor in sight");
    for (const char* command : {"evaluate", "explain", "report"})
        expectFailure({command, project(), "--weights", at("junk.safetensors")}, "junk.safetensors");
    test::writeBytes(
        folder / "wide.gradloom.json", replaced(smallProject(), "\"filters\": 4", "\"filters\": 5"));
    expectFailure({"evaluate", at("wide.gradloom.json"), "--weights", weights}, "conv");
    expectFailure({"predict", project(), "--weights", weights, at("no.png")}, "no.png");
    expectFailure({"explain", project(), "--weights", weights, "--index", "50"}, "50");
    expectFailure({"explain", project(), "--weights", weights, "--class", "Horse"}, "Horse");
    expectFailure({"explain", project(), "--weights", weights, "--layer", "scores"}, "scores");
    expectFailure({"train", project(), "--resume", at("nothing"), "--quiet"}, "nothing");
    expectFailure({"evaluate", project(), "--weights", weights, "--device", "abacus"}, "abacus");
}

TEST_F(CliErrors, FoldersThatCannotBeWritten)
{
    test::writeBytes(folder / "file", "x");
    expectFailure({"train", project(), "--out", at("file/run"), "--quiet"}, "file");
    EXPECT_EQ(test::readBytes(folder / "file"), "x");
    if (::geteuid() != 0) { // root may write everywhere
        std::filesystem::create_directory(folder / "locked");
        std::filesystem::permissions(
            folder / "locked", std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
        expectFailure({"train", project(), "--out", at("locked"), "--quiet"}, "locked");
        std::filesystem::permissions(folder / "locked", std::filesystem::perms::owner_all);
    }
    const std::string weights = trained();
    expectFailure({"explain", project(), "--weights", weights, "-o", at("missing/heat.png")}, "heat.png");
    if (std::filesystem::exists("/dev/full")) {
        const std::string command = std::string(GRADLOOM_CLI) + " layers --json > /dev/full 2> " + at("err");
        EXPECT_EQ(std::system(command.c_str()) >> 8, 1);
        EXPECT_FALSE(test::readBytes(folder / "err").empty());
    }
}

TEST_F(CliErrors, AFailedTrainingKeepsTheEarlierRun)
{
    trained();
    const std::string weights = test::readBytes(folder / "run/weights.safetensors");
    std::string wild = replaced(smallProject(), "\"type\": \"adam\"", "\"type\": \"sgd\"");
    wild = replaced(replaced(wild, "0.003", "100.0"), ", \"activation\": \"relu\"", "");
    test::writeBytes(
        folder / "wild.gradloom.json", replaced(wild, "\"type\": \"cross_entropy\"", "\"type\": \"mse\""));
    const Output output =
        run({"train", at("wild.gradloom.json"), "--out", at("run"), "--quiet", "--epochs", "50"});
    EXPECT_EQ(output.code, 1) << output.out;
    EXPECT_NE(output.err.find("learning rate"), std::string::npos) << output.err;
    EXPECT_EQ(test::readBytes(folder / "run/weights.safetensors"), weights);
    EXPECT_EQ(Json::parse(test::readBytes(folder / "run/run.json"))["state"], "failed");
}

TEST_F(CliErrors, TrainingOptions)
{
    const auto expectOption = [&](const std::string& option, const std::string& what) {
        expectFailure({"train", project(), "--out", at("never"), "--quiet", "--option", option}, what);
        EXPECT_FALSE(std::filesystem::exists(folder / "never"));
    };
    expectOption("clip=1", "There is no training option \"clip\"; there are clip_norm");
    expectOption("clip_norm", "not of the form key=value");
    expectOption("clip_norm=much", "must be a number but is \"much\"");
    expectOption("clip_norm=-1", "between 0");
    expectOption("monitor=luck", "auto, loss, accuracy");
    expectOption("restore_best=maybe", "on or off");
    expectOption("weights_from=/nowhere.safetensors", "/nowhere.safetensors");
}

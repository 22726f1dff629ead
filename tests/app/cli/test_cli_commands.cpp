#include "tests/app/cli/cli_program.h"

#include "source_dir.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include <pty.h>
#include <unistd.h>

using namespace gradloom;
using namespace gradloom::cli_test;

using CliCommands = Workshop;

TEST_F(CliCommands, TrainWritesARunAndTellsAboutIt)
{
    const Output output = run({"train", project(), "--out", at("run"), "--json", "--threads", "2"});
    ASSERT_EQ(output.code, 0) << output.err;
    const Json result = output.json();
    EXPECT_EQ(result["state"], "finished");
    EXPECT_EQ(result["steps"], 12); // 180 samples in batches of 32, twice
    EXPECT_EQ(result["epochs"].size(), 2u);
    EXPECT_NE(output.err.find("epoch 2/2"), std::string::npos);
    EXPECT_EQ(output.err.find('\r'), std::string::npos); // no terminal: no refreshed line
    for (const char* file :
        {"run.json", "history.csv", "weights.safetensors", "best.safetensors", "state.safetensors"})
        EXPECT_TRUE(std::filesystem::exists(folder / "run" / file)) << file;
    const Json record = Json::parse(test::readBytes(folder / "run/run.json"));
    EXPECT_EQ(record["seed"], 3);
    EXPECT_EQ(record["configuration"]["training"]["batch"], 32);
}

TEST_F(CliCommands, OptionsReplaceWhatTheProjectSays)
{
    const Output output = run({"train", project(), "--out", at("run"), "--json", "--quiet", "--epochs", "3",
        "--batch", "90", "--seed", "11", "--max-steps", "5", "--learning-rate", "0.002"});
    ASSERT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(output.err, "");
    EXPECT_EQ(output.json()["steps"], 5);
    EXPECT_EQ(output.json()["seed"], 11);
    const Json record = Json::parse(test::readBytes(folder / "run/run.json"));
    EXPECT_EQ(record["steps_per_epoch"], 2);
    EXPECT_EQ(record["planned_steps"], 6);
    EXPECT_EQ(record["configuration"]["training"]["optimizer"]["options"]["learning_rate"], 0.002);
}

TEST_F(CliCommands, TrainingOptionsAndTransfer)
{
    const std::string weights = trained();
    const Output output = run({"train", project(), "--out", at("next"), "--json", "--threads", "2",
        "--epochs", "1", "--option", "clip_norm=0.5", "--option", "accumulate=2", "--option",
        "checkpoints=every_epoch", "--transfer", weights});
    ASSERT_EQ(output.code, 0) << output.err;
    EXPECT_NE(output.err.find("Took 4 of 4 weights"), std::string::npos) << output.err;
    EXPECT_TRUE(std::filesystem::exists(folder / "next/epoch-001.safetensors"));
    const Json record = Json::parse(test::readBytes(folder / "next/run.json"));
    EXPECT_EQ(record["configuration"]["training"]["options"]["clip_norm"], 0.5);
    EXPECT_EQ(record["configuration"]["training"]["options"]["accumulate"], 2);
    EXPECT_EQ(record["transfer"]["taken"].size(), 4u);
    EXPECT_TRUE(record["epochs"][0]["metrics"].contains("f1"));
    const Output help = run({"train", "--help"});
    EXPECT_NE(help.out.find("clip_norm"), std::string::npos);
}

TEST_F(CliCommands, LearningRateFinder)
{
    const Output output =
        run({"lr-find", project(), "--json", "--steps", "60", "--threads", "2", "--lowest", "1e-5"});
    ASSERT_EQ(output.code, 0) << output.err;
    const Json result = output.json();
    ASSERT_GT(result["points"].size(), 20u);
    EXPECT_DOUBLE_EQ(result["points"][0]["rate"].get<double>(), 1e-5);
    EXPECT_GT(result["suggestion"].get<double>(), 1e-5);
    EXPECT_GE(result["lowest"].get<double>(), result["suggestion"].get<double>());
    const Output table = run({"lr-find", project(), "--steps", "60", "--threads", "2", "--lowest", "1e-5"});
    EXPECT_NE(table.out.find("suggestion"), std::string::npos);
    EXPECT_EQ(run({"lr-find", project(), "--lowest", "2", "--highest", "1"}).code, 1);
}

TEST_F(CliCommands, OneSeedOneResult)
{
    trained();
    const std::string weights = test::readBytes(folder / "run/weights.safetensors");
    const Output output = run({"train", project(), "--out", at("again"), "--quiet", "--threads", "2"});
    ASSERT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(test::readBytes(folder / "again/weights.safetensors"), weights);
}

TEST_F(CliCommands, ResumeGivesTheSameWeights)
{
    trained();
    const std::string weights = test::readBytes(folder / "run/weights.safetensors");
    ASSERT_EQ(
        run({"train", project(), "--out", at("part"), "--quiet", "--max-steps", "4", "--threads", "2"}).code,
        0);
    const Output output = run({"train", project(), "--resume", at("part"), "--quiet", "--threads", "2"});
    ASSERT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(test::readBytes(folder / "part/weights.safetensors"), weights);
}

TEST_F(CliCommands, ControlCStopsCleanlyAndTheRunCanGoOn)
{
    Call call({"train", project(), "--out", at("run"), "--epochs", "1000000", "--threads", "2"});
    for (int i = 0; i < 3000 && call.errorsSoFar().find("epoch 1/") == std::string::npos; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    call.interrupt();
    const Output output = call.wait();
    EXPECT_EQ(output.code, 0) << output.err;
    EXPECT_NE(output.out.find("Stopped after step"), std::string::npos);
    const Json record = Json::parse(test::readBytes(folder / "run/run.json"));
    EXPECT_EQ(record["state"], "stopped");
    const int64_t step = record["step"];
    EXPECT_GT(step, 0);
    const Output rest = run({"train", project(), "--resume", at("run"), "--epochs", "1000000", "--max-steps",
        std::to_string(step + 3), "--quiet", "--json"});
    ASSERT_EQ(rest.code, 0) << rest.err;
    EXPECT_EQ(rest.json()["steps"], step + 3);
}

TEST_F(CliCommands, ATerminalGetsOneRefreshedLine)
{
    int master = -1;
    int slave = -1;
    ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    Call call({"train", project(), "--out", at("run"), "--epochs", "200", "--threads", "2"}, slave);
    close(slave);
    std::string shown;
    char part[4096];
    for (ssize_t count = 0; (count = read(master, part, sizeof part)) > 0;)
        shown.append(part, static_cast<size_t>(count));
    close(master);
    EXPECT_EQ(call.wait().code, 0);
    for (const char* expected : {"\r\033[K", "batch ", "samples/s", "time left", "epoch 200/200"})
        EXPECT_NE(shown.find(expected), std::string::npos) << expected;
}

TEST_F(CliCommands, EvaluateCountsEverySampleOnce)
{
    const std::string weights = trained();
    const Output output = run({"evaluate", project(), "--weights", weights, "--split", "test", "--json"});
    ASSERT_EQ(output.code, 0) << output.err;
    const Json result = output.json();
    EXPECT_EQ(result["samples"], 50);
    EXPECT_GT(result["loss"].get<double>(), 0);
    ASSERT_EQ(result["per_class"].size(), 10u);
    ASSERT_EQ(result["confusion"].size(), 10u);
    int64_t right = 0;
    int64_t total = 0;
    for (size_t row = 0; row < 10; ++row) {
        int64_t support = 0;
        for (const auto& count : result["confusion"][row])
            support += count.get<int64_t>();
        EXPECT_EQ(result["per_class"][row]["support"], support);
        for (const char* key : {"precision", "recall", "f1"})
            EXPECT_TRUE(result["per_class"][row][key].is_number());
        right += result["confusion"][row][row].get<int64_t>();
        total += support;
    }
    EXPECT_EQ(total, 50);
    EXPECT_DOUBLE_EQ(result["accuracy"].get<double>(), static_cast<double>(right) / 50);
    for (const char* split : {"validation", "train"})
        EXPECT_EQ(run({"evaluate", project(), "--weights", weights, "--split", split}).code, 0) << split;
    ASSERT_EQ(run({"evaluate", project(), "--weights", weights, "--out", at("judged")}).code, 0);
    EXPECT_EQ(
        Json::parse(test::readBytes(folder / "judged/evaluation.json"))["accuracy"], result["accuracy"]);
}

TEST_F(CliCommands, ExplainWritesOverlayAndMap)
{
    const std::string weights = trained();
    const Output output = run({"explain", project(), "--weights", weights, "--method", "gradcam", "--index",
        "3", "--class", "2", "--layer", "conv", "-o", at("heat.png"), "--raw", at("map.npy"), "--json"});
    ASSERT_EQ(output.code, 0) << output.err;
    const Json result = output.json();
    EXPECT_EQ(result["class"], 2);
    EXPECT_EQ(result["layer"], "conv");
    EXPECT_EQ(result["map_shape"], Json({14, 14}));
    const std::string png = test::readBytes(folder / "heat.png");
    ASSERT_GT(png.size(), 24u);
    EXPECT_EQ(png.substr(1, 3), "PNG");
    const std::string npy = test::readBytes(folder / "map.npy");
    EXPECT_EQ(npy.substr(1, 5), "NUMPY");
    EXPECT_NE(npy.find("(14, 14)"), std::string::npos);
    float lowest = 0;
    for (size_t i = npy.size() - 14 * 14 * 4; i < npy.size(); i += 4) {
        float value = 0;
        std::memcpy(&value, npy.data() + i, 4);
        lowest = std::min(lowest, value);
    }
    EXPECT_EQ(lowest, 0); // behind a ReLU
    const Output byName = run({"explain", project(), "--weights", weights, "--class", "Star", "--json"});
    ASSERT_EQ(byName.code, 0) << byName.err;
    EXPECT_EQ(byName.json()["class_name"], "Star");
    const Output own =
        run({"explain", project(), "--weights", weights, "--image", at("heat.png"), "--out", at("why")});
    EXPECT_EQ(own.code, 0) << own.err;
    EXPECT_TRUE(std::filesystem::exists(folder / "why/explain.png"));
}

TEST_F(CliCommands, PredictGivesProbabilities)
{
    const std::string weights = trained();
    ASSERT_EQ(run({"explain", project(), "--weights", weights, "-o", at("any.png")}).code, 0);
    const Output output =
        run({"predict", project(), "--weights", weights, at("any.png"), at("any.png"), "--json"});
    ASSERT_EQ(output.code, 0) << output.err;
    const Json result = output.json();
    ASSERT_EQ(result.size(), 2u);
    EXPECT_EQ(result[0]["probabilities"], result[1]["probabilities"]);
    ASSERT_EQ(result[0]["probabilities"].size(), 10u);
    double sum = 0;
    double highest = 0;
    for (const auto& value : result[0]["probabilities"]) {
        sum += value.get<double>();
        highest = std::max(highest, value.get<double>());
    }
    EXPECT_NEAR(sum, 1, 1e-5);
    EXPECT_EQ(result[0]["probabilities"][result[0]["class_name"].get<std::string>()], highest);
}

TEST_F(CliCommands, InfoCountsParameters)
{
    const Output output = run({"info", project(), "--json"});
    ASSERT_EQ(output.code, 0) << output.err;
    const Json result = output.json();
    EXPECT_EQ(result["parameters"], (3 * 3 * 1 * 4 + 4) + (7 * 7 * 4 * 10 + 10));
    ASSERT_EQ(result["layers"].size(), 6u);
    EXPECT_EQ(result["layers"][1]["outputs"][0], Json({14, 14, 4}));
    const Output text = run({"info", project()});
    EXPECT_NE(text.out.find("14×14×4"), std::string::npos) << text.out;
    const Json classic =
        run({"info", GRADLOOM_SOURCE_DIR "/projects/fashion_cnn.gradloom.json", "--json"}).json();
    EXPECT_EQ(classic["parameters"], 93322);
}

TEST_F(CliCommands, LayersListsTheRegistry)
{
    const Output output = run({"layers", "--json"});
    ASSERT_EQ(output.code, 0) << output.err;
    bool conv = false;
    for (const Json& layer : output.json()) {
        for (const char* key : {"id", "title", "category", "help", "formula"})
            EXPECT_FALSE(layer[key].get<std::string>().empty()) << layer["id"] << key;
        for (const Json& parameter : layer["parameters"])
            EXPECT_TRUE(
                parameter.contains("key") && parameter.contains("kind") && parameter.contains("default"));
        conv = conv || layer["id"] == "conv2d";
    }
    EXPECT_TRUE(conv);
    EXPECT_NE(run({"layers"}).out.find("conv2d"), std::string::npos);
}

TEST_F(CliCommands, MethodsListsTheRegistries)
{
    const Output output = run({"methods", "--json"});
    ASSERT_EQ(output.code, 0) << output.err;
    const Json json = output.json();
    const auto contains = [&](const char* list, const char* key, const char* value) {
        return std::any_of(json[list].begin(), json[list].end(), [&](const Json& entry) { return entry[key] == value; });
    };
    EXPECT_TRUE(contains("optimizers", "id", "lion"));
    EXPECT_TRUE(contains("schedules", "id", "plateau"));
    EXPECT_TRUE(contains("training_options", "key", "clip_norm"));
    EXPECT_TRUE(contains("metrics", "id", "auc"));
    EXPECT_NE(run({"methods"}).out.find("adagrad"), std::string::npos);
}

TEST_F(CliCommands, DevicesAndPlan)
{
    EXPECT_EQ(run({"devices", "--json"}).json()[0]["id"], "cpu");
    const Output plan = run({"plan", project()});
    EXPECT_EQ(plan.code, 0) << plan.err;
    EXPECT_NE(plan.out.find("conv2d"), std::string::npos);
    const Output timed = run({"plan", project(), "--time", "--json", "--batch", "8"});
    ASSERT_EQ(timed.code, 0) << timed.err;
    const auto programs = timed.json()["programs"];
    ASSERT_EQ(programs.size(), 1u);
    const auto& operations = programs[0]["operations"];
    ASSERT_GT(operations.size(), 5u);
    int products = 0;
    for (const auto& operation : operations) {
        EXPECT_FALSE(operation["kernel"].get<std::string>().empty()) << operation["operation"];
        if (operation["operation"] == "gemm") {
            ++products;
            EXPECT_GT(operation["bytes"], 0);
            EXPECT_GT(operation["flops"], 0);
            EXPECT_GT(operation["seconds"], 0);
            EXPECT_GT(operation["share_of_roof"], 0);
        }
    }
    EXPECT_GT(products, 0);
    const auto layoutOf = [&](const std::string& id) {
        const auto found = std::find_if(operations.begin(), operations.end(),
            [&](const Json& operation) { return operation["operation"] == id; });
        return found == operations.end() ? "none" : (*found)["layout"].get<std::string>();
    };
    EXPECT_EQ(layoutOf("max_pool2d"), "NHWC");
    EXPECT_EQ(layoutOf("conv2d_weights_gradient"), "HWCK");
    EXPECT_EQ(layoutOf("gemm"), "") << "its axes have no names";
    EXPECT_EQ(run({"plan", project(), "--forward"}).code, 0);
    EXPECT_EQ(layoutOf("sum_over_devices"), "none");
    const Output shared = run({"plan", project(), "--devices", "cpu"});
    EXPECT_NE(shared.out.find("sum_over_devices"), std::string::npos);
}

TEST_F(CliCommands, ReportIsOnePage)
{
    trained({"--report"});
    const std::string page = test::readBytes(folder / "run/report.html");
    for (const char* part : {"<!DOCTYPE html>", "<svg", "Confusion matrix", "data:image/png;base64,",
             "Test accuracy", "A test &lt;project&gt; &amp; more.", "</html>"})
        EXPECT_NE(page.find(part), std::string::npos) << part;
    EXPECT_EQ(page.find("<script"), std::string::npos);
    EXPECT_EQ(page.find("http"), std::string::npos); // nothing from elsewhere
    const Output output =
        run({"report", project(), "--weights", at("run/best.safetensors"), "-o", at("page.html")});
    ASSERT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(test::readBytes(folder / "page.html"), page);
}

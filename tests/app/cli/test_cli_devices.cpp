#include "tests/app/cli/cli_program.h"
#include "tests/fake_cuda/fake_cuda.h"

#include <algorithm>

using namespace gradloom;
using namespace gradloom::cli_test;

namespace {

class CliDevices : public Workshop
{
protected:
    test::Environment environment;
};

} // namespace

TEST_F(CliDevices, AreListedWithWhatIsWrongWithThem)
{
    environment.useModule(FAKE_CUDA);
    environment.set("GRADLOOM_FAKE_MEMORY", "12000000000");
    const Json all = runOnGpus({"devices", "--json"}).json();
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0]["id"], "cpu");
    EXPECT_EQ(all[1]["id"], "cuda:0");
    EXPECT_EQ(all[1]["memory"], 12000000000);
    EXPECT_EQ(all[1]["driver"], "580.65.06");
    EXPECT_EQ(all[1]["cuda"], "13.1");
    EXPECT_EQ(all[1]["cudnn"], "9.9.9");
    EXPECT_EQ(all[0]["driver"], "");
    EXPECT_EQ(all[2]["usable"], false);
    const Output text = runOnGpus({"devices"});
    for (const char* word :
        {"Pretended GPU 0", "12 GB", "580.65.06 (CUDA 13.1)", "9.9.9", "usable", "Ancient GPU is too old"})
        EXPECT_NE(text.out.find(word), std::string::npos) << word << "\n" << text.out;
}

TEST_F(CliDevices, WithoutAGpuTheVersionsAreListedAllTheSame)
{
    environment.useModule(FAKE_CUDA);
    environment.set("GRADLOOM_FAKE_PROBLEM", "There is no NVIDIA driver on this machine.");
    const Json all = runOnGpus({"devices", "--json"}).json();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[1]["usable"], false);
    EXPECT_EQ(all[1]["driver"], "");
    EXPECT_EQ(all[1]["cudnn"], "9.9.9");
    EXPECT_NE(runOnGpus({"devices"}).out.find("9.9.9  There is no NVIDIA driver"), std::string::npos);
}

TEST_F(CliDevices, WhatSeveralAddUpWithIsSaid)
{
    environment.useModule(FAKE_CUDA);
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    EXPECT_EQ(runOnGpus({"devices", "--json"}).json()[2]["nccl"], "2.99.4");
    const auto expectEnd = [&](const Output& output, const std::string& end) {
        EXPECT_TRUE(output.out.ends_with("\n\n" + end + "\n")) << output.out;
    };
    expectEnd(runOnGpus({"devices"}), "NCCL 2.99.4: several GPUs add up their results among themselves.");
    const std::vector<std::string> train{
        "train", project(), "--devices", "cuda:0,cuda:1", "--max-steps", "3", "--out"};
    const auto trainInto = [&](const std::string& folder) {
        auto arguments = train;
        arguments.push_back(at(folder));
        return runOnGpus(arguments);
    };
    const Output with = trainInto("with");
    EXPECT_NE(with.err.find("NCCL 2.99.4 adds up the results of 2 GPUs."), std::string::npos) << with.err;
    environment.set("GRADLOOM_FAKE_NCCL", "missing");
    const std::string sentence = "NCCL is not installed. Several GPUs add up their results in the host's "
                                 "memory instead, which takes longer.";
    expectEnd(runOnGpus({"devices"}), sentence);
    const Output without = trainInto("without");
    EXPECT_NE(without.err.find(sentence), std::string::npos) << without.err;
    EXPECT_EQ(with.code, 0);
    EXPECT_EQ(without.code, 0);
}

TEST_F(CliDevices, WithoutAGpuEveryCommandSaysWhy)
{
    const std::string weights = trained();
    environment.useModule(FAKE_CUDA_WITHOUT_CUDNN);
    const std::string sentence =
        "gradloom-cli: The CUDA module needs libcudnn_pretended.so.9, which is not installed. "
        "Install cuDNN 9 for CUDA 13.\n";
    for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
             {"train", project(), "--out", at("x")}, {"evaluate", project(), "--weights", weights},
             {"predict", project(), "--weights", weights, "a.png"},
             {"explain", project(), "--weights", weights},
             {"generate", project(), "--weights", weights, "-o", at("x.png")}, {"lr-find", project()},
             {"plan", project(), "--time"}, {"selfcheck"}}) {
        auto all = arguments;
        all.insert(all.end(), {"--device", "cuda", "--quiet"});
        const Output output = run(all);
        EXPECT_EQ(output.code, 1) << arguments[0];
        EXPECT_EQ(output.err, sentence) << arguments[0];
        EXPECT_EQ(output.out, "") << arguments[0];
    }
    EXPECT_EQ(run({"evaluate", project(), "--weights", weights, "--quiet"}).code, 0) << "the CPU goes on";
}

TEST_F(CliDevices, EveryCommandRunsOnThem)
{
    const std::string weights = trained();
    environment.useModule(FAKE_CUDA);
    const auto onBoth = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--quiet", "--json", "--threads", "2"});
        const Output cpu = run(arguments);
        arguments.insert(arguments.end(), {"--device", "cuda:0"});
        const Output gpu = runOnGpus(arguments);
        EXPECT_EQ(cpu.code, 0) << cpu.err;
        EXPECT_EQ(gpu.code, 0) << gpu.err;
        return std::pair(cpu.json(), gpu.json());
    };
    const auto evaluation = onBoth({"evaluate", project(), "--weights", weights});
    EXPECT_EQ(evaluation.first["loss"], evaluation.second["loss"]);
    const auto explanation = onBoth({"explain", project(), "--weights", weights, "--index", "3"});
    EXPECT_EQ(explanation.first["probabilities"], explanation.second["probabilities"]);
    const auto search = onBoth({"lr-find", project(), "--steps", "20"});
    EXPECT_EQ(search.first["points"], search.second["points"]);
    onBoth({"plan", project(), "--time"});
    const Output training =
        runOnGpus({"train", project(), "--out", at("gpu"), "--threads", "2", "--device", "cuda:0"});
    ASSERT_EQ(training.code, 0) << training.err;
    EXPECT_NE(training.err.find("of memory on cuda:0."), std::string::npos) << training.err;
    EXPECT_NE(training.err.find("Each step was pretended."), std::string::npos) << training.err;
    EXPECT_EQ(test::readBytes(at("gpu/weights.safetensors")), test::readBytes(weights));
}

TEST_F(CliDevices, MemoryThatDoesNotSufficeIsSaidBefore)
{
    environment.useModule(FAKE_CUDA);
    environment.set("GRADLOOM_FAKE_MEMORY", "1600000");
    const Output output =
        runOnGpus({"train", project(), "--out", at("gpu"), "--quiet", "--device", "cuda", "--batch", "180"});
    EXPECT_EQ(output.code, 1);
    EXPECT_NE(output.err.find("but Pretended GPU 0 has 1.6 MB free. A batch size of "), std::string::npos)
        << output.err;
    const Json plan = run({"plan", project(), "--json"}).json();
    EXPECT_GT(plan["memory"]["total"], plan["memory"]["steps"]);
}

TEST_F(CliDevices, APlanNamesAllThatItsMemoryIsFor)
{
    environment.useModule(FAKE_CUDA);
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    environment.set("GRADLOOM_FAKE_SUM_BYTES", "3000");
    for (const bool several : {false, true}) {
        const std::string option = several ? "--devices" : "--device";
        const std::vector<std::string> arguments{
            "plan", project(), "--batch", "32", option, several ? "cuda:0,cuda:1" : "cuda:0"};
        auto asJson = arguments;
        asJson.push_back("--json");
        Json memory = runOnGpus(asJson).json()["memory"];
        const int64_t total = memory["total"];
        EXPECT_EQ(memory["sums"], several ? 3000 : 0);
        memory.erase("total");
        int64_t sum = 0;
        for (const auto& [name, bytes] : memory.items())
            sum += bytes.get<int64_t>();
        EXPECT_EQ(sum, total);
        EXPECT_EQ(runOnGpus(arguments).out.find(", sums 3.0 kB.") != std::string::npos, several);
    }
}

TEST_F(CliDevices, SelfcheckTellsWhetherADeviceComputesRightly)
{
    const Output cpu = run({"selfcheck", "--seed", "4", "--threads", "2"});
    EXPECT_EQ(cpu.code, 0) << cpu.out << cpu.err;
    EXPECT_NE(cpu.out.find("conv2d_weights_gradient"), std::string::npos);
    EXPECT_NE(cpu.out.find("Philox; Philox, Box-Muller"), std::string::npos) << "what computed random_fill";
    environment.useModule(FAKE_CUDA);
    const Output gpu = runOnGpus({"selfcheck", "--device", "cuda", "--json", "--precision", "tf32"});
    EXPECT_EQ(gpu.code, 0) << gpu.err;
    EXPECT_EQ(gpu.json()["passed"], true);
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    const Output sums = runOnGpus({"selfcheck", "--devices", "cuda:0,cuda:1"});
    EXPECT_EQ(sums.code, 0) << sums.err;
    EXPECT_NE(sums.out.find("note       NCCL 2.99.4 adds up the results of 2 GPUs."), std::string::npos)
        << sums.out;
    EXPECT_EQ(run({"selfcheck", "--devices", "cuda:0", "--device", "cpu"}).code, 2);
    environment.set("GRADLOOM_FAKE_FAULT", "gemm");
    const Output wrong = runOnGpus({"selfcheck", "--device", "cuda"});
    EXPECT_EQ(wrong.code, 1);
    EXPECT_EQ(wrong.err, "gradloom-cli: Pretended GPU 0 does not pass: gemm.\n");
    EXPECT_NE(wrong.out.find("allowed"), std::string::npos) << "the table is shown all the same";
}

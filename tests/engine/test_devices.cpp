#include "tests/engine/test_util.h"
#include "tests/fake_cuda/fake_cuda.h"

namespace gradloom {
namespace {

/// Everything that opening a GPU may say is one sentence (or two) for people.
void expectRefusal(const std::string& id, const std::string& what)
{
    const auto device = backend::open(id);
    ASSERT_FALSE(device) << id;
    const std::string& message = device.error().message;
    EXPECT_NE(message.find(what), std::string::npos) << message;
    EXPECT_TRUE(message.ends_with('.')) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

class Devices : public testing::Test
{
protected:
    /// The first and only entry behind the CPU, which says why there is no GPU.
    void expectNoGpu(const std::string& what)
    {
        const auto all = backend::devices();
        ASSERT_EQ(all.size(), 2u);
        EXPECT_EQ(all[0].id, "cpu");
        EXPECT_TRUE(all[0].usable);
        EXPECT_EQ(all[1].id, "cuda");
        EXPECT_FALSE(all[1].usable);
        EXPECT_NE(all[1].problem.find(what), std::string::npos) << all[1].problem;
        expectRefusal("cuda", what);
        expectRefusal("cuda:0", what);
        EXPECT_TRUE(backend::open("cpu"));
    }

    test::Environment environment;
    test::TempFolder folder;
};

} // namespace

TEST_F(Devices, UnknownOnesAreNamed)
{
    environment.useModule(FAKE_CUDA);
    for (const std::string id : {"abacus", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:7", "CUDA", ""})
        expectRefusal(id, "There is no device \"" + id + "\" here; there are: cpu, cuda:0.");
}

TEST_F(Devices, AnAbsentModuleIsNoMisfortune)
{
    environment.useModule((folder / "nothing.so").string());
    expectNoGpu("There is no CUDA module at");
    ::unsetenv(backend::cudaModuleVariable);
    EXPECT_GE(backend::devices().size(), 2u); // whatever this build has
    EXPECT_TRUE(backend::devices()[0].usable);
}

TEST_F(Devices, AFileThatIsNoLibraryIsRefused)
{
    test::writeBytes(folder / "text.so", "hello");
    environment.useModule((folder / "text.so").string());
    expectNoGpu("cannot be loaded as the CUDA module");
    environment.useModule(folder.path().string());
    expectNoGpu("cannot be loaded as the CUDA module");
}

TEST_F(Devices, AModuleThatIsCutShortIsRefused)
{
    const auto whole = test::readBytes(FAKE_CUDA);
    const size_t lengths[] = {0, 10, 63, 64, 200, 4096, whole.size() / 4, whole.size() / 2, whole.size() - 1};
    for (const size_t length : lengths) {
        const auto file = folder / (std::to_string(length) + ".so");
        test::writeBytes(file, whole.substr(0, length));
        environment.useModule(file.string());
        expectNoGpu(length < 64 ? "cannot be loaded as the CUDA module"
                                : "cannot be loaded as the CUDA module (the file is cut short).");
    }
    // Nor are tables looked for where the file says they are without looking whether that is in it.
    std::string wild = whole;
    for (size_t i = 32; i < 48; ++i) // offsets of the tables of segments and sections
        wild[i] = '\xff';
    test::writeBytes(folder / "wild.so", wild);
    environment.useModule((folder / "wild.so").string());
    expectNoGpu("cannot be loaded as the CUDA module (the file is cut short).");
    test::writeBytes(folder / "copy.so", whole);
    environment.useModule((folder / "copy.so").string());
    EXPECT_TRUE(backend::open("cuda:0"));
}

TEST_F(Devices, ALibraryThatIsNoModuleIsRefused)
{
    environment.useModule(FAKE_CUDA_SOMETHING_ELSE);
    expectNoGpu("is a library but no CUDA module of Gradloom");
}

TEST_F(Devices, AModuleOfAnotherVersionIsRefused)
{
    environment.useModule(FAKE_CUDA_OTHER_VERSION);
    expectNoGpu("belongs to another version of Gradloom");
}

TEST_F(Devices, AModuleThatLacksALibrarySaysWhatToInstall)
{
    environment.useModule(FAKE_CUDA_WITHOUT_CUDNN);
    expectNoGpu("The CUDA module needs libcudnn_pretended.so.9, which is not installed. Install cuDNN 9 for "
                "CUDA 13.");
}

TEST_F(Devices, AMachineWithoutDriverSaysSo)
{
    environment.useModule(FAKE_CUDA);
    environment.set("GRADLOOM_FAKE_PROBLEM", "There is no NVIDIA driver on this machine.");
    expectNoGpu("There is no NVIDIA driver on this machine.");
    const backend::DeviceInfo none = backend::devices()[1];
    EXPECT_EQ(none.driver + none.cuda, "");
    EXPECT_EQ(none.cudnn, "9.9.9");
}

TEST_F(Devices, GpusAreListedAndOpened)
{
    environment.useModule(FAKE_CUDA);
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    environment.set("GRADLOOM_FAKE_MEMORY", "123456789");
    const auto all = backend::devices();
    ASSERT_EQ(all.size(), 4u);
    EXPECT_EQ(all[2].id, "cuda:1");
    EXPECT_EQ(all[2].name, "Pretended GPU 1");
    EXPECT_TRUE(all[2].usable);
    EXPECT_EQ(all[2].memoryBytes, 123456789);
    EXPECT_EQ(all[2].driver, "580.65.06");
    EXPECT_EQ(all[2].cuda, "13.1");
    EXPECT_EQ(all[2].cudnn, "9.9.9");
    EXPECT_FALSE(all[3].usable);
    expectRefusal("cuda:2", "Ancient GPU is too old");
    EXPECT_EQ(backend::open("cuda").value()->info().id, "cuda:0");
    const auto second = backend::open("cuda:1").value();
    EXPECT_EQ(second->info().id, "cuda:1");
    const int64_t free = second->memory().free;
    const auto memory = second->allocate(1000).value();
    EXPECT_EQ(second->memory().free, free - backend::inMemoryUnits(1000));
}

} // namespace gradloom

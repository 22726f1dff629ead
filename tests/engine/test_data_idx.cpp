#include "engine/data/idx.h"
#include "engine/data/source_type.h"
#include "tests/engine/test_util.h"

namespace gradloom::data {
namespace {

using test::failsWith;
using test::gzip;
using test::idxBytes;
using test::succeeded;
using test::TempFolder;

constexpr auto pictures = IdxContent::Pictures;
constexpr auto labels = IdxContent::Labels;

TEST(Idx, readsPicturesPlainAndCompressed)
{
    const std::string plain = idxBytes({2, 1, 3}, "abcdef");
    // Two gzip members one after another are one file.
    const std::string parts = gzip(plain.substr(0, 9)) + gzip(plain.substr(9));
    for (const std::string& bytes : {plain, gzip(plain), parts}) {
        const auto tensor = parseIdx(bytes, pictures, "p");
        ASSERT_TRUE(succeeded(tensor));
        EXPECT_EQ(tensor->shape(), (Shape{2, 1, 3, 1}));
        EXPECT_EQ(tensor->dtype(), DType::U8);
        EXPECT_EQ(tensor->as<uint8_t>()[5], 'f');
    }
    const auto colour = parseIdx(idxBytes({1, 1, 2, 3}, "abcdef"), pictures, "p");
    ASSERT_TRUE(succeeded(colour));
    EXPECT_EQ(colour->shape(), (Shape{1, 1, 2, 3}));
}

TEST(Idx, readsLabels)
{
    const auto tensor = parseIdx(idxBytes({3}, "\x01\x02\xff"), labels, "l");
    ASSERT_TRUE(succeeded(tensor));
    EXPECT_EQ(tensor->dtype(), DType::I32);
    EXPECT_EQ(tensor->as<int32_t>()[2], 255);
}

TEST(Idx, namesEveryWrongHeaderField)
{
    std::string bytes = idxBytes({2, 1, 3}, "abcdef");
    EXPECT_TRUE(failsWith(parseIdx("", pictures, "f"), {"f: byte 0", "magic number"}));
    EXPECT_TRUE(failsWith(parseIdx("PNG and more", pictures, "f"), {"f: byte 0", "not an IDX file"}));
    EXPECT_TRUE(failsWith(parseIdx(bytes.substr(0, 10), pictures, "f"), {"byte 8", "height"}));
    EXPECT_TRUE(failsWith(parseIdx(bytes, labels, "f"), {"byte 3", "mixed up"}));
    EXPECT_TRUE(failsWith(parseIdx(idxBytes({1}, "a"), pictures, "f"), {"byte 3", "mixed up"}));
    EXPECT_TRUE(
        failsWith(parseIdx(idxBytes({0, 1, 3}, ""), pictures, "f"), {"byte 4", "number of samples is 0"}));
    EXPECT_TRUE(
        failsWith(parseIdx(idxBytes({1, 70000, 3}, ""), pictures, "f"), {"byte 8", "height is 70000"}));
    EXPECT_TRUE(failsWith(parseIdx(idxBytes({1, 1, 1, 65}, ""), pictures, "f"), {"byte 16", "channels"}));
    EXPECT_TRUE(failsWith(parseIdx(idxBytes({0xFFFFFFFF}, "a"), labels, "f"), {"byte 4", "4294967295"}));
    bytes[2] = '\x0d';
    EXPECT_TRUE(failsWith(parseIdx(bytes, pictures, "f"), {"byte 2", "0x0000000D", "unsigned bytes"}));
}

TEST(Idx, comparesLengthWithHeader)
{
    EXPECT_TRUE(failsWith(
        parseIdx(idxBytes({2, 1, 3}, "abcde"), pictures, "f"), {"claims 6", "5 follow", "cut short"}));
    EXPECT_TRUE(failsWith(parseIdx(idxBytes({2, 1, 3}, "abcdefg"), pictures, "f"), {"7 follow", "longer"}));
    EXPECT_TRUE(failsWith(parseIdx(gzip(idxBytes({2, 1, 3}, "abcde")), pictures, "f"), {"5 of the 6"}));
    EXPECT_TRUE(failsWith(parseIdx(gzip(idxBytes({2, 1, 3}, "abcdefg")), pictures, "f"), {"goes on"}));
}

TEST(Idx, findsDamagedCompression)
{
    const std::string good = gzip(idxBytes({2, 1, 3}, "abcdef"));
    EXPECT_TRUE(
        failsWith(parseIdx(good.substr(0, good.size() - 1), pictures, "f"), {"f: byte", "too early"}));
    EXPECT_TRUE(failsWith(parseIdx(good.substr(0, 15), pictures, "f"), {"too early"}));
    std::string checksum = good;
    checksum[good.size() - 6] = static_cast<char>(checksum[good.size() - 6] ^ 1);
    EXPECT_TRUE(failsWith(parseIdx(checksum, pictures, "f"), {"damaged"}));
    EXPECT_TRUE(failsWith(parseIdx(good + "tail", pictures, "f"), {"damaged"}));
}

/// The claims are far beyond what would fit; were memory taken for them, these lines would not return in
/// time.
TEST(Idx, aLargeClaimTakesNoMemory)
{
    const std::string lie = idxBytes({500000, 1024, 1024}, "abc");
    EXPECT_TRUE(failsWith(parseIdx(lie, pictures, "f"), {"byte 4", "524288000000", "3 follow"}));
    EXPECT_TRUE(failsWith(parseIdx(gzip(lie), pictures, "f"), {"byte 4", "compressed bytes can hold"}));
    EXPECT_TRUE(
        failsWith(parseIdx(idxBytes({2147483647, 65535, 65535}, ""), pictures, "f"), {"byte 4", "2^40"}));
    // A claim that the compressed size does not disprove is counted before it is believed.
    const std::string zeros = gzip(idxBytes({300, 1024, 1024}, std::string(1 << 20, '\0')));
    EXPECT_TRUE(failsWith(parseIdx(zeros + std::string(400000, '\0'), pictures, "f"), {"314572800"}));
}

TEST(IdxSource, loadsAFolder)
{
    for (bool compressed : {false, true}) {
        TempFolder folder;
        test::IdxSet set;
        set.compressed = compressed;
        set.write(folder.path());
        const auto data = loadData(
            "idx", {{"folder", folder.path().string()}, {"classes", std::string("ant, bee,cat")}}, {});
        ASSERT_TRUE(succeeded(data));
        EXPECT_EQ(data->classNames(), (std::vector<std::string>{"ant", "bee", "cat"}));
        EXPECT_EQ(data->training->count(), 30);
        EXPECT_EQ(data->test->count(), 12);
        EXPECT_EQ(data->sampleShape(), (Shape{6, 5, 1}));
        EXPECT_EQ(data->training->label(4), 1);
        EXPECT_EQ(data->training->sample(1).as<uint8_t>()[0], 30);
    }
}

TEST(IdxSource, dataFolderReplacesTheProjects)
{
    TempFolder folder;
    test::IdxSet{}.write(folder.path());
    SourceContext context;
    context.dataFolder = folder.path();
    const auto data = loadData("idx", {{"folder", std::string("/none")}}, context);
    ASSERT_TRUE(succeeded(data));
    EXPECT_EQ(data->classNames(), (std::vector<std::string>{"0", "1", "2"}));
    // Also where the project itself would generate its pictures.
    const auto instead = loadData("shapes", {}, context);
    ASSERT_TRUE(succeeded(instead));
    EXPECT_EQ(instead->sampleShape(), (Shape{6, 5, 1}));
}

TEST(IdxSource, relativeFolderCountsFromTheProject)
{
    TempFolder folder;
    std::filesystem::create_directory(folder / "set");
    test::IdxSet{}.write(folder / "set");
    SourceContext context;
    context.projectFolder = folder.path();
    const auto data = loadData("idx", {{"folder", std::string("set/")}}, context);
    ASSERT_TRUE(succeeded(data));
    EXPECT_EQ(data->name, "set");
}

TEST(IdxSource, explainsWhatIsMissing)
{
    TempFolder folder;
    const Params params{{"folder", folder.path().string()}};
    EXPECT_TRUE(failsWith(loadData("idx", params, {}), {"train-images-idx3-ubyte", ".gz"}));
    EXPECT_TRUE(failsWith(loadData("idx", {{"folder", std::string("/none")}}, {}), {"/none", "--data-dir"}));
    EXPECT_TRUE(failsWith(loadData("tape", {}, {}), {"\"tape\"", "idx, image_folder"}));
    EXPECT_TRUE(failsWith(loadData("idx", {{"speed", int64_t{1}}}, {}), {"speed"}));
    const std::filesystem::path debian = "/usr/share/datasets/fashion-mnist";
    if (!std::filesystem::exists(debian)) {
        EXPECT_TRUE(failsWith(
            loadData("idx", {}, {}), {"dataset-fashion-mnist", "projects/shapes_cnn.gradloom.json"}));
    }
}

TEST(IdxSource, checksThatTheFilesBelongTogether)
{
    TempFolder folder;
    const Params params{{"folder", folder.path().string()}, {"classes", std::string("a,b,c")}};
    test::IdxSet set;
    set.write(folder.path());
    test::writeBytes(folder / "t10k-labels-idx1-ubyte", idxBytes({2}, std::string("\0\1", 2)));
    EXPECT_TRUE(
        failsWith(loadData("idx", params, {}), {"t10k-labels", "byte 4", "2 labels but 12 pictures"}));
    set.write(folder.path());
    test::writeBytes(folder / "t10k-labels-idx1-ubyte", idxBytes({12}, std::string(11, '\0') + '\x03'));
    EXPECT_TRUE(
        failsWith(loadData("idx", params, {}), {"t10k-labels", "byte 19", "sample 11 is 3", "3 classes"}));
    set.write(folder.path());
    test::writeBytes(folder / "t10k-images-idx3-ubyte", idxBytes({12, 5, 6}, std::string(360, 'x')));
    EXPECT_TRUE(failsWith(loadData("idx", params, {}), {"t10k-images", "5×6×1", "6×5×1"}));
}

} // namespace
} // namespace gradloom::data

#include "engine/data/cifar.h"
#include "engine/data/image.h"
#include "engine/data/npy.h"
#include "engine/data/source_type.h"
#include "tests/engine/test_util.h"

#include <cstring>

namespace gradloom::data {
namespace {

using test::failsWith;
using test::succeeded;
using test::TempFolder;
using test::writeBytes;

std::string npyBytes(
    const std::string& type, const std::string& shape, std::string_view data, const char* order = "False")
{
    std::string header =
        "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
    std::string bytes = "\x93NUMPY";
    bytes += std::string{'\x01', '\x00', static_cast<char>(header.size()), '\0'};
    return bytes + header + std::string(data);
}

template <typename T>
std::string npyOf(const std::string& type, const std::string& shape, const std::vector<T>& values)
{
    return npyBytes(type, shape, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

TEST(Npy, readsEveryType)
{
    const auto check = [](const std::string& bytes, DType type) {
        const auto array = parseNpy(bytes, "a.npy");
        ASSERT_TRUE(succeeded(array));
        EXPECT_EQ(array->type(), (TensorType{Shape{2, 2}, type}));
        for (size_t i = 0; i < 4; ++i) {
            const double value = type == DType::F32   ? static_cast<double>(array->floats()[i])
                                 : type == DType::I32 ? array->as<int32_t>()[i]
                                                      : array->as<uint8_t>()[i];
            EXPECT_EQ(value, static_cast<double>(i));
        }
    };
    check(npyOf<float>("<f4", "(2, 2)", {0, 1, 2, 3}), DType::F32);
    check(npyOf<double>("<f8", "(2, 2)", {0, 1, 2, 3}), DType::F32);
    check(npyOf<int32_t>("<i4", "(2, 2)", {0, 1, 2, 3}), DType::I32);
    check(npyOf<int64_t>("<i8", "(2L, 2L)", {0, 1, 2, 3}), DType::I32);
    check(npyOf<uint8_t>("|u1", "(2, 2)", {0, 1, 2, 3}), DType::U8);
    EXPECT_EQ(parseNpy(npyOf<float>("<f4", "(3,)", {0, 1, 2}), "a")->shape(), Shape{3});
}

TEST(Npy, whatIsWrittenIsRead)
{
    const TempFolder folder;
    Tensor tensor(Shape{2, 3});
    tensor.floats()[5] = 7;
    ASSERT_TRUE(succeeded(writeNpy(folder / "a.npy", tensor)));
    const auto arrays = readArrays(folder / "a.npy");
    ASSERT_TRUE(succeeded(arrays));
    EXPECT_EQ(arrays->at("").shape(), (Shape{2, 3}));
    EXPECT_EQ(arrays->at("").floats()[5], 7);
}

TEST(Npy, refusesWithThePlace)
{
    const auto fails = [](const std::string& bytes, std::initializer_list<std::string_view> parts) {
        return failsWith(parseNpy(bytes, "a.npy"), parts);
    };
    const std::string good = npyOf<float>("<f4", "(2, 2)", {0, 1, 2, 3});
    EXPECT_TRUE(fails("hello", {"a.npy: byte 0", "NumPy"}));
    EXPECT_TRUE(fails(good.substr(0, 30), {"byte 8", "ends before"}));
    EXPECT_TRUE(fails(good.substr(0, good.size() - 1), {"2×2", "16 bytes", "15 more"}));
    EXPECT_TRUE(fails(good + "x", {"17 more"}));
    EXPECT_TRUE(fails(npyBytes("<f4", "(2, 2)", std::string(16, '\0'), "True"), {"Fortran"}));
    EXPECT_TRUE(fails(npyBytes(">f4", "(4,)", std::string(16, '\0')), {">f4", "float32"}));
    EXPECT_TRUE(fails(npyBytes("<f4", "(4611686018427387904, 4)", ""), {"elements"}));
    EXPECT_TRUE(fails(npyBytes("<f4", "(-1,)", ""), {"shape"}));
    EXPECT_TRUE(fails(npyBytes("<f4", "()", "1234"), {"no elements"}));
    EXPECT_TRUE(fails(npyOf<int64_t>("<i8", "(1,)", {int64_t{1} << 40}), {"element 0", "32 bits"}));
}

/// A ZIP archive as numpy.savez writes it; method 0 or 8.
std::string zipBytes(const std::vector<std::pair<std::string, std::string>>& files, int method)
{
    const auto number = [](uint64_t value, int length) {
        std::string bytes;
        for (int i = 0; i < length; ++i)
            bytes += static_cast<char>(value >> 8 * i & 0xFF);
        return bytes;
    };
    std::string all;
    std::string directory;
    for (const auto& [name, content] : files) {
        // gzip's packed part without its header of 10 and trailer of 8 bytes is what a ZIP archive holds
        const std::string gzip = test::gzip(content);
        const std::string packed = method == 0 ? content : gzip.substr(10, gzip.size() - 18);
        const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
        const std::string sizes = number(crc, 4) + number(packed.size(), 4) + number(content.size(), 4);
        const std::string middle = number(0, 2) + number(static_cast<uint64_t>(method), 2) + number(0, 4) +
                                   sizes + number(name.size(), 2) + number(0, 2);
        directory += "PK\x01\x02" + number(20, 2) + number(20, 2) + middle + number(0, 2) + number(0, 2) +
                     number(0, 2) + number(0, 4) + number(all.size(), 4) + name;
        all += "PK\x03\x04" + number(20, 2) + middle + name + packed;
    }
    const std::string end = "PK\x05\x06" + number(0, 4) + number(files.size(), 2) + number(files.size(), 2) +
                            number(directory.size(), 4) + number(all.size(), 4) + number(0, 2);
    return all + directory + end;
}

TEST(Npz, readsStoredAndDeflated)
{
    const std::string array = npyOf<float>("<f4", "(2, 2)", {0, 1, 2, 3});
    for (const int method : {0, 8}) {
        const auto arrays = parseArrays(zipBytes({{"x.npy", array}, {"note.txt", "hi"}}, method), "a.npz");
        ASSERT_TRUE(succeeded(arrays));
        ASSERT_EQ(arrays->size(), 1u);
        EXPECT_EQ(arrays->at("x").floats()[3], 3);
    }
}

TEST(Npz, refusesDamage)
{
    const std::string array = npyOf<float>("<f4", "(2, 2)", {0, 1, 2, 3});
    const auto fails = [](const std::string& bytes, std::initializer_list<std::string_view> parts) {
        return failsWith(parseArrays(bytes, "a.npz"), parts);
    };
    const std::string good = zipBytes({{"x.npy", array}}, 8);
    EXPECT_TRUE(fails(good.substr(0, good.size() / 2), {"directory"}));
    std::string damaged = good;
    damaged[50] = static_cast<char>(damaged[50] ^ 0x55);
    EXPECT_TRUE(fails(damaged, {"x.npy", "damaged"}));
    std::string stored = zipBytes({{"x.npy", array}}, 0);
    stored[stored.find("NUMPY") + 75] ^= 1;
    EXPECT_TRUE(fails(stored, {"checksum"}));
    EXPECT_TRUE(fails(zipBytes({{"x.txt", array}}, 0), {"no arrays"}));
    EXPECT_TRUE(fails("PK", {"cut off"}));
}

TEST(NpySource, learnsClassesOrNumbersOrNothing)
{
    const TempFolder folder;
    std::vector<uint8_t> pixels(20 * 2 * 2);
    for (size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<uint8_t>(i);
    std::vector<int64_t> labels(20);
    std::vector<double> numbers(20);
    for (size_t i = 0; i < 20; ++i) {
        labels[i] = static_cast<int64_t>(i % 3);
        numbers[i] = 0.5 * static_cast<double>(i);
    }
    const std::string x = npyOf("|u1", "(20, 2, 2)", pixels);
    writeBytes(folder / "a.npz", zipBytes({{"x.npy", x}, {"y.npy", npyOf("<i8", "(20,)", labels)}}, 8));
    const auto classes =
        loadData("npy", {{"file", (folder / "a.npz").string()}, {"classes", std::string("ant, bee")}}, {});
    ASSERT_TRUE(succeeded(classes));
    EXPECT_EQ(classes->classNames(), (std::vector<std::string>{"ant", "bee", "2"}));
    EXPECT_EQ(classes->sampleShape(), (Shape{2, 2, 1}));
    EXPECT_EQ(classes->training->count(), 16);
    // Samples and labels stay together.
    for (int64_t i = 0; i < 16; ++i)
        EXPECT_EQ(classes->training->sample(i).as<uint8_t>()[0] / 4 % 3, classes->training->label(i));

    writeBytes(folder / "x.npy", x);
    writeBytes(folder / "y.npy", npyOf("<f8", "(20,)", numbers));
    const auto regression = loadData(
        "npy", {{"file", (folder / "x.npy").string()}, {"labels_file", (folder / "y.npy").string()}}, {});
    ASSERT_TRUE(succeeded(regression));
    EXPECT_EQ(regression->targets[0].type, (TensorType{Shape{1}, DType::F32}));
    const auto alone = loadData("npy", {{"file", (folder / "x.npy").string()}}, {});
    ASSERT_TRUE(succeeded(alone));
    EXPECT_TRUE(alone->targets.empty());

    writeBytes(folder / "y.npy", npyOf<int64_t>("<i8", "(3,)", {0, 1, 2}));
    EXPECT_TRUE(failsWith(
        loadData(
            "npy", {{"file", (folder / "x.npy").string()}, {"labels_file", (folder / "y.npy").string()}}, {}),
        {"20 samples", "3 labels"}));
    EXPECT_TRUE(
        failsWith(loadData("npy", {{"file", (folder / "a.npz").string()}, {"arrays", std::string("q")}}, {}),
            {"no array \"q\"", "x, y"}));
}

std::string cifarRecord(char label, bool hundred)
{
    std::string record(hundred ? 2 : 1, '\0');
    record.back() = label;
    for (const char plane : {'R', 'G', 'B'})
        record += std::string(1024, plane);
    return record;
}

TEST(Cifar, readsBothKinds)
{
    const auto part = parseCifar(cifarRecord(3, false) + cifarRecord(9, false), 1, "b.bin");
    ASSERT_TRUE(succeeded(part));
    EXPECT_EQ(part->pictures.shape(), (Shape{2, 32, 32, 3}));
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(part->pictures.data()), 6), "RGBRGB");
    EXPECT_EQ(part->labels[0].as<int32_t>()[1], 9);
    EXPECT_TRUE(failsWith(parseCifar(cifarRecord(10, false), 1, "b.bin"), {"byte 0", "10"}));
    EXPECT_TRUE(failsWith(parseCifar(cifarRecord(1, false) + "x", 1, "b.bin"), {"3074 bytes", "3073"}));
    EXPECT_TRUE(failsWith(parseCifar("", 1, "b.bin"), {"0 bytes"}));

    const TempFolder folder;
    writeBytes(folder / "train.bin", cifarRecord(99, true) + cifarRecord(5, true));
    writeBytes(folder / "test.bin", cifarRecord(7, true));
    writeBytes(folder / "fine_label_names.txt", "apple\nfish\n");
    const auto hundred = loadData("cifar", {{"folder", folder.path().string()}}, {});
    ASSERT_TRUE(succeeded(hundred));
    EXPECT_EQ(hundred->targets.size(), 2u);
    EXPECT_EQ(hundred->classNames()[1], "fish");
    EXPECT_EQ(hundred->training->label(0), 99);
    EXPECT_EQ(hundred->training->label(0, 1), 0);
    const TempFolder empty;
    EXPECT_TRUE(failsWith(
        loadData("cifar", {{"folder", empty.path().string()}}, {}), {"data_batch_1.bin", "https://"}));
}

TEST(ImageFolder, readsPicturesByClass)
{
    const TempFolder folder;
    for (const char* name : {"cat", "dog"}) {
        std::filesystem::create_directories(folder / name);
        for (int i = 0; i < 5; ++i) {
            Tensor picture(Shape{8, 6, 3}, DType::U8);
            std::memset(picture.data(), name[0] == 'c' ? 200 : 20, static_cast<size_t>(picture.bytes()));
            ASSERT_TRUE(succeeded(writePng(folder / name / (std::to_string(i) + ".png"), picture)));
        }
    }
    const Params options{{"folder", folder.path().string()}, {"height", int64_t{4}}, {"width", int64_t{4}},
        {"colour", std::string("grey")}};
    const auto loaded = loadData("image_folder", options, {});
    ASSERT_TRUE(succeeded(loaded));
    EXPECT_EQ(loaded->classNames(), (std::vector<std::string>{"cat", "dog"}));
    EXPECT_EQ(loaded->sampleShape(), (Shape{4, 4, 1}));
    EXPECT_EQ(loaded->training->count() + loaded->test->count(), 10);
    for (int64_t i = 0; i < loaded->training->count(); ++i)
        EXPECT_EQ(loaded->training->sample(i).as<uint8_t>()[0], loaded->training->label(i) == 0 ? 200 : 20);
    writeBytes(folder / "cat" / "broken.png", "no picture");
    EXPECT_TRUE(failsWith(loadData("image_folder", options, {}), {"broken.png"}));
    const TempFolder empty;
    EXPECT_TRUE(
        failsWith(loadData("image_folder", {{"folder", empty.path().string()}}, {}), {"samples", "none"}));
}

} // namespace
} // namespace gradloom::data

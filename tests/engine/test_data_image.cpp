#include "engine/data/image.h"
#include "tests/engine/test_util.h"

#include <numeric>

namespace gradloom::data {
namespace {

using test::failsWith;
using test::succeeded;
using test::TempFolder;

Tensor bytesImage(Shape shape, std::initializer_list<int> values)
{
    Tensor image(shape, DType::U8);
    std::transform(values.begin(), values.end(), image.as<uint8_t>().begin(),
        [](int v) { return static_cast<uint8_t>(v); });
    return image;
}

Tensor floatImage(Shape shape, std::initializer_list<float> values)
{
    Tensor image(shape);
    std::copy(values.begin(), values.end(), image.floats().begin());
    return image;
}

std::vector<int> bytesOf(const Tensor& image)
{
    const auto bytes = image.as<uint8_t>();
    return {bytes.begin(), bytes.end()};
}

std::vector<float> floatsOf(const Tensor& image)
{
    return {image.floats().begin(), image.floats().end()};
}

TEST(Image, pngRoundTrip)
{
    TempFolder folder;
    for (int64_t channels : {1, 3, 4}) {
        Tensor image(Shape{5, 3, channels}, DType::U8);
        std::iota(image.as<uint8_t>().begin(), image.as<uint8_t>().end(), uint8_t{7});
        ASSERT_TRUE(succeeded(writePng(folder / "a.png", image)));
        const auto read = readImage((folder / "a.png").string(), image.shape());
        ASSERT_TRUE(succeeded(read));
        EXPECT_EQ(read->shape(), image.shape());
        EXPECT_EQ(bytesOf(*read), bytesOf(image)) << channels;
    }
    EXPECT_TRUE(failsWith(writePng(folder / "a.png", Tensor(Shape{5, 3, 1})), {"float32", "uint8"}));
}

TEST(Image, convertsColoursAndTransparency)
{
    TempFolder folder;
    const std::string path = (folder / "a.png").string();
    ASSERT_TRUE(succeeded(writePng(path, bytesImage({1, 2, 3}, {255, 0, 0, 0, 0, 255}))));
    EXPECT_EQ(bytesOf(readImage(path, {1, 2, 1}).value()), (std::vector<int>{76, 29}));
    ASSERT_TRUE(succeeded(writePng(path, bytesImage({1, 2, 4}, {0, 0, 0, 255, 0, 0, 0, 0}))));
    EXPECT_EQ(bytesOf(readImage(path, {1, 2, 1}).value()), (std::vector<int>{0, 255}));
    ASSERT_TRUE(succeeded(writePng(path, bytesImage({1, 1, 1}, {9}))));
    EXPECT_EQ(bytesOf(readImage(path, {1, 1, 3}).value()), (std::vector<int>{9, 9, 9}));
    EXPECT_TRUE(failsWith(readImage(path, {1, 1, 2}), {"channels", "2"}));
    EXPECT_TRUE(failsWith(readImage(path, {784}), {"784"}));
}

TEST(Image, resizes)
{
    const Tensor ramp = floatImage({2, 2, 1}, {0, 4, 8, 12});
    EXPECT_EQ(floatsOf(resizeImage(ramp, 1, 1)), (std::vector<float>{6}));
    EXPECT_EQ(floatsOf(resizeImage(ramp, 2, 4)), (std::vector<float>{0, 1, 3, 4, 8, 9, 11, 12}));
    const Tensor three = floatImage({1, 3, 1}, {0, 3, 6});
    EXPECT_EQ(floatsOf(resizeImage(three, 1, 2)), (std::vector<float>{1, 5}));
    EXPECT_EQ(floatsOf(resizeImage(three, 1, 3)), (std::vector<float>{0, 3, 6}));
    const Tensor colours = floatImage({1, 2, 2}, {0, 10, 2, 30});
    EXPECT_EQ(floatsOf(resizeImage(colours, 1, 1)), (std::vector<float>{1, 20}));
    // A constant picture stays constant at every size.
    Tensor constant(Shape{7, 5, 1});
    for (float& v : constant.floats())
        v = 3;
    for (int64_t size : {1, 3, 6, 11, 28})
        for (float v : floatsOf(resizeImage(constant, size, size + 1)))
            EXPECT_NEAR(v, 3, 1e-5);
}

TEST(Image, readsSamplesOfIdxFiles)
{
    TempFolder folder;
    const std::string idx = test::idxBytes({2, 1, 2}, "abcd");
    test::writeBytes(folder / "p", idx);
    test::writeBytes(folder / "p.gz", test::gzip(idx));
    for (const char* name : {"p", "p.gz"}) {
        const std::string path = (folder / name).string();
        EXPECT_EQ(bytesOf(readImage(path, {1, 2, 1}).value()), (std::vector<int>{'a', 'b'}));
        EXPECT_EQ(bytesOf(readImage(path + "#1", {1, 2, 1}).value()), (std::vector<int>{'c', 'd'}));
        EXPECT_TRUE(failsWith(readImage(path + "#2", {1, 2, 1}), {"no sample 2", "0 to 1"}));
    }
    EXPECT_TRUE(failsWith(readImage((folder / "p#x").string(), {1, 2, 1}), {"p#x", "does not exist"}));
}

TEST(Image, refusesDamagedAndOversizedFiles)
{
    TempFolder folder;
    const std::string path = (folder / "a.png").string();
    Tensor image(Shape{8, 8, 1}, DType::U8);
    std::string png = encodePng(image).value();
    test::writeBytes(path, "hello, this is text");
    EXPECT_TRUE(failsWith(readImage(path, {8, 8, 1}), {path, "not a picture"}));
    test::writeBytes(path, "");
    EXPECT_TRUE(failsWith(readImage(path, {8, 8, 1}), {path, "not a picture"}));
    test::writeBytes(path, png.substr(0, png.size() / 2));
    EXPECT_TRUE(failsWith(readImage(path, {8, 8, 1}), {path, "damaged"}));
    EXPECT_TRUE(failsWith(readImage(folder.path().string(), {8, 8, 1}), {"folder"}));
    // Width and height stand at byte 16 of a PNG, four bytes each.
    png.replace(16, 8, std::string("\x00\x00\x40\x00\x00\x00\x40\x00", 8));
    test::writeBytes(path, png);
    EXPECT_TRUE(failsWith(readImage(path, {8, 8, 1}), {"16384×16384", "smaller"}));
    png.replace(16, 8, std::string("\x7f\xff\xff\xff\x7f\xff\xff\xff", 8));
    test::writeBytes(path, png);
    EXPECT_FALSE(readImage(path, {8, 8, 1}).ok());
}

TEST(Image, writesNumPyFiles)
{
    TempFolder folder;
    ASSERT_TRUE(succeeded(writeNpy(folder / "a.npy", floatImage({2, 1}, {1, 2}))));
    const std::string bytes = test::readBytes(folder / "a.npy");
    ASSERT_EQ(bytes.size(), 128u + 8u);
    EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
    EXPECT_EQ(bytes[8], 118);
    EXPECT_NE(bytes.find("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }"), std::string::npos);
    EXPECT_EQ(bytes[127], '\n');
    EXPECT_EQ(bytes.substr(132), std::string("\0\0\0\x40", 4));
    ASSERT_TRUE(succeeded(writeNpy(folder / "b.npy", Tensor(Shape{}, DType::I32))));
    EXPECT_NE(test::readBytes(folder / "b.npy").find("'shape': ()"), std::string::npos);
}

} // namespace
} // namespace gradloom::data

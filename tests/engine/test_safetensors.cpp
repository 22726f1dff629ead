#include "engine/project/safetensors.h"
#include "tests/engine/test_util.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <limits>

namespace gradloom::project {
namespace {

using test::failsWith;
using test::succeeded;

Tensor floats(Shape shape, float first)
{
    Tensor tensor(shape);
    for (float& value : tensor.floats())
        value = first, first += 0.25f;
    return tensor;
}

TensorFile sample()
{
    TensorFile file;
    file.tensors.emplace("conv2d_1.weight", floats({3, 3, 1, 2}, -1));
    file.tensors.emplace("a.scalar", floats({}, 7));
    Tensor bytes(Shape{5}, DType::U8);
    bytes.as<uint8_t>()[4] = 200;
    file.tensors.emplace("b.bytes", std::move(bytes));
    Tensor whole(Shape{2, 2}, DType::I32);
    whole.as<int32_t>()[3] = -5;
    file.tensors.emplace("c.whole", std::move(whole));
    file.metadata = {{"note", "é \"quoted\""}, {"epoch", "3"}};
    return file;
}

void expectSame(const TensorFile& a, const TensorFile& b)
{
    EXPECT_EQ(a.metadata, b.metadata);
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (const auto& [name, tensor] : a.tensors) {
        ASSERT_TRUE(b.tensors.contains(name)) << name;
        const Tensor& other = b.tensors.at(name);
        EXPECT_TRUE(tensor.type() == other.type()) << name;
        ASSERT_EQ(tensor.bytes(), other.bytes()) << name;
        EXPECT_EQ(std::memcmp(tensor.data(), other.data(), static_cast<size_t>(tensor.bytes())), 0) << name;
    }
}

/// A file from its parts; `claimed` replaces the true length of the header.
std::string fileOf(const std::string& header, const std::string& data, int64_t claimed = -1)
{
    const auto length = static_cast<uint64_t>(claimed < 0 ? static_cast<int64_t>(header.size()) : claimed);
    std::string bytes;
    for (int i = 0; i < 8; ++i)
        bytes += static_cast<char>(length >> (8 * i) & 0xFF);
    return bytes + header + data;
}

void expectRefused(const std::string& bytes, std::initializer_list<std::string_view> parts)
{
    EXPECT_TRUE(failsWith(parseSafetensors(bytes, "w.safetensors"), parts));
    EXPECT_TRUE(failsWith(parseSafetensors(bytes, "w.safetensors"), {"w.safetensors"}));
}

TEST(Safetensors, AreReadBackTheSame)
{
    const test::TempFolder folder;
    const auto path = folder / "w.safetensors";
    ASSERT_TRUE(succeeded(saveSafetensors(sample(), path)));
    EXPECT_EQ(folder.fileCount(), 1u);
    const auto file = loadSafetensors(path);
    ASSERT_TRUE(succeeded(file));
    expectSame(*file, sample());
    const std::string first = test::readBytes(path);
    ASSERT_TRUE(succeeded(saveSafetensors(*file, path)));
    EXPECT_EQ(test::readBytes(path), first);
}

TEST(Safetensors, AnEmptyFileIsFine)
{
    const test::TempFolder folder;
    ASSERT_TRUE(succeeded(saveSafetensors({}, folder / "e")));
    const auto file = loadSafetensors(folder / "e");
    ASSERT_TRUE(succeeded(file));
    EXPECT_TRUE(file->tensors.empty());
}

TEST(Safetensors, TheLayoutIsTheFormatsOwn)
{
    const test::TempFolder folder;
    ASSERT_TRUE(succeeded(saveSafetensors(sample(), folder / "w")));
    const std::string bytes = test::readBytes(folder / "w");
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    EXPECT_EQ(length % 8, 0u);
    const auto header = nlohmann::json::parse(bytes.substr(8, length));
    EXPECT_EQ(header["conv2d_1.weight"]["dtype"], "F32");
    EXPECT_EQ(header["conv2d_1.weight"]["shape"], (std::vector<int>{3, 3, 1, 2}));
    EXPECT_EQ(header["__metadata__"]["epoch"], "3");
    // Single bytes last, so that all the others are aligned.
    EXPECT_EQ(header["b.bytes"]["data_offsets"], (std::vector<size_t>{92, 97}));
    EXPECT_EQ(bytes.size(), 8 + length + 97);
}

TEST(Safetensors, ForeignFilesAreRead)
{
    const std::string data(8, '\0');
    const auto file = parseSafetensors(fileOf(R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                              R"("a":{"dtype":"I32","shape":[],"data_offsets":[4,8]}}   )",
                                           data),
        "x");
    ASSERT_TRUE(succeeded(file));
    EXPECT_EQ(file->tensors.at("a").shape().rank(), 0);
    EXPECT_EQ(file->tensors.at("b").elements(), 1);
}

TEST(Safetensors, LyingHeadersAreRefused)
{
    expectRefused("", {"0 bytes"});
    expectRefused("1234567", {"7 bytes"});
    expectRefused(fileOf("{}", "", 1000), {"cut off", "1000"});
    expectRefused(fileOf("{}", "", 2'000'000'000), {"not a safetensors file", "2000000000"});
    expectRefused(fileOf("{}", "", std::numeric_limits<int64_t>::max()), {"not a safetensors file"});
    expectRefused(fileOf("[]", ""), {"JSON object"});
    expectRefused(fileOf("", ""), {"JSON object"});
    expectRefused(fileOf("{\"a\":", ""), {"ends in the middle"});
    expectRefused(fileOf("{}", "data"), {"4 bytes", "fill only 0"});
    expectRefused(fileOf(R"({"__metadata__":3})", ""), {"__metadata__"});
    expectRefused(fileOf(R"({"__metadata__":{"a":3}})", ""), {"__metadata__", "a text"});
    expectRefused(fileOf(R"({"a":{},"a":{}})", ""), {"\"a\" twice"});
    expectRefused(fileOf(R"({"a":[[[[[]]]]]})", ""), {"deep"});
}

TEST(Safetensors, LyingTensorsAreRefused)
{
    auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
        return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
               "}}";
    };
    const std::string data(16, '\0');
    auto refused = [&](const std::string& header, std::initializer_list<std::string_view> parts) {
        expectRefused(fileOf(header, data), parts);
        expectRefused(fileOf(header, data), {"\"w\""});
    };
    refused(entry("F16", "[8]", "[0,16]"), {"dtype", "F16", "only F32"});
    refused(entry("F32", "[5]", "[0,16]"), {"16 bytes", "5", "20"});
    refused(entry("F32", "[4]", "[0,17]"), {"data_offsets[1]", "17"});
    refused(entry("F32", "[4]", "[16,0]"), {"data_offsets"});
    refused(entry("F32", "[4]", "[-1,15]"), {"data_offsets[0]", "-1"});
    refused(entry("F32", "[4]", "[0]"), {"data_offsets", "begin and end"});
    refused(entry("F32", "[3]", "[4,16]"), {"begins at byte 4"});
    refused(entry("F32", "[0]", "[0,0]"), {"shape[0]", "0"});
    refused(entry("F32", "[536870912]", "[0,2147483648]"), {"data_offsets[1]"});
    refused(entry("F32", "[1048576,1048576,1048576]", "[0,16]"), {"shape", "2^40"});
    refused(entry("F32", "[1,1,1,1,1,1,4]", "[0,16]"), {"shape", "7"});
    refused(entry("F32", "[2.0]", "[0,16]"), {"shape[0]", "whole number"});
    refused(entry("F32", "\"4\"", "[0,16]"), {"shape", "a list"});
    refused(R"({"w":3})", {"an object"});
    refused(R"({"w":{"dtype":"F32","shape":[4]}})", {"data_offsets", "missing"});
    refused(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":1}})", {"unknown key"});
    expectRefused(fileOf(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
                         R"("b":{"dtype":"F32","shape":[3],"data_offsets":[4,16]}})",
                      data),
        {"\"b\"", "begins at byte 4", "ends at 12"});
}

TEST(Safetensors, AFileCutAnywhereIsRefused)
{
    const test::TempFolder folder;
    ASSERT_TRUE(succeeded(saveSafetensors(sample(), folder / "w")));
    const std::string bytes = test::readBytes(folder / "w");
    for (size_t size = 0; size < bytes.size(); ++size)
        ASSERT_TRUE(failsWith(parseSafetensors(bytes.substr(0, size), "w"), {"w"})) << size;
}

TEST(Safetensors, WhatCannotBeWrittenLeavesTheOldFile)
{
    const test::TempFolder folder;
    ASSERT_TRUE(succeeded(saveSafetensors(sample(), folder / "w")));
    TensorFile empty;
    empty.tensors.emplace("x", Tensor());
    EXPECT_TRUE(failsWith(saveSafetensors(empty, folder / "w"), {"\"x\"", "empty"}));
    EXPECT_TRUE(succeeded(loadSafetensors(folder / "w")));
    EXPECT_TRUE(failsWith(saveSafetensors(sample(), folder / "no" / "w"), {"does not exist"}));
    EXPECT_TRUE(failsWith(loadSafetensors(folder / "none"), {"none", "does not exist"}));
    EXPECT_EQ(folder.fileCount(), 1u);
}

} // namespace
} // namespace gradloom::project

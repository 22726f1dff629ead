#include "engine/base/file.h"
#include "tests/engine/test_util.h"

#include <csignal>

#include <sys/resource.h>
#include <sys/stat.h>

namespace gradloom {
namespace {

using test::failsWith;
using test::succeeded;
using test::TempFolder;

TEST(File, readsWhatWasWritten)
{
    TempFolder folder;
    const std::string bytes("one\0two\n", 8);
    ASSERT_TRUE(succeeded(writeFileAtomically(folder / "a", bytes)));
    const auto read = readFile(folder / "a", 8);
    ASSERT_TRUE(succeeded(read));
    EXPECT_EQ(*read, bytes);
    EXPECT_EQ(folder.fileCount(), 1u);
}

TEST(File, refusesWhatIsNoRegularFileOrTooLong)
{
    TempFolder folder;
    test::writeBytes(folder / "long", "12345");
    EXPECT_TRUE(failsWith(readFile(folder / "long", 4), {"long", "5 bytes"}));
    EXPECT_TRUE(failsWith(readFile(folder.path(), 4), {"folder"}));
    EXPECT_TRUE(failsWith(readFile(folder / "none", 4), {"none", "does not exist"}));
    EXPECT_TRUE(failsWith(readFile("/dev/zero", 4), {"/dev/zero", "regular"}));
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    EXPECT_TRUE(failsWith(readFile(folder / "pipe", 4), {"pipe", "regular"}));
    EXPECT_TRUE(failsWith(writeFileAtomically("/dev/null", std::string_view("x")), {"/dev/null", "regular"}));
}

TEST(File, replacesKeepingRightsAndLinks)
{
    TempFolder folder;
    test::writeBytes(folder / "real", "old");
    ::chmod((folder / "real").c_str(), 0640);
    std::filesystem::create_symlink("real", folder / "link");
    ASSERT_TRUE(succeeded(writeFileAtomically(folder / "link", std::string_view("new"))));
    EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
    EXPECT_EQ(test::readBytes(folder / "real"), "new");
    EXPECT_EQ(static_cast<int>(std::filesystem::status(folder / "real").permissions()), 0640);
}

TEST(File, refusesImpossiblePlaces)
{
    TempFolder folder;
    test::writeBytes(folder / "file", "x");
    EXPECT_TRUE(failsWith(
        writeFileAtomically(folder / "none/a", std::string_view("x")), {"none/a", "does not exist"}));
    EXPECT_TRUE(
        failsWith(writeFileAtomically(folder / "file/a", std::string_view("x")), {"file/a", "not a folder"}));
    EXPECT_TRUE(failsWith(writeFileAtomically(folder.path(), std::string_view("x")), {"folder"}));
    EXPECT_TRUE(failsWith(makeFolder(folder / "file"), {"file of this name"}));
    EXPECT_TRUE(failsWith(makeFolder(folder / "file/sub"), {"not a folder"}));
    EXPECT_TRUE(succeeded(makeFolder(folder / "new/sub")));
    EXPECT_TRUE(succeeded(makeFolder(folder / "new/sub")));
}

TEST(File, readOnlyFolder)
{
    TempFolder folder;
    std::filesystem::create_directory(folder / "locked");
    ::chmod((folder / "locked").c_str(), 0555);
    const test::Unprivileged nobody;
    EXPECT_TRUE(failsWith(
        writeFileAtomically(folder / "locked/a", std::string_view("x")), {"locked/a", "not permitted"}));
}

/// A limit on the file size stands for a full disk: the write fails half way.
TEST(File, failedWriteLeavesTheOldFileAndNoOther)
{
    TempFolder folder;
    test::writeBytes(folder / "a", "old");
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{4096, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const Status status = writeFileAtomically(folder / "a", std::string(10000, 'x'));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, handler);
    EXPECT_TRUE(failsWith(status, {"a cannot be written"}));
    EXPECT_EQ(test::readBytes(folder / "a"), "old");
    EXPECT_EQ(folder.fileCount(), 1u);
}

TEST(File, withoutCommitNothingAppears)
{
    TempFolder folder;
    {
        AtomicFile file;
        ASSERT_TRUE(succeeded(file.open(folder / "a")));
        ASSERT_TRUE(succeeded(file.write("part")));
    }
    EXPECT_EQ(folder.fileCount(), 0u);
}

} // namespace
} // namespace gradloom

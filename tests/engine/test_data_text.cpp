#include "engine/data/text.h"
#include "engine/data/vocabulary.h"
#include "tests/engine/test_util.h"

#include <algorithm>
#include <set>

namespace gradloom::data {
namespace {

using test::failsWith;
using test::succeeded;
using test::TempFolder;
using test::writeBytes;
using Texts = std::vector<std::string>;

Texts asTexts(const std::vector<std::string_view>& parts)
{
    return {parts.begin(), parts.end()};
}

TEST(Text, findsBrokenUtf8)
{
    EXPECT_EQ(brokenUtf8("abc äöü € 𝄞"), -1);
    const std::pair<const char*, int64_t> wrong[] = {{"a\x80", 1}, {"\xC0\x80", 0}, {"ab\xC3", 2},
        {"\xE0\x80\x80", 0}, {"\xED\xA0\x80", 0}, {"x\xF5\x80\x80\x80", 1}, {"\xF4\x90\x80\x80", 0},
        {"\xE2\x82", 0}, {"\xFF", 0}};
    for (const auto& [text, place] : wrong)
        EXPECT_EQ(brokenUtf8(text), place) << text;
    EXPECT_TRUE(failsWith(checkText("one\ntwo \xFF", "f.txt"), {"f.txt: line 2", "byte 8", "UTF-8"}));
}

TEST(Text, cutsIntoWordsAndCharacters)
{
    EXPECT_EQ(asTexts(wordsOf("Don't stop, été!  «Oui» 3.5")),
        (Texts{"Don't", "stop", ",", "été", "!", "«", "Oui", "»", "3", ".", "5"}));
    EXPECT_TRUE(wordsOf(" \t\n\u00A0").empty());
    EXPECT_EQ(asTexts(charactersOf("aé€")), (Texts{"a", "é", "€"}));
    EXPECT_EQ(asTexts(linesOf("a\r\nb\n\nc")), (Texts{"a", "b", "", "c"}));
    EXPECT_EQ(splitList(" a, b ,,c"), (Texts{"a", "b", "", "c"}));
    EXPECT_TRUE(splitList("  ").empty());
}

TEST(Text, makesSmallLetters)
{
    EXPECT_EQ(lowerCase("ÀÉÎÕÜ×ß ŠŽŸĐŁ ΑΩ ЖЯЁ İ A1"), "àéîõü×ß šžÿđł αω жяё İ a1");
}

TEST(Vocabulary, keepsTheMostFrequentTokens)
{
    const auto vocabulary = Vocabulary::fromCounts({{"a", 1}, {"b", 5}, {"c", 5}, {"d", 2}}, 5);
    EXPECT_EQ(vocabulary.texts(), (Texts{Vocabulary::paddingText, Vocabulary::unknownText, "b", "c", "d"}));
    EXPECT_EQ(vocabulary.find("c"), 3);
    EXPECT_EQ(vocabulary.find("a"), Vocabulary::unknown);
    TokenSettings settings;
    settings.length = 4;
    Tensor row = encodeText("D b b, x y z", vocabulary, settings);
    const auto tokens = row.as<int32_t>();
    EXPECT_EQ(std::vector<int32_t>(tokens.begin(), tokens.end()), (std::vector<int32_t>{4, 2, 2, 1}));
    settings.padFront = true;
    row = encodeText("b", vocabulary, settings);
    EXPECT_EQ(row.as<int32_t>()[3], 2);
    EXPECT_EQ(row.as<int32_t>()[0], Vocabulary::padding);
}

TEST(TextSource, readsAFileForEachClass)
{
    const TempFolder folder;
    std::string good;
    std::string bad;
    for (int i = 0; i < 10; ++i) {
        good += "Fine word" + std::to_string(i) + "\n\n";
        bad += "bad term" + std::to_string(i) + " indeed\r\n";
    }
    writeBytes(folder / "good.txt", good);
    writeBytes(folder / "bad.txt", bad);
    const auto loaded = loadData("text", {{"file", folder.path().string()}, {"length", int64_t{4}}}, {});
    ASSERT_TRUE(succeeded(loaded));
    EXPECT_EQ(loaded->classNames(), (Texts{"bad", "good"}));
    EXPECT_EQ(loaded->training->count(), 16);
    EXPECT_EQ(loaded->test->count(), 4);
    EXPECT_EQ(loaded->sampleShape(), Shape{4});
    EXPECT_EQ(loaded->training->samples.dtype(), DType::I32);
    // Words of the test part alone are unknown.
    const auto& known = loaded->vocabulary;
    EXPECT_NE(std::find(known.begin(), known.end(), "fine"), known.end());
    const Tensor sample = loaded->encode("Fine indeed").value();
    EXPECT_EQ(textOfTokens(sample.as<int32_t>(), *loaded), "fine indeed");
    int unknown = 0;
    for (const int32_t token : loaded->test->samples.as<int32_t>())
        unknown += token == Vocabulary::unknown;
    EXPECT_EQ(unknown, 4); // each document has a number of its own, "word7"
}

TEST(TextSource, readsATableOfLabelsAndTexts)
{
    const TempFolder folder;
    writeBytes(folder / "t.csv", "label,text\nyes,\"well, yes\"\nno,no no\nyes,yes\nno,never\n");
    const Params options{{"file", (folder / "t.csv").string()}, {"tokens", std::string("characters")},
        {"length", int64_t{6}}, {"test_share", 0.5}};
    const auto loaded = loadData("text", options, {});
    ASSERT_TRUE(succeeded(loaded));
    EXPECT_EQ(loaded->classNames(), (Texts{"no", "yes"}));
    EXPECT_TRUE(loaded->characters);
    EXPECT_EQ(textOfTokens(loaded->encode("no").value().as<int32_t>(), *loaded).size(), 2u);
    auto wrong = options;
    wrong.set("text_column", std::string("body"));
    EXPECT_TRUE(failsWith(loadData("text", wrong, {}), {"no column \"body\""}));
}

TEST(TextSource, foretellsTheNextToken)
{
    const TempFolder folder;
    std::string text;
    for (int i = 0; i < 100; ++i)
        text += "ab";
    writeBytes(folder / "t.txt", text);
    const Params options{{"file", (folder / "t.txt").string()}, {"task", std::string("next")},
        {"tokens", std::string("characters")}, {"length", int64_t{7}}};
    const auto loaded = loadData("text", options, {});
    ASSERT_TRUE(succeeded(loaded));
    const Target& target = loaded->targets[0];
    EXPECT_EQ(target.kind, Target::Kind::Tokens);
    EXPECT_EQ(target.type, (TensorType{Shape{7}, DType::I32}));
    EXPECT_EQ(loaded->training->count(), 159 / 7);
    const auto samples = loaded->training->samples.as<int32_t>();
    const auto next = loaded->training->targets[0].as<int32_t>();
    for (size_t i = 0; i + 1 < samples.size(); ++i)
        ASSERT_EQ(next[i], samples[i + 1]);
    auto wrong = options;
    wrong.set("length", int64_t{100});
    EXPECT_TRUE(failsWith(loadData("text", wrong, {}), {"200 tokens", "too few"}));
}

TEST(TextSource, saysWhatIsWrong)
{
    const TempFolder folder;
    EXPECT_TRUE(failsWith(loadData("text", {}, {}), {"name one"}));
    EXPECT_TRUE(failsWith(loadData("text", {{"file", folder.path().string()}}, {}), {"fewer than two"}));
    EXPECT_TRUE(failsWith(loadData("text", {{"file", std::string("/nowhere")}}, {}), {"/nowhere", "exist"}));
    writeBytes(folder / "a.txt", "fine\nbroken \xC3\x28\n");
    writeBytes(folder / "b.txt", "fine\n");
    EXPECT_TRUE(
        failsWith(loadData("text", {{"file", folder.path().string()}}, {}), {"a.txt: line 2", "UTF-8"}));
}

void writeLists(const TempFolder& folder)
{
    std::string first;
    std::string second;
    for (char a = 'a'; a <= 'j'; ++a)
        for (char b = 'a'; b <= 'j'; ++b) {
            first += std::string("kk") + a + b + "\n";
            second += std::string("\u00C9l") + a + b + "\n";
        }
    writeBytes(folder / "one", first + "shared\nab\nit's\nverylongwordthatisleftout\n");
    writeBytes(folder / "two", second + "Shared\n");
}

TEST(WordsSource, leavesSharedWordsOut)
{
    const TempFolder folder;
    writeLists(folder);
    const Params options{{"folder", folder.path().string()}, {"languages", std::string("One=one, two")},
        {"training", int64_t{80}}, {"test", int64_t{20}}};
    const auto loaded = loadData("words", options, {});
    ASSERT_TRUE(succeeded(loaded));
    EXPECT_EQ(loaded->classNames(), (Texts{"One", "two"}));
    EXPECT_EQ(loaded->training->count(), 160);
    EXPECT_EQ(loaded->test->count(), 40);
    std::set<std::string> seen;
    for (const auto* part : {loaded->training.get(), loaded->test.get()})
        for (int64_t i = 0; i < part->count(); ++i) {
            const std::string word = textOfTokens(part->sample(i).as<int32_t>(), *loaded);
            EXPECT_TRUE(seen.insert(word).second) << word;
            EXPECT_EQ(word.starts_with("kk"), part->label(i) == 0) << word;
            EXPECT_TRUE(word.starts_with("kk") || word.starts_with("él")) << word;
        }
    auto more = options;
    more.set("training", int64_t{81});
    EXPECT_TRUE(failsWith(loadData("words", more, {}), {"\"one\"", "100 usable words", "fewer"}));
}

TEST(WordsSource, namesThePackageOfAMissingList)
{
    const TempFolder folder;
    writeLists(folder);
    const auto load = [](const std::string& in, const std::string& languages) {
        return loadData("words", {{"folder", in}, {"languages", languages}}, {});
    };
    EXPECT_TRUE(failsWith(load(folder.path().string(), "one, three"), {"three", "exist"}));
    EXPECT_TRUE(failsWith(load(folder.path().string(), "one"), {"2 to"}));
    EXPECT_TRUE(failsWith(load(folder.path().string(), "one, x="), {"\"x=\""}));
}

} // namespace
} // namespace gradloom::data

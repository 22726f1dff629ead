#include "engine/data/source_type.h"
#include "engine/data/vocabulary.h"
#include "tests/engine/test_util.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

namespace gradloom::data {
namespace {

using test::failsWith;
using test::succeeded;

bool sameBytes(const Tensor& a, const Tensor& b)
{
    return a.type() == b.type() && std::equal(a.data(), a.data() + a.bytes(), b.data());
}

/// What every generated set must be: the same for the same options, another one for another seed, with a test
/// part that does not depend on the size of the training part.
void expectGenerated(const std::string& source)
{
    const auto load = [&](int64_t training, int64_t seed) {
        return loadData(source, {{"training", training}, {"seed", seed}}, {}).value();
    };
    const auto data = load(60, 1);
    EXPECT_TRUE(sameBytes(data.training->samples, load(60, 1).training->samples)) << source;
    EXPECT_FALSE(sameBytes(data.training->samples, load(60, 2).training->samples)) << source;
    EXPECT_TRUE(sameBytes(data.test->samples, load(30, 1).test->samples)) << source;
    EXPECT_FALSE(data.description.empty());
}

TEST(Generated, areDeterministic)
{
    for (const char* source : {"shapes", "spirals", "waves", "toy_text"})
        expectGenerated(source);
}

TEST(Spirals, everyPointLiesOnItsArm)
{
    const auto data = loadData("spirals", {{"noise", 0.0}, {"arms", int64_t{3}}, {"turns", 2.0}}, {}).value();
    EXPECT_EQ(data.classCount(), 3);
    for (int64_t i = 0; i < data.training->count(); ++i) {
        const Tensor point = data.training->sample(i);
        const double x = point.floats()[0];
        const double y = point.floats()[1];
        const double turn = 2 * std::hypot(x, y) + data.training->label(i) / 3.0;
        ASSERT_NEAR(std::cos(turn * 6.283185307), x / std::hypot(x, y), 1e-3);
    }
}

TEST(Waves, classesAndForecasts)
{
    const auto kinds = loadData("waves", {{"noise", 0.0}, {"kinds", int64_t{2}}}, {}).value();
    EXPECT_EQ(kinds.sampleShape(), (Shape{100, 1}));
    EXPECT_EQ(kinds.classNames(), (std::vector<std::string>{"Sine", "Square"}));
    for (int64_t i = 0; i < 50; ++i) {
        const Tensor wave = kinds.training->sample(i);
        std::set<float> values(wave.floats().begin(), wave.floats().end());
        EXPECT_EQ(values.size() == 2, kinds.training->label(i) == 1); // a square has two values
    }
    const auto next =
        loadData("waves", {{"task", std::string("forecast")}, {"horizon", int64_t{3}}, {"noise", 0.0}}, {})
            .value();
    EXPECT_EQ(next.targets[0].type, (TensorType{Shape{3}, DType::F32}));
    EXPECT_EQ(next.targets[1].name, "kind");
    EXPECT_EQ(next.training->label(3, 1), 1);
    EXPECT_EQ(next.training->label(3), -1);
}

/// The verdict follows from the words by the rule that the help states.
bool praises(const std::string& sentence)
{
    static const std::set<std::string> good{"good", "great", "fresh", "clever", "warm", "bright", "honest",
        "lovely", "solid", "brave", "gentle", "splendid"};
    static const std::set<std::string> bad{"bad", "poor", "stale", "silly", "cold", "dull", "false", "ugly",
        "weak", "timid", "harsh", "dreadful"};
    int balance = 0;
    bool negated = false;
    std::istringstream words(sentence);
    for (std::string word; words >> word;) {
        if (word == "not")
            negated = true;
        if (!good.contains(word) && !bad.contains(word))
            continue;
        balance += good.contains(word) != negated ? 1 : -1;
        negated = false;
    }
    return balance > 0;
}

TEST(ToyText, followsItsRule)
{
    const auto loaded = loadData("toy_text", {}, {});
    ASSERT_TRUE(succeeded(loaded));
    int praise = 0;
    int unknown = 0;
    for (int64_t i = 0; i < loaded->training->count(); ++i) {
        const Tensor sample = loaded->training->sample(i);
        const std::string sentence = textOfTokens(sample.as<int32_t>(), *loaded);
        ASSERT_EQ(praises(sentence), loaded->training->label(i) == 1) << sentence;
        praise += loaded->training->label(i);
        for (const int32_t token : std::as_const(sample).as<int32_t>())
            unknown += token == Vocabulary::unknown;
    }
    EXPECT_NEAR(praise, 2000, 150);
    EXPECT_EQ(unknown, 0);
    const Tensor own = loaded->encode("The soup was NOT good; the film was great").value();
    EXPECT_EQ(textOfTokens(own.as<int32_t>(), *loaded), "the soup was not good ; the film was great");
    EXPECT_TRUE(failsWith(loadData("toy_text", {{"opinions", int64_t{5}}}, {}), {"35 words", "length"}));
    const auto large = loadData("toy_text", {{"names", int64_t{9000}}, {"training", int64_t{10}}}, {});
    ASSERT_TRUE(succeeded(large));
    EXPECT_GT(large->vocabulary.size(), 8000u);
}

} // namespace
} // namespace gradloom::data

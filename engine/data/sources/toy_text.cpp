#include "engine/base/philox.h"
#include "engine/data/vocabulary.h"

#include <algorithm>
#include <array>

/// Generated sentences with a known rule: a sentence praises when more of its opinions are good than bad;
/// "not" before an opinion turns it around. Counting words alone does not solve it: what matters is which
/// opinion a "not" stands before.

namespace gradloom::data {

namespace {

constexpr std::array goodWords{"good", "great", "fresh", "clever", "warm", "bright", "honest", "lovely",
    "solid", "brave", "gentle", "splendid"};
constexpr std::array badWords{
    "bad", "poor", "stale", "silly", "cold", "dull", "false", "ugly", "weak", "timid", "harsh", "dreadful"};
constexpr std::array toyThings{"film", "soup", "story", "garden", "song", "house", "teacher", "train",
    "letter", "coffee", "picture", "journey", "meal", "idea", "neighbour", "market", "river", "coat",
    "evening", "speech"};
constexpr std::array toyDegrees{"", "", "very ", "rather ", "quite ", "really "};
constexpr std::array toyJoints{"and", "but", "while", "though", ";"};
constexpr int32_t firstOpinions = 1;

template <size_t N>
const char* pickWord(const std::array<const char*, N>& words, Random& random)
{
    return words[random.below(static_cast<uint32_t>(N))];
}

/// A made-up name: two or three syllables, the same for the same number.
std::string inventedName(int64_t number)
{
    static constexpr std::array beginnings{
        "ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu"};
    static constexpr std::array endings{"bel", "dor", "fan", "gim", "kus", "lan", "mer", "nip", "rok", "sum",
        "tal", "ver", "wen", "xo", "yra"};
    std::string name = beginnings[static_cast<size_t>(number % 15)];
    for (int64_t rest = number / 15;; rest /= 15) {
        name += endings[static_cast<size_t>(rest % 15)];
        if (rest < 15)
            return name;
    }
}

struct ToySettings
{
    int64_t names;    ///< invented names besides the things
    int64_t opinions; ///< at most so many in a sentence, an odd number
    double negated;
    uint64_t seed;
};

struct ToySentence
{
    std::vector<std::string> words;
    bool praise = false;
};

void addWords(ToySentence& sentence, const std::string& text)
{
    for (size_t begin = 0; begin < text.size();) {
        const size_t end = std::min(text.find(' ', begin), text.size());
        if (end > begin)
            sentence.words.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
}

ToySentence writeSentence(const ToySettings& settings, Random random)
{
    ToySentence sentence;
    // An odd number of opinions, so that there is always a majority.
    const auto choices = static_cast<uint32_t>((settings.opinions + 1) / 2);
    const int32_t opinions = firstOpinions + 2 * static_cast<int32_t>(random.below(choices));
    int32_t balance = 0;
    for (int32_t i = 0; i < opinions; ++i) {
        if (i > 0)
            addWords(sentence, pickWord(toyJoints, random));
        const bool named = settings.names > 0 && random.below(2) == 0;
        const std::string thing = named ? inventedName(random.below(static_cast<uint32_t>(settings.names)))
                                        : std::string("the ") + pickWord(toyThings, random);
        const bool negated = random.uniform() < settings.negated;
        const bool good = random.below(2) == 0;
        addWords(sentence, thing + " was " + (negated ? "not " : "") + pickWord(toyDegrees, random) +
                               (good ? pickWord(goodWords, random) : pickWord(badWords, random)));
        balance += good != negated ? 1 : -1;
    }
    sentence.praise = balance > 0;
    return sentence;
}

Vocabulary toyVocabulary(int64_t names)
{
    std::vector<std::string> words{"the", "was", "not", "very", "rather", "quite", "really"};
    words.insert(words.end(), toyJoints.begin(), toyJoints.end());
    words.insert(words.end(), goodWords.begin(), goodWords.end());
    words.insert(words.end(), badWords.begin(), badWords.end());
    words.insert(words.end(), toyThings.begin(), toyThings.end());
    for (int64_t i = 0; i < names; ++i)
        words.push_back(inventedName(i));
    return Vocabulary(words);
}

std::shared_ptr<const Dataset> writeToyPart(const ToySettings& settings, const TokenSettings& tokens,
    const Vocabulary& vocabulary, int64_t count, uint64_t stream)
{
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{count, tokens.length}, DType::I32);
    Tensor labels(Shape{count}, DType::I32);
    const auto length = static_cast<size_t>(tokens.length);
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
        const ToySentence sentence = writeSentence(settings, Random(settings.seed, stream + i));
        writeTokens(
            sentence.words, vocabulary, tokens, dataset->samples.as<int32_t>().subspan(i * length, length));
        labels.as<int32_t>()[i] = sentence.praise ? 1 : 0;
    }
    dataset->targets.push_back(std::move(labels));
    return dataset;
}

Result<LoadedData> loadToyText(const Params& params, const SourceContext&)
{
    const ToySettings settings{params.integer("names"), params.integer("opinions"), params.real("negated"),
        static_cast<uint64_t>(params.integer("seed"))};
    TokenSettings tokens;
    tokens.length = params.integer("length");
    tokens.padFront = params.text("padding") == "front";
    // A clause has at most seven words with its joint; a sentence that is cut could lose the opinion that
    // decides.
    const int64_t longest = settings.opinions * 7;
    if (tokens.length < longest)
        return invalidArgument("Sentences of up to " + std::to_string(settings.opinions) +
                               " opinions have up to " + std::to_string(longest) +
                               " words; make the length at least that.");
    const Vocabulary vocabulary = toyVocabulary(settings.names);
    LoadedData data;
    data.name = "Toy text";
    data.description =
        "Generated sentences that praise or blame: the majority of their opinions decides, and \"not\" "
        "turns an opinion around.";
    data.targets.push_back(classTarget("verdict", {"blame", "praise"}));
    data.vocabulary = vocabulary.texts();
    data.valueMaximum = 1;
    data.training = writeToyPart(settings, tokens, vocabulary, params.integer("training"), 0);
    data.test = writeToyPart(settings, tokens, vocabulary, params.integer("test"), uint64_t{1} << 40);
    data.encode = [vocabulary, tokens](const std::string& line) -> Result<Tensor> {
        return encodeText(line, vocabulary, tokens);
    };
    return data;
}

} // namespace

SourceType toy_text()
{
    SourceType type;
    type.id = "toy_text";
    type.title = "Toy text";
    type.help = "Built-in generated sentences that praise or blame by a known rule: the majority of the "
                "opinions in a "
                "sentence decides, and \"not\" before an opinion turns it around. Needs no files.";
    type.parameters = {
        integerParam("training", "Training sentences", 4000, 10, 1000000, "How many sentences to train on."),
        integerParam("test", "Test sentences", 1000, 10, 1000000, "How many sentences to test with."),
        integerParam("length", "Length", 24, 7, 1000, "Words of a sample; shorter sentences are padded.")
            .withUnit("words"),
        choiceParam("padding", "Padding", "end", {{"end", "behind"}, {"front", "in front"}},
            "Where short sentences are filled up."),
        integerParam("opinions", "Opinions", 3, 1, 99, "The most opinions in a sentence; more is harder."),
        realParam("negated", "Negated", 0.4, 0, 0.5, "Share of the opinions with a \"not\" before them."),
        integerParam("names", "Invented names", 200, 0, 50000,
            "Names that occur now and then and say nothing; they make the vocabulary larger."),
        integerParam("seed", "Seed", 1, 0, 1e15, "Another seed writes other sentences.")};
    type.load = loadToyText;
    return type;
}

} // namespace gradloom::data

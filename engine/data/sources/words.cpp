#include "engine/base/file.h"
#include "engine/data/data_file.h"
#include "engine/data/text.h"
#include "engine/data/vocabulary.h"

#include <algorithm>
#include <unordered_map>

/// Word lists of several languages, one word a line: tell the language of a word by its letters.

namespace gradloom::data {

namespace {

constexpr int64_t maxWordListBytes = int64_t{64} << 20;
constexpr size_t maxLanguages = 100;

struct Language
{
    std::string name;
    std::string file;
    std::vector<std::string> words; ///< sorted, without repetitions
};

/// "French=french, German=ngerman"; without a name the file's.
Result<std::vector<Language>> languagesOf(const std::string& text)
{
    std::vector<Language> languages;
    for (const std::string& entry : splitList(text)) {
        const size_t equals = entry.find('=');
        Language language;
        language.file = trimmed(entry.substr(equals == std::string::npos ? 0 : equals + 1));
        language.name =
            equals == std::string::npos ? language.file : std::string(trimmed(entry.substr(0, equals)));
        if (language.file.empty() || language.name.empty())
            return invalidArgument("\"" + entry + "\" names no word list; write \"French=french\".");
        languages.push_back(std::move(language));
    }
    if (languages.size() < 2 || languages.size() > maxLanguages)
        return invalidArgument(
            "Name 2 to " + std::to_string(maxLanguages) + " languages with their word lists.");
    return languages;
}

/// Small letters only; a word with marks or figures in it (abbreviations, "dog's") says little about its
/// language.
bool usableWord(std::string_view word, int64_t shortest, int64_t longest)
{
    const auto characters = charactersOf(word);
    const auto count = static_cast<int64_t>(characters.size());
    if (count < shortest || count > longest)
        return false;
    return std::all_of(characters.begin(), characters.end(),
        [](std::string_view c) { return c.size() > 1 || (c[0] >= 'a' && c[0] <= 'z'); });
}

Status readWords(Language& language, const std::filesystem::path& path, int64_t shortest, int64_t longest)
{
    std::error_code code;
    if (!std::filesystem::exists(path, code))
        return missingData(path);
    const auto bytes = readFile(path, maxWordListBytes);
    if (!bytes)
        return bytes.error();
    if (Status status = checkText(*bytes, path.string()); !status)
        return status;
    for (const std::string_view line : linesOf(withoutMark(*bytes))) {
        std::string word = lowerCase(trimmed(line));
        if (usableWord(word, shortest, longest))
            language.words.push_back(std::move(word));
    }
    std::sort(language.words.begin(), language.words.end());
    language.words.erase(std::unique(language.words.begin(), language.words.end()), language.words.end());
    return {};
}

/// A word that several languages have cannot be told apart, so it is left out of all.
void removeShared(std::vector<Language>& languages)
{
    std::unordered_map<std::string, int> seen;
    for (const Language& language : languages)
        for (const std::string& word : language.words)
            ++seen[word];
    for (Language& language : languages)
        std::erase_if(language.words, [&](const std::string& word) { return seen.at(word) > 1; });
}

/// `count` words drawn from each list in an order that depends on the seed alone.
Status drawWords(std::vector<Language>& languages, int64_t count, uint64_t seed)
{
    for (Language& language : languages) {
        const auto available = static_cast<int64_t>(language.words.size());
        if (available < count)
            return invalidArgument("The word list \"" + language.file + "\" has " +
                                   std::to_string(available) + " usable words of its own but " +
                                   std::to_string(count) + " are wanted of each language; choose fewer.");
        const auto order = partOrder(available, seed);
        std::vector<std::string> drawn;
        for (int64_t i = 0; i < count; ++i)
            drawn.push_back(language.words[static_cast<size_t>(order[static_cast<size_t>(i)])]);
        language.words = std::move(drawn);
    }
    return {};
}

/// Words `first` to `end` of each list, the languages in turn.
std::shared_ptr<const Dataset> wordDataset(const std::vector<Language>& languages, int64_t first, int64_t end,
    const Vocabulary& vocabulary, const TokenSettings& settings)
{
    auto dataset = std::make_shared<Dataset>();
    const auto kinds = static_cast<int64_t>(languages.size());
    dataset->samples = Tensor(Shape{(end - first) * kinds, settings.length}, DType::I32);
    Tensor labels(Shape{(end - first) * kinds}, DType::I32);
    const auto length = static_cast<size_t>(settings.length);
    size_t at = 0;
    for (int64_t i = first; i < end; ++i)
        for (int64_t k = 0; k < kinds; ++k, ++at) {
            const std::string& word = languages[static_cast<size_t>(k)].words[static_cast<size_t>(i)];
            writeTokens(tokensOf(word, settings), vocabulary, settings,
                dataset->samples.as<int32_t>().subspan(at * length, length));
            labels.as<int32_t>()[at] = static_cast<int32_t>(k);
        }
    dataset->targets.push_back(std::move(labels));
    return dataset;
}

LoadedData wordData(
    const std::vector<Language>& languages, int64_t training, int64_t test, const TokenSettings& settings)
{
    std::map<std::string, int64_t, std::less<>> counts;
    LoadedData data;
    data.targets.push_back(classTarget("language", {}));
    for (const Language& language : languages) {
        data.targets.front().names.push_back(language.name);
        for (int64_t i = 0; i < training; ++i)
            for (const std::string_view character : charactersOf(language.words[static_cast<size_t>(i)]))
                ++counts[std::string(character)];
    }
    const Vocabulary vocabulary = Vocabulary::fromCounts(counts, 1000);
    data.name = "Words";
    data.description =
        "Words of several languages in small letters; words that more than one language has are left out.";
    data.vocabulary = vocabulary.texts();
    data.characters = true;
    data.valueMaximum = 1;
    data.training = wordDataset(languages, 0, training, vocabulary, settings);
    data.test = wordDataset(languages, training, training + test, vocabulary, settings);
    data.encode = [vocabulary, settings](const std::string& line) -> Result<Tensor> {
        return encodeText(std::string(trimmed(line)), vocabulary, settings);
    };
    return data;
}

Result<LoadedData> loadWords(const Params& params, const SourceContext& context)
{
    auto languages = languagesOf(params.text("languages"));
    if (!languages)
        return languages.error();
    std::filesystem::path folder = params.text("folder");
    if (!context.dataFolder.empty())
        folder = context.dataFolder;
    else if (folder.is_relative() && !context.projectFolder.empty())
        folder = context.projectFolder / folder;
    TokenSettings settings;
    settings.characters = true;
    settings.length = params.integer("length");
    for (Language& language : *languages)
        if (Status status =
                readWords(language, folder / language.file, params.integer("shortest"), settings.length);
            !status)
            return status.error();
    removeShared(*languages);
    const int64_t training = params.integer("training");
    const int64_t test = params.integer("test");
    if (Status status = drawWords(*languages, training + test, static_cast<uint64_t>(params.integer("seed")));
        !status)
        return status.error();
    return wordData(*languages, training, test, settings);
}

} // namespace

SourceType words()
{
    SourceType type;
    type.id = "words";
    type.title = "Words of languages";
    type.help =
        "Word lists of several languages, one word a line: tell the language of a word by its letters. Words "
        "that more than one language has are left out.";
    type.parameters = {
        textParam("folder", "Folder", "/usr/share/dict",
            "The folder that holds the word lists. A relative folder counts from the project file.")
            .withUnit("folder"),
        textParam("languages", "Languages",
            "English=american-english, French=french, German=ngerman, Spanish=spanish, Italian=italian",
            "The languages with the files of their word lists, separated by commas. Debian has them in the "
            "packages "
            "wamerican, wfrench, wngerman, wspanish and witalian."),
        integerParam("training", "Training words", 4000, 10, 1000000, "Words of each language to train on."),
        integerParam("test", "Test words", 500, 10, 1000000, "Words of each language to test with."),
        integerParam("shortest", "Shortest", 3, 1, 100, "Words with fewer letters are left out.")
            .withUnit("letters"),
        integerParam(
            "length", "Longest", 16, 2, 200, "Words with more letters are left out; shorter ones are padded.")
            .withUnit("letters"),
        integerParam("seed", "Seed", 1, 0, 1e15, "Another seed draws other words.")};
    type.load = loadWords;
    return type;
}

} // namespace gradloom::data

#include "engine/data/text.h"

#include "engine/base/file.h"
#include "engine/data/data_file.h"
#include "engine/data/table.h"
#include "engine/data/vocabulary.h"

#include <algorithm>

/// Texts of one's own: one document a line in a file for each class, label and text in two columns of a
/// table, or one text to go on with (a language model).

namespace gradloom::data {

namespace {

constexpr int64_t maxTextBytes = int64_t{256} << 20;

struct Document
{
    std::vector<std::string> tokens;
    int32_t label = 0;
};

struct Documents
{
    std::string name;
    std::vector<std::string> classes;
    std::vector<Document> all;
};

Result<std::string> readText(const std::filesystem::path& file)
{
    auto bytes = readFile(file, maxTextBytes);
    if (!bytes)
        return bytes;
    if (Status status = checkText(*bytes, file.string()); !status)
        return status.error();
    return std::string(withoutMark(*bytes));
}

/// A folder: every *.txt is a class, every line in it a document.
Result<Documents> readClassFiles(const std::filesystem::path& folder, const TokenSettings& settings)
{
    std::vector<std::filesystem::path> files;
    std::error_code code;
    for (std::filesystem::directory_iterator it(folder, code), end; !code && it != end; it.increment(code))
        if (it->path().extension() == ".txt")
            files.push_back(it->path());
    std::sort(files.begin(), files.end());
    if (code || files.size() < 2)
        return invalidFile("The folder " + folder.string() +
                           " holds fewer than two files *.txt; a text set needs one for each class, with one "
                           "document a line.");
    Documents documents;
    documents.name = folder.filename().string();
    for (const auto& file : files) {
        auto text = readText(file);
        if (!text)
            return text.error();
        const auto label = static_cast<int32_t>(documents.classes.size());
        documents.classes.push_back(file.stem().string());
        for (const std::string_view line : linesOf(*text))
            if (!trimmed(line).empty())
                documents.all.push_back({tokensOf(line, settings), label});
    }
    return documents;
}

/// A table with a column of labels and one of texts.
Result<Documents> readTextTable(
    const std::filesystem::path& file, const Params& params, const TokenSettings& settings)
{
    auto table = readTable(file, {});
    if (!table)
        return table.error();
    const int label = table->column(params.text("label_column"));
    const int text = table->column(params.text("text_column"));
    if (label < 0 || text < 0)
        return invalidArgument(file.string() + " has no column \"" +
                               params.text(label < 0 ? "label_column" : "text_column") +
                               "\"; name the columns of the labels and of the texts.");
    Documents documents;
    documents.name = file.stem().string();
    std::map<std::string, int32_t> labels;
    for (const auto& row : table->rows)
        labels.emplace(trimmed(row[static_cast<size_t>(label)]), 0);
    for (auto& [name, number] : labels) {
        number = static_cast<int32_t>(documents.classes.size());
        documents.classes.push_back(name);
    }
    if (documents.classes.size() < 2)
        return invalidFile(
            file.string() + ": the column of the labels holds one class only; there must be two at least.");
    for (const auto& row : table->rows)
        documents.all.push_back({tokensOf(row[static_cast<size_t>(text)], settings),
            labels.at(std::string(trimmed(row[static_cast<size_t>(label)])))});
    return documents;
}

Vocabulary vocabularyOf(const std::vector<const std::vector<std::string>*>& texts, int64_t most)
{
    std::map<std::string, int64_t, std::less<>> counts;
    for (const auto* tokens : texts)
        for (const std::string& token : *tokens)
            ++counts[token];
    return Vocabulary::fromCounts(counts, most);
}

std::shared_ptr<const Dataset> documentDataset(const Documents& documents, std::span<const int64_t> chosen,
    const Vocabulary& vocabulary, const TokenSettings& settings)
{
    const auto count = static_cast<int64_t>(chosen.size());
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{count, settings.length}, DType::I32);
    Tensor labels(Shape{count}, DType::I32);
    const auto length = static_cast<size_t>(settings.length);
    for (size_t i = 0; i < chosen.size(); ++i) {
        const Document& document = documents.all[static_cast<size_t>(chosen[i])];
        writeTokens(document.tokens, vocabulary, settings,
            dataset->samples.as<int32_t>().subspan(i * length, length));
        labels.as<int32_t>()[i] = document.label;
    }
    dataset->targets.push_back(std::move(labels));
    return dataset;
}

Result<LoadedData> classify(const Documents& documents, const Params& params, const TokenSettings& settings)
{
    const auto count = static_cast<int64_t>(documents.all.size());
    const auto test = testCount(count, params.real("test_share"), documents.name);
    if (!test)
        return test.error();
    const auto order = partOrder(count, static_cast<uint64_t>(params.integer("seed")));
    const std::span<const int64_t> all(order);
    const auto testPart = all.first(static_cast<size_t>(*test));
    const auto trainingPart = all.subspan(static_cast<size_t>(*test));
    std::vector<const std::vector<std::string>*> texts;
    for (const int64_t index : trainingPart)
        texts.push_back(&documents.all[static_cast<size_t>(index)].tokens);
    const Vocabulary vocabulary = vocabularyOf(texts, params.integer("vocabulary"));
    LoadedData data;
    data.description = "Texts of " + std::to_string(documents.classes.size()) + " classes.";
    data.targets.push_back(classTarget("class", documents.classes));
    data.vocabulary = vocabulary.texts();
    data.training = documentDataset(documents, trainingPart, vocabulary, settings);
    data.test = documentDataset(documents, testPart, vocabulary, settings);
    return data;
}

/// Rows of `length` tokens one behind the other, and the same rows one token later.
std::shared_ptr<const Dataset> nextTokenDataset(
    std::span<const std::string> tokens, const Vocabulary& vocabulary, const TokenSettings& settings)
{
    const auto length = static_cast<size_t>(settings.length);
    const auto rows = static_cast<int64_t>((tokens.size() - 1) / length);
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{rows, settings.length}, DType::I32);
    Tensor next(Shape{rows, settings.length}, DType::I32);
    for (size_t i = 0; i < static_cast<size_t>(rows) * length; ++i) {
        dataset->samples.as<int32_t>()[i] = vocabulary.find(tokens[i]);
        next.as<int32_t>()[i] = vocabulary.find(tokens[i + 1]);
    }
    dataset->targets.push_back(std::move(next));
    return dataset;
}

Result<LoadedData> goOn(
    const std::filesystem::path& file, const Params& params, const TokenSettings& settings)
{
    const auto text = readText(file);
    if (!text)
        return text.error();
    const std::vector<std::string> tokens = tokensOf(*text, settings);
    const auto test = static_cast<size_t>(params.real("test_share") * static_cast<double>(tokens.size()));
    const size_t training = tokens.size() - test;
    const auto needed = static_cast<size_t>(settings.length) + 1;
    if (test < needed || training < needed)
        return invalidFile(file.string() + ": the text has " + std::to_string(tokens.size()) +
                           " tokens, too few for rows of " + std::to_string(settings.length) +
                           " in both parts; choose a shorter length or a longer text.");
    const std::span<const std::string> all(tokens);
    const std::vector<std::string> learned(tokens.begin(), tokens.begin() + static_cast<int64_t>(training));
    const Vocabulary vocabulary = vocabularyOf({&learned}, params.integer("vocabulary"));
    LoadedData data;
    data.description = "The text " + file.string() + " in rows; the target is each row's next tokens.";
    data.ordered = true;
    data.vocabulary = vocabulary.texts();
    Target target = classTarget("next", vocabulary.texts());
    target.kind = Target::Kind::Tokens;
    target.type = {Shape{settings.length}, DType::I32};
    data.targets.push_back(std::move(target));
    data.training = nextTokenDataset(all.first(training), vocabulary, settings);
    data.test = nextTokenDataset(all.subspan(training), vocabulary, settings);
    return data;
}

Result<LoadedData> loadDocuments(
    const std::filesystem::path& path, const Params& params, const TokenSettings& settings)
{
    if (params.text("task") == "next")
        return goOn(path, params, settings);
    std::error_code code;
    auto documents = std::filesystem::is_directory(path, code) ? readClassFiles(path, settings)
                                                               : readTextTable(path, params, settings);
    return documents ? classify(*documents, params, settings) : Result<LoadedData>(documents.error());
}

Result<LoadedData> loadText(const Params& params, const SourceContext& context)
{
    const std::string& file = params.text("file");
    std::filesystem::path path =
        context.dataFolder.empty() ? std::filesystem::path(file) : context.dataFolder;
    if (path.empty())
        return invalidArgument(
            "The data source needs a text file, a table or a folder of text files; name one.");
    if (path.is_relative() && !context.projectFolder.empty())
        path = context.projectFolder / path;
    std::error_code code;
    if (!std::filesystem::exists(path, code))
        return missingData(path);
    TokenSettings settings;
    settings.characters = params.text("tokens") == "characters";
    settings.lower = params.flag("lower");
    settings.length = params.integer("length");
    settings.padFront = params.text("padding") == "front";
    auto data = loadDocuments(path, params, settings);
    if (!data)
        return data;
    data->name = path.stem().string();
    data->characters = settings.characters;
    data->valueMaximum = 1;
    std::vector<std::string> known(data->vocabulary.begin() + 2, data->vocabulary.end());
    data->encode = [vocabulary = Vocabulary(known), settings](const std::string& line) -> Result<Tensor> {
        return encodeText(line, vocabulary, settings);
    };
    return data;
}

} // namespace

SourceType text()
{
    SourceType type;
    type.id = "text";
    type.title = "Text";
    type.help = "Texts of your own as rows of tokens: a folder with one *.txt for each class and one "
                "document a line, a "
                "table with columns of labels and texts, or one text whose next tokens are to be foretold.";
    type.parameters = {
        textParam("file", "File or folder", "",
            "A folder with one *.txt for each class, a table (CSV or JSON), or one text. A relative path "
            "counts from the project file.")
            .withUnit("file"),
        choiceParam("task", "Task", "classify",
            {{"classify", "tell the class"}, {"next", "foretell the next token"}},
            "What is learned: the class of a text, or for each token of one text the next one (a language "
            "model)."),
        choiceParam("tokens", "Tokens", "words", {{"words", "words"}, {"characters", "characters"}},
            "What the text is cut into. Marks are words of their own."),
        integerParam("length", "Length", 100, 1, 100000,
            "Tokens of a sample: longer texts are cut, shorter ones padded.")
            .withUnit("tokens"),
        integerParam("vocabulary", "Vocabulary", 10000, 3, 1000000,
            "The most tokens that are known, padding and \"unknown\" among them: the most frequent ones of "
            "the training part."),
        switchParam("lower", "Small letters", true, "Makes capitals small letters."),
        choiceParam("padding", "Padding", "end", {{"end", "behind"}, {"front", "in front"}},
            "Where short texts are filled up."),
        textParam(
            "label_column", "Column of labels", "label", "For a table: the column that holds the classes."),
        textParam("text_column", "Column of texts", "text", "For a table: the column that holds the texts."),
        testShareParam(), splitSeedParam()};
    type.load = loadText;
    return type;
}

} // namespace gradloom::data

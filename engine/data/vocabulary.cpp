#include "engine/data/vocabulary.h"

#include "engine/data/text.h"

#include <algorithm>

namespace gradloom::data {

Vocabulary::Vocabulary(const std::vector<std::string>& tokens) : m_texts{paddingText, unknownText}
{
    for (const std::string& token : tokens)
        if (m_numbers.emplace(token, static_cast<int32_t>(m_texts.size())).second)
            m_texts.push_back(token);
}

Vocabulary Vocabulary::fromCounts(const std::map<std::string, int64_t, std::less<>>& counts, int64_t most)
{
    std::vector<std::pair<std::string, int64_t>> order(counts.begin(), counts.end());
    std::stable_sort(
        order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    order.resize(std::min(order.size(), static_cast<size_t>(std::max<int64_t>(0, most - 2))));
    std::vector<std::string> tokens;
    for (auto& [token, count] : order)
        tokens.push_back(std::move(token));
    return Vocabulary(tokens);
}

int32_t Vocabulary::find(std::string_view token) const
{
    const auto it = m_numbers.find(std::string(token));
    return it == m_numbers.end() ? unknown : it->second;
}

std::vector<std::string> tokensOf(std::string_view text, const TokenSettings& settings)
{
    const std::string lowered = settings.lower ? lowerCase(text) : std::string(text);
    const auto parts = settings.characters ? charactersOf(lowered) : wordsOf(lowered);
    return {parts.begin(), parts.end()};
}

void writeTokens(std::span<const std::string> tokens, const Vocabulary& vocabulary,
    const TokenSettings& settings, std::span<int32_t> row)
{
    const size_t count = std::min(tokens.size(), row.size());
    const size_t begin = settings.padFront ? row.size() - count : 0;
    std::fill(row.begin(), row.end(), Vocabulary::padding);
    for (size_t i = 0; i < count; ++i)
        row[begin + i] = vocabulary.find(tokens[i]);
}

Tensor encodeText(const std::string& text, const Vocabulary& vocabulary, const TokenSettings& settings)
{
    Tensor sample(Shape{settings.length}, DType::I32);
    writeTokens(tokensOf(text, settings), vocabulary, settings, sample.as<int32_t>());
    return sample;
}

std::string textOfTokens(std::span<const int32_t> row, const LoadedData& data)
{
    std::string text;
    for (const int32_t token : row) {
        if (token <= Vocabulary::padding || token >= static_cast<int32_t>(data.vocabulary.size()))
            continue;
        if (!text.empty() && !data.characters)
            text += ' ';
        text += data.vocabulary[static_cast<size_t>(token)];
    }
    return text;
}

} // namespace gradloom::data

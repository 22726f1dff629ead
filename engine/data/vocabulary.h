#pragma once

#include "engine/data/source_type.h"

#include <map>
#include <span>
#include <unordered_map>

namespace gradloom::data {

/// How texts become rows of tokens.
struct TokenSettings
{
    bool characters = false; ///< tokens are characters, else words and marks
    bool lower = true;       ///< capitals become small letters first
    int64_t length = 100;    ///< tokens of a row: longer texts are cut, shorter ones padded
    bool padFront = false;   ///< padding stands before the text, else behind it
};

/// The tokens that a network knows, each with its number. 0 is padding, 1 stands for everything that is not
/// known.
class Vocabulary
{
public:
    static constexpr int32_t padding = 0;
    static constexpr int32_t unknown = 1;
    static constexpr const char* paddingText = "·";
    static constexpr const char* unknownText = "?";

    /// Exactly these tokens.
    explicit Vocabulary(const std::vector<std::string>& tokens = {});
    /// The most frequent tokens of `counts` (of equal ones the alphabetically first), at most `most` in all.
    static Vocabulary fromCounts(const std::map<std::string, int64_t, std::less<>>& counts, int64_t most);

    const std::vector<std::string>& texts() const { return m_texts; }
    int64_t size() const { return static_cast<int64_t>(m_texts.size()); }
    int32_t find(std::string_view token) const;

private:
    std::vector<std::string> m_texts;
    std::unordered_map<std::string, int32_t> m_numbers;
};

/// Cuts a text into tokens (after lower-casing where wanted).
std::vector<std::string> tokensOf(std::string_view text, const TokenSettings& settings);
/// Writes a row of settings.length tokens.
void writeTokens(std::span<const std::string> tokens, const Vocabulary& vocabulary,
    const TokenSettings& settings, std::span<int32_t> row);
/// One text as a sample.
Tensor encodeText(const std::string& text, const Vocabulary& vocabulary, const TokenSettings& settings);

/// A row of tokens as a person reads it, padding left out.
std::string textOfTokens(std::span<const int32_t> row, const LoadedData& data);

} // namespace gradloom::data

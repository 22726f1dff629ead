#pragma once

#include "engine/train/loaded_program.h"

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace gradloom::train {

/// How often a class is true, is said, and is said rightly.
struct ClassCounts
{
    int64_t support = 0;
    int64_t claimed = 0;
    int64_t right = 0;
};

/// Sums over what one output of a network should have been and what it was.
struct NumberSums
{
    int64_t count = 0;
    double mean = 0;     ///< of the truth
    double spread = 0;   ///< Σ (truth − mean)²
    double absolute = 0; ///< Σ |prediction − truth|
    double squares = 0;  ///< Σ (prediction − truth)²

    void add(double prediction, double truth);
};

/// What an evaluation knows of all samples of a part of the data: what metrics are computed from. A row is a
/// sample, or a step of a sequence that counts.
struct Judged
{
    enum class Task {
        Nothing, ///< the drawing has no loss
        Classes, ///< each row chooses a class
        Numbers  ///< each output is a number of its own
    };
    Task task = Task::Nothing;
    bool steps = false;          ///< classes of the steps of sequences
    bool reconstruction = false; ///< numbers: the truth is the input itself

    // Of classes:
    int64_t columns = 0; ///< numbers in a row; 1 where a single one says yes or no
    std::vector<int32_t> truth;
    std::vector<int32_t> predicted;
    /// How many classes are said to be likelier than the true one; of equal ones the earlier counts as
    /// likelier.
    std::vector<int32_t> rank;
    std::vector<float> probabilities; ///< rows × columns; empty where they would be too many
    double logLikelihood = 0;         ///< Σ ln p(truth)
    std::vector<ClassCounts> classes;

    // Of numbers:
    std::vector<NumberSums> outputs; ///< one for each number in a sample

    int64_t rows() const { return static_cast<int64_t>(truth.size()); }
    /// The probability that the row gives to a class; for a single column that of yes (1) or no (0).
    double probability(int64_t row, int64_t label) const;
};

/// Takes the results of `forwardProgram` batch after batch.
class Judging
{
public:
    /// At most `largestTable` probabilities are kept for metrics that need all of them. `loss`: the node of
    /// one of the losses behind the first; empty for the first.
    Judging(const LoadedProgram& program, int64_t batch, int64_t largestTable, const std::string& loss = {});

    /// After a run: the first `count` samples of the batch.
    void take(int64_t count);
    /// Counts the classes and returns everything. There are as many as the data set has (`classes`), or more
    /// where others are said; of the steps of sequences only those up to the last one that occurs.
    Judged finish(int64_t classes);

private:
    void takeRow(size_t row);
    void takeNumbers(int64_t count);
    int32_t trueClass(size_t row) const;

    /// Names of outputs.
    struct Names
    {
        std::string prediction;
        std::string truth;
        std::string mask;
    };
    const LoadedProgram& m_program;
    Names m_names;
    size_t m_rowsOfSample = 1;
    size_t m_largestTable;
    bool m_kept = true;
    Judged m_judged;
    Tensor m_probabilities;
    Tensor m_truth;
    Tensor m_mask;
};

/// The class that a row of probabilities stands for: the largest one, of equal ones the first; with a single
/// number the second class where it is above one half.
int32_t predictedClass(std::span<const float> probabilities);

/// Counts for each class.
std::vector<ClassCounts> countClasses(
    std::span<const int32_t> truth, std::span<const int32_t> predicted, int64_t classes);

} // namespace gradloom::train

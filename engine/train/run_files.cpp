#include "engine/train/run_files.h"

#include "engine/base/file.h"
#include "engine/project/safetensors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace gradloom::train {

namespace {

constexpr const char* historyHeading = "step,epoch,loss,accuracy,learning_rate,generator_loss,seconds\n";
constexpr int64_t maxHistoryBytes = int64_t{4} << 30;

/// A cell of the table; nothing for what a drawing does not have.
std::string historyCell(float value)
{
    char text[32];
    const int length = std::isnan(value) ? 0 : std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
    return {text, static_cast<size_t>(length)};
}

std::string historyLine(const StepMetrics& step)
{
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.6f", step.seconds);
    return std::to_string(step.step) + "," + std::to_string(step.epoch) + "," + historyCell(step.loss) + "," +
           historyCell(step.accuracy) + "," + historyCell(step.learningRate) + "," + historyCell(step.generatorLoss) + "," +
           seconds + "\n";
}

/// Appends whole lines; what a full disk cut short is taken back.
Status appendLines(const std::filesystem::path& path, const std::string& lines)
{
    const auto failed = [&] {
        return ioError("Cannot write " + path.string() + ": " + std::strerror(errno) + ".");
    };
    const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0)
        return failed();
    const off_t before = ::lseek(file, 0, SEEK_END);
    size_t done = 0;
    while (done < lines.size()) {
        const ssize_t count = ::write(file, lines.data() + done, lines.size() - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            Error error = failed();
            if (::ftruncate(file, before) != 0)
                error.message += " Its last line is cut.";
            ::close(file);
            return error;
        }
        done += static_cast<size_t>(count);
    }
    return ::close(file) == 0 ? Status() : failed();
}

} // namespace

Result<std::string> historyUpTo(const std::filesystem::path& file, int64_t step)
{
    std::error_code code;
    if (!std::filesystem::exists(file, code))
        return std::string(historyHeading);
    auto text = readFile(file, maxHistoryBytes);
    if (!text)
        return text.error();
    std::string kept = historyHeading;
    size_t begin = text->find('\n');
    while (begin != std::string::npos && ++begin < text->size()) {
        const size_t end = text->find('\n', begin);
        int64_t number = 0;
        const auto parsed = std::from_chars(text->data() + begin, text->data() + text->size(), number);
        // A crash may have cut the last line; what it said is written again.
        if (parsed.ec != std::errc() || number > step || end == std::string::npos)
            break;
        kept.append(*text, begin, end + 1 - begin);
        begin = end;
    }
    return kept;
}

Result<std::unique_ptr<RunFiles>> RunFiles::open(const std::filesystem::path& folder, std::string history,
    std::map<std::string, std::string> weightsMetadata)
{
    if (Status status = makeFolder(folder); !status)
        return status.error();
    if (history.empty())
        history = historyHeading;
    if (Status status = writeFileAtomically(folder / historyFile, history); !status)
        return status.error();
    std::unique_ptr<RunFiles> files(new RunFiles(folder, std::move(weightsMetadata)));
    files->m_thread = std::jthread([raw = files.get()](std::stop_token token) { raw->loop(token); });
    return files;
}

RunFiles::~RunFiles()
{
    flushHistory();
}

void RunFiles::addStep(const StepMetrics& step)
{
    m_lines += historyLine(step);
    constexpr size_t block = size_t{1} << 18;
    if (m_lines.size() >= block)
        flushHistory();
}

void RunFiles::flushHistory()
{
    std::scoped_lock lock(m_mutex);
    m_work.history += m_lines;
    m_lines.clear();
    m_changed.notify_all();
}

void RunFiles::putLast(std::shared_ptr<const Checkpoint> checkpoint, std::shared_ptr<const Weights> weights)
{
    flushHistory();
    std::scoped_lock lock(m_mutex);
    m_work.last = std::move(checkpoint);
    m_work.lastWeights = std::move(weights);
    m_changed.notify_all();
}

void RunFiles::putEpoch(int64_t epoch, std::shared_ptr<const Weights> weights)
{
    std::scoped_lock lock(m_mutex);
    m_work.epochs.insert_or_assign(epoch, std::move(weights));
    m_changed.notify_all();
}

void RunFiles::putWeights(std::shared_ptr<const Weights> weights)
{
    std::scoped_lock lock(m_mutex);
    m_work.lastWeights = std::move(weights);
    m_changed.notify_all();
}

void RunFiles::putBest(std::shared_ptr<const Weights> weights)
{
    std::scoped_lock lock(m_mutex);
    m_work.best = std::move(weights);
    m_changed.notify_all();
}

void RunFiles::putRun(std::string json)
{
    flushHistory();
    std::scoped_lock lock(m_mutex);
    m_work.run = std::move(json);
    m_changed.notify_all();
}

Status RunFiles::status()
{
    std::scoped_lock lock(m_mutex);
    return m_failure ? Status(*m_failure) : Status();
}

Status RunFiles::finish()
{
    flushHistory();
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return m_failure || (m_work.empty() && !m_writing); });
    return m_failure ? Status(*m_failure) : Status();
}

void RunFiles::loop(std::stop_token token)
{
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_changed.wait(lock, token, [&] { return !m_work.empty(); });
        if (m_work.empty())
            return; // asked to stop and nothing left
        const Work work = std::exchange(m_work, {});
        m_writing = true;
        lock.unlock();
        Status status;
        try {
            status = write(work);
        } catch (const std::exception& exception) {
            status = Error{ErrorCode::Internal,
                "Writing to " + m_folder.string() + " failed: " + exception.what() + ".", {}};
        }
        lock.lock();
        m_writing = false;
        if (!status && !m_failure)
            m_failure = status.error();
        m_changed.notify_all();
    }
}

Status RunFiles::write(const Work& work) const
{
    // The run's state comes after the weights it belongs to, and run.json, which speaks of all of them, last.
    if (!work.history.empty())
        if (Status status = appendLines(m_folder / historyFile, work.history); !status)
            return status;
    if (work.best)
        if (Status status = saveWeights(*work.best, bestWeightsFile); !status)
            return status;
    for (const auto& [epoch, weights] : work.epochs)
        if (Status status = saveWeights(*weights, epochWeightsFile(epoch)); !status)
            return status;
    if (work.lastWeights)
        if (Status status = saveWeights(*work.lastWeights, lastWeightsFile); !status)
            return status;
    if (work.last) {
        if (Status status = saveCheckpoint(*work.last, m_folder / stateFile); !status)
            return status;
    }
    if (work.run)
        return writeFileAtomically(m_folder / runFile, *work.run);
    return {};
}

Status RunFiles::saveWeights(const Weights& weights, const std::string& name) const
{
    return project::saveSafetensors({weights, m_metadata}, m_folder / name);
}

} // namespace gradloom::train

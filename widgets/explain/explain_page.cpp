#include "widgets/explain/explain_page.h"

#include "engine/data/image.h"
#include "engine/project/safetensors.h"
#include "engine/train/training_options.h"
#include "widgets/explain/answer_panel.h"
#include "widgets/explain/confusion_matrix.h"
#include "widgets/explain/own_picture.h"
#include "widgets/explain/sample_panel.h"
#include "widgets/explain/score_panel.h"
#include "widgets/live/tensor_image.h"
#include "widgets/theme/theme.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QStackedWidget>
#include <QStyle>
#include <QVBoxLayout>

namespace gradloom::widgets {

namespace {

/// A picture file's bytes in the type and range in which the data set stores its samples.
Tensor asStored(Tensor picture, const data::LoadedData& data)
{
    if (data.training->samples.dtype() == DType::U8)
        return picture;
    Tensor stored(picture.shape(), DType::F32);
    const std::span<const uint8_t> bytes = std::as_const(picture).as<uint8_t>();
    for (size_t i = 0; i < bytes.size(); ++i)
        stored.floats()[i] = data.valueMinimum +
                             static_cast<float>(bytes[i]) / 255.0f * (data.valueMaximum - data.valueMinimum);
    return stored;
}

} // namespace

ExplainPage::ExplainPage(QWidget* parent) : QWidget(parent)
{
    setObjectName("explainPage");
    setProperty("look", "page");
    setAttribute(Qt::WA_StyledBackground);
    m_samples = new SamplePanel(this);
    m_answer = new AnswerPanel(this);
    m_scores = new ScorePanel(this);
    m_stack = new QStackedWidget(this);
    m_stack->addWidget(buildEmpty());
    m_stack->addWidget(m_answer);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_samples);
    layout->addWidget(m_stack, 1);
    layout->addWidget(m_scores);

    m_worker = new ExplainWorker(this);
    connect(m_worker, &ExplainWorker::ready, this, &ExplainPage::modelReady);
    connect(m_worker, &ExplainWorker::failed, this, [this](const QString& problem) {
        m_ready = false;
        showEmpty(problem, true);
    });
    connect(m_worker, &ExplainWorker::answered, this, [this](std::shared_ptr<const ExplainReply> reply) {
        if (reply->serial != m_serial)
            return; // another picture is on show already
        m_answer->showReply(*reply);
        Q_EMIT statusChanged(tr("Explained in %1 ms on %2").arg(qRound(reply->seconds * 1000)).arg(m_device));
        Q_EMIT explained(reply->seconds);
    });
    connect(m_worker, &ExplainWorker::testing, m_scores, &ScorePanel::setProgress);
    connect(m_worker, &ExplainWorker::tested, this, [this](std::shared_ptr<const TestResult> result) {
        m_samples->setResult(result);
        m_scores->setResult(*result, classNames());
    });
    connect(m_samples, &SamplePanel::picked, this, &ExplainPage::showPicked);
    connect(m_samples, &SamplePanel::cellReleased, this, [this] { m_scores->matrix().setChosen({}); });
    connect(m_scores, &ScorePanel::cellChosen, m_samples, &SamplePanel::showCell);
    connect(m_answer, &AnswerPanel::questionChanged, this, &ExplainPage::ask);
    connect(&m_samples->ownPicture(), &OwnPicture::fileChosen, this, &ExplainPage::openPicture);
    connect(&m_samples->ownPicture(), &OwnPicture::activated, this, &ExplainPage::showOwn);
    updateModel();
}

ExplainPage::~ExplainPage() = default;

QWidget* ExplainPage::buildEmpty()
{
    auto* page = new QWidget(this);
    page->setObjectName("explainEmpty");
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(40, 40, 40, 40);
    layout->setSpacing(18);
    layout->addStretch(2);
    m_emptyText = new QLabel(page);
    m_emptyText->setObjectName("explainEmptyText");
    m_emptyText->setAlignment(Qt::AlignCenter);
    m_emptyText->setWordWrap(true);
    layout->addWidget(m_emptyText);
    auto* buttons = new QHBoxLayout;
    buttons->addStretch(1);
    m_trainButton = new QPushButton(tr("Train this network"), page);
    m_trainButton->setProperty("look", "primary");
    m_trainButton->setObjectName("explainTrain");
    m_loadButton = new QPushButton(tr("Load weights…"), page);
    m_loadButton->setObjectName("explainLoad");
    buttons->addWidget(m_trainButton);
    buttons->addWidget(m_loadButton);
    buttons->addStretch(1);
    layout->addLayout(buttons);
    layout->addStretch(3);
    connect(m_trainButton, &QPushButton::clicked, this, &ExplainPage::trainRequested);
    connect(m_loadButton, &QPushButton::clicked, this, &ExplainPage::chooseWeights);
    return page;
}

void ExplainPage::showEmpty(const QString& text, bool bad)
{
    m_emptyText->setText(text);
    m_emptyText->setProperty("look", bad ? "error" : "dim");
    m_emptyText->style()->unpolish(m_emptyText);
    m_emptyText->style()->polish(m_emptyText);
    m_loadButton->setVisible(m_data != nullptr);
    m_stack->setCurrentIndex(0);
    m_scores->clear();
    m_scores->hide();
    m_samples->setVisible(m_data != nullptr);
    m_samples->setResult(nullptr);
}

const data::Target* ExplainPage::target() const
{
    return m_data ? m_data->judged(m_project.graph) : nullptr;
}

QStringList ExplainPage::classNames() const
{
    QStringList names;
    if (const data::Target* judged = target(); judged && judged->isClasses())
        for (const std::string& name : judged->names)
            names += QString::fromStdString(name);
    return names;
}

void ExplainPage::showTarget()
{
    m_samples->setData(m_data, m_data ? m_data->judgedIndex(m_project.graph) : -1);
    m_samples->showOwnPicture(!m_data || m_data->loaded.sampleShape().rank() == 3);
    m_answer->setTarget(target());
}

void ExplainPage::setProject(const project::Project& project)
{
    if (project.graph == m_project.graph && project.training.seed == m_project.training.seed) {
        m_stale = m_stale || !(project.training.options == m_project.training.options); // they say how a GPU computes
        m_project = project;
        updateModel();
        return;
    }
    m_project = project;
    m_weights.reset(); // they belong to the other drawing
    m_stale = true;
    m_position = -1;
    m_current = {};
    showTarget(); // another loss may mean another target
    updateModel();
}

void ExplainPage::setDevice(const std::string& id)
{
    if (id == m_deviceId)
        return;
    m_deviceId = id;
    m_stale = true;
    updateModel();
}

void ExplainPage::setData(std::shared_ptr<const train::RunData> data)
{
    if (data == m_data)
        return;
    m_data = std::move(data);
    m_position = -1;
    m_own = {};
    m_current = {};
    m_samples->ownPicture().setPicture({}, {});
    showTarget();
    m_stale = true;
    updateModel();
}

void ExplainPage::setWeights(std::shared_ptr<const train::Weights> weights)
{
    if (weights == m_weights)
        return;
    m_weights = std::move(weights);
    m_stale = true;
    updateModel();
}

void ExplainPage::loadWeights(const QString& path)
{
    auto file = project::loadSafetensors(std::filesystem::path(path.toStdString()));
    if (!file) {
        showEmpty(QString::fromStdString(file.error().message), true);
        return;
    }
    setWeights(std::make_shared<const train::Weights>(std::move(file->tensors)));
}

void ExplainPage::chooseWeights()
{
    const QString path = QFileDialog::getOpenFileName(
        this, tr("Load weights"), {}, tr("Weights (*.safetensors);;All files (*)"));
    if (!path.isEmpty())
        loadWeights(path);
}

void ExplainPage::updateModel()
{
    if (!m_data || !m_weights || m_weights->empty()) {
        m_ready = false;
        showEmpty(m_data
                      ? tr("No trained network yet. Train it, and this page shows why it decides as it does.")
                      : tr("This page explains what the network sees in the test pictures. Train it first."),
            false);
        return;
    }
    if (!m_stale || !isVisible())
        return;
    m_stale = false;
    const auto options = train::readTrainingOptions(m_project.training.options);
    m_worker->setModel({m_project.graph, m_weights, m_data, m_project.training.seed, m_deviceId,
        options ? options->device(0) : backend::DeviceOptions()});
}

void ExplainPage::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    updateModel();
}

void ExplainPage::modelReady(const QString& device)
{
    m_ready = true;
    m_device = device;
    QStringList layers;
    for (const std::string& node : explain::convolutionalNodes(m_project.graph, m_data->labels()))
        layers += QString::fromStdString(node);
    m_answer->setLayers(
        layers, QString::fromStdString(explain::defaultLayer(m_project.graph, m_data->labels())));
    m_scores->show();
    m_samples->show();
    m_stack->setCurrentWidget(m_answer);
    if (m_current.empty() && m_position < 0)
        m_samples->select(0); // answers by showPicked
    if (!m_current.empty())
        ask();
}

void ExplainPage::showPicked(qint64 position)
{
    if (position == m_position)
        return; // a click on the picture that the keyboard or the same click has chosen already
    m_position = position;
    m_samples->ownPicture().setCurrent(false);
    m_current = m_samples->samples().sample(position);
    const SampleModel& samples = m_samples->samples();
    m_answer->showSample(m_current, m_data->loaded, samples.trueClass(position), samples.truth(position),
        tr("Input · #%1").arg(position));
    m_answer->setClassIndex(-1); // another picture, another prediction to explain
    ask();
}

void ExplainPage::openPicture(const QString& path)
{
    if (!m_data)
        return;
    auto picture = data::readImage(path.toStdString(), m_data->loaded.sampleShape());
    if (!picture) {
        m_samples->ownPicture().setPicture({}, {});
        m_samples->ownPicture().setProblem(QString::fromStdString(picture.error().message));
        return;
    }
    m_own = asStored(std::move(*picture), m_data->loaded);
    m_ownName = QFileInfo(path).fileName();
    m_samples->ownPicture().setPicture(inputPicture(m_own), m_ownName);
    showOwn();
}

void ExplainPage::showOwn()
{
    if (m_own.empty())
        return;
    m_position = -1;
    m_samples->clearSelection();
    m_samples->ownPicture().setCurrent(true);
    m_current = m_own;
    m_answer->showSample(m_current, m_data->loaded, -1, {}, m_ownName);
    m_answer->setClassIndex(-1);
    ask();
}

void ExplainPage::select(qint64 position)
{
    m_samples->select(position);
}

void ExplainPage::ask()
{
    if (!m_ready || m_current.empty())
        return;
    ExplainRequest request;
    request.serial = ++m_serial;
    request.sample = data::preprocessed(m_data->preprocess, m_current);
    request.method = m_answer->method();
    request.layer = m_answer->layer();
    request.classIndex = m_answer->classIndex();
    m_worker->ask(std::move(request));
}

} // namespace gradloom::widgets

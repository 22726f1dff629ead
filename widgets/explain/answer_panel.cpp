#include "widgets/explain/answer_panel.h"

#include "engine/explain/overlay.h"
#include "widgets/explain/layer_strips.h"
#include "widgets/explain/picture_card.h"
#include "widgets/explain/prediction_bars.h"
#include "widgets/explain/sample_view.h"
#include "widgets/live/choice_box.h"
#include "widgets/live/tensor_image.h"
#include "widgets/theme/theme.h"

#include <QButtonGroup>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QSlider>
#include <QStyle>
#include <QVBoxLayout>

#include <algorithm>

namespace gradloom::widgets {

namespace {

constexpr int gap = 16;
constexpr int overlaySide = 480; ///< pixels a heat map is computed with; the card scales it

QFrame* makeCard(QWidget* parent)
{
    auto* card = new QFrame(parent);
    card->setProperty("look", "card");
    return card;
}

QLabel* heading(const QString& text, QWidget* parent)
{
    auto* label = new QLabel(text, parent);
    label->setStyleSheet(QStringLiteral("font-weight: 600"));
    return label;
}

} // namespace

AnswerPanel::AnswerPanel(QWidget* parent) : QWidget(parent)
{
    auto* inner = new QWidget;
    inner->setProperty("look", "page");
    inner->setAttribute(Qt::WA_StyledBackground);
    auto* layout = new QVBoxLayout(inner);
    layout->setContentsMargins(18, 16, 18, 16);
    layout->setSpacing(gap);
    m_methodRow = buildMethods();
    layout->addWidget(m_methodRow);
    layout->addWidget(buildPictures(), 1);
    auto* lower = new QHBoxLayout;
    lower->setSpacing(gap);
    lower->addWidget(buildPrediction(), 1);
    m_layersCard = buildLayers();
    lower->addWidget(m_layersCard, 1);
    layout->addLayout(lower);
    auto* scroll = new QScrollArea(this);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setWidget(inner);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(scroll);
}

QWidget* AnswerPanel::buildMethods()
{
    auto* row = new QWidget(this);
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(8);
    m_methods = new QButtonGroup(this);
    for (const explain::MethodType& type : explain::methodTypes().all()) {
        auto* chip = new QPushButton(QString::fromStdString(type.title), row);
        chip->setObjectName(QStringLiteral("method_") + QString::fromStdString(type.id));
        chip->setCheckable(true);
        chip->setToolTip(QString::fromStdString(type.help));
        chip->setCursor(Qt::PointingHandCursor);
        m_methods->addButton(chip);
        layout->addWidget(chip);
        connect(chip, &QPushButton::clicked, this, [this, id = type.id, needsLayer = type.needsLayer] {
            m_layer->setVisible(needsLayer);
            m_layerCaption->setVisible(needsLayer);
            if (m_method == id)
                return;
            m_method = id;
            Q_EMIT questionChanged();
        });
        if (m_method.empty()) {
            m_method = type.id;
            chip->setChecked(true);
        }
    }
    layout->addStretch(1);
    return row;
}

QWidget* AnswerPanel::buildPictures()
{
    auto* row = new QWidget(this);
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(gap);
    m_input = new PictureCard(row);
    m_input->setObjectName("inputCard");
    m_overlay = new PictureCard(row);
    m_overlay->setObjectName("overlayCard");
    m_strength = new QSlider(Qt::Horizontal, m_overlay);
    m_strength->setObjectName("strength");
    m_strength->setRange(0, 100);
    m_strength->setValue(60);
    m_strength->setFixedWidth(110);
    m_strength->setAccessibleName(tr("Strength of the heat map"));
    m_strength->setToolTip(tr("Strength of the heat map"));
    connect(m_strength, &QSlider::valueChanged, this, &AnswerPanel::renderOverlay);
    m_overlay->addControl(m_strength);
    layout->addWidget(m_input, 1);
    layout->addWidget(m_overlay, 1);
    return row;
}

QComboBox* AnswerPanel::addChoice(
    QGridLayout* layout, const QString& caption, const char* name, QLabel** label)
{
    auto* text = new QLabel(caption, this);
    text->setProperty("look", "dim");
    auto* box = new ChoiceBox(this);
    box->setObjectName(QLatin1String(name));
    box->setAccessibleName(caption);
    text->setBuddy(box);
    const int row = layout->rowCount();
    layout->addWidget(text, row, 0);
    layout->addWidget(box, row, 1);
    connect(box, &QComboBox::activated, this, &AnswerPanel::questionChanged);
    if (label)
        *label = text;
    return box;
}

QWidget* AnswerPanel::buildPrediction()
{
    QFrame* card = makeCard(this);
    auto* layout = new QVBoxLayout(card);
    layout->setContentsMargins(14, 12, 14, 14);
    layout->setSpacing(8);
    auto* head = new QHBoxLayout;
    head->addWidget(heading(tr("Prediction"), card));
    head->addStretch(1);
    m_verdict = new QLabel(card);
    m_verdict->setObjectName("verdict");
    head->addWidget(m_verdict);
    layout->addLayout(head);
    m_bars = new PredictionBars(card);
    connect(m_bars, &PredictionBars::classClicked, this, [this](int index) {
        setClassIndex(index);
        Q_EMIT questionChanged();
    });
    layout->addWidget(m_bars);
    layout->addStretch(1);
    m_choices = new QWidget(card);
    auto* choices = new QGridLayout(m_choices);
    choices->setContentsMargins(0, 0, 0, 0);
    choices->setHorizontalSpacing(10);
    choices->setVerticalSpacing(6);
    choices->setColumnStretch(2, 1);
    m_class = addChoice(choices, tr("Heat map for"), "classChoice");
    m_layer = addChoice(choices, tr("seen by layer"), "layerChoice", &m_layerCaption);
    layout->addWidget(m_choices);
    return card;
}

QWidget* AnswerPanel::buildLayers()
{
    QFrame* card = makeCard(this);
    auto* layout = new QVBoxLayout(card);
    layout->setContentsMargins(14, 12, 14, 6);
    layout->setSpacing(6);
    layout->addWidget(heading(tr("Through the layers"), card));
    m_strips = new LayerStrips;
    m_stripsScroll = new QScrollArea(card);
    m_stripsScroll->setWidgetResizable(true);
    m_stripsScroll->setFrameShape(QFrame::NoFrame);
    m_stripsScroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_stripsScroll->viewport()->setAutoFillBackground(false);
    m_stripsScroll->setMinimumWidth(190);
    m_stripsScroll->setWidget(m_strips);
    m_strips->setAutoFillBackground(false); // the scroll area has just switched it on
    layout->addWidget(m_stripsScroll, 1);
    return card;
}

void AnswerPanel::setTarget(const data::Target* target)
{
    m_target = target ? std::optional(*target) : std::nullopt;
    m_classes.clear();
    if (target && target->isClasses())
        for (const std::string& name : target->names)
            m_classes += QString::fromStdString(name);
    m_bars->setVisible(!m_classes.isEmpty());
    const int before = classIndex();
    m_class->clear();
    m_class->addItem(tr("the prediction"), -1);
    for (int i = 0; i < m_classes.size(); ++i)
        m_class->addItem(m_classes[i], i);
    setClassIndex(before);
}

void AnswerPanel::setLayers(const QStringList& layers, const QString& proposed)
{
    const QString before = m_layer->currentData().toString();
    m_layer->clear();
    for (const QString& layer : layers)
        m_layer->addItem(layer, layer);
    const int same = m_layer->findData(before);
    m_layer->setCurrentIndex(same >= 0 ? same : m_layer->findData(proposed));
    showQuestion(!layers.isEmpty());
    // Without feature maps there is nothing to show beside the sample.
    m_overlay->setVisible(!layers.isEmpty());
    m_layersCard->setVisible(!layers.isEmpty());
}

void AnswerPanel::showQuestion(bool visible)
{
    m_methodRow->setVisible(visible);
    m_choices->setVisible(visible);
}

std::string AnswerPanel::layer() const
{
    return m_layer->currentData().toString().toStdString();
}

int AnswerPanel::classIndex() const
{
    return m_class->count() > 0 ? m_class->currentData().toInt() : -1;
}

void AnswerPanel::setClassIndex(int index)
{
    m_class->setCurrentIndex(std::max(0, m_class->findData(index)));
}

QString AnswerPanel::className(int index) const
{
    return m_classes.value(index, QString::number(index));
}

void AnswerPanel::showSample(const Tensor& stored, const data::LoadedData& data, int trueClass,
    const QString& truth, const QString& origin)
{
    m_stored = stored;
    m_maximum = data.valueMaximum;
    m_trueClass = trueClass;
    m_truth = truth;
    m_picture = stored.shape().rank() == 3 ? inputPicture(stored) : QImage();
    m_input->setPicture(m_picture, m_picture.size());
    const bool drawn = m_picture.isNull() && !sampleImage(stored, data, {1, 1}).isNull();
    if (drawn)
        m_input->setDrawing([stored, data](QSize size) { return sampleImage(stored, data, size); });
    QString line = m_stored.shape().rank() == 3 ? tr("your own picture") : tr("your own sample");
    if (!truth.isEmpty())
        line =
            m_target && m_target->isClasses() ? tr("true class: %1").arg(truth) : tr("true: %1").arg(truth);
    else if (trueClass < 0 && !m_target)
        line = tr("sample of the data set");
    m_input->setLines(origin, m_picture.isNull() && !drawn
                                  ? tr("cannot be shown: %1 numbers in a shape that is neither a picture "
                                       "nor a sequence")
                                        .arg(stored.elements())
                                  : line);
}

void AnswerPanel::showReply(const ExplainReply& reply)
{
    const explain::Answer& answer = reply.answer;
    m_heat = answer.heat;
    m_made = inputPicture(reply.made);
    showQuestion(m_made.isNull() && m_layer->count() > 0);
    const explain::MethodType* method = explain::methodTypes().find(m_method);
    QString title = method ? QString::fromStdString(method->title) : tr("Heat map");
    if (!answer.layer.empty())
        title += QStringLiteral(" · ") + QString::fromStdString(answer.layer);
    if (!m_made.isNull())
        m_overlay->setLines(tr("What the network makes of it"), tr("reconstruction"));
    else if (answer.probabilities.empty() && reply.problem.isEmpty())
        m_overlay->setLines(tr("Nothing to explain"), tr("the network neither judges pictures nor paints them anew"));
    else
        m_overlay->setLines(
            title, reply.problem.isEmpty() ? tr("why “%1”").arg(className(answer.classIndex)) : reply.problem);
    m_strength->setVisible(!m_heat.empty());
    renderOverlay();
    std::vector<float> probabilities;
    if (!answer.probabilities.empty())
        probabilities.assign(answer.probabilities.floats().begin(), answer.probabilities.floats().end());
    const int predicted = probabilities.empty() ? -1 : train::predictedClass(probabilities);
    const bool numbers = m_target && m_target->kind == data::Target::Kind::Numbers;
    const QString said = numbers ? tr("says %1").arg(numbersText(probabilities, *m_target)) : QString();
    m_bars->setPrediction(std::move(probabilities), m_classes, m_trueClass);
    const bool known = predicted >= 0 && m_trueClass >= 0;
    m_verdict->setText(!known                     ? said
                       : predicted == m_trueClass ? tr("right")
                                                  : tr("wrong: it is %1").arg(className(m_trueClass)));
    m_verdict->setProperty("look", numbers ? "dim" : predicted == m_trueClass ? "success" : "error");
    m_verdict->style()->unpolish(m_verdict);
    m_verdict->style()->polish(m_verdict);
    m_strips->setActivations(reply.activations);
    // Up to three layers are seen whole; more are scrolled to.
    const int rows = std::clamp(m_strips->rows(), 1, 3);
    m_stripsScroll->setFixedHeight(rows * LayerStrips::rowHeight);
}

void AnswerPanel::renderOverlay()
{
    if (!m_made.isNull()) {
        m_overlay->setPicture(m_made, m_made.size());
        return;
    }
    if (m_heat.empty() || m_stored.empty()) {
        m_overlay->setPicture(m_picture, m_picture.size());
        return;
    }
    explain::OverlayOptions options;
    options.strength = static_cast<float>(m_strength->value()) / 100.0f;
    options.scale = std::max<int64_t>(1, overlaySide / std::max(m_stored.shape()[0], m_stored.shape()[1]));
    m_overlay->setPicture(inputPicture(explain::overlay(m_stored, m_heat, m_maximum, options)),
        QSize(static_cast<int>(m_stored.shape()[1]), static_cast<int>(m_stored.shape()[0])));
}

} // namespace gradloom::widgets

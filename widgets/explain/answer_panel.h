#pragma once

#include "widgets/explain/explain_worker.h"

#include <QWidget>

class QButtonGroup;
class QComboBox;
class QGridLayout;
class QLabel;
class QScrollArea;
class QSlider;

namespace gradloom::widgets {

class LayerStrips;
class PictureCard;
class PredictionBars;

/// The middle of the Explain page: method, picture, heat map, prediction and what the layers see.
class AnswerPanel : public QWidget
{
    Q_OBJECT

public:
    explicit AnswerPanel(QWidget* parent = nullptr);

    /// What the prediction means; nullptr where the network copies its input or the data set knows nothing.
    void setTarget(const data::Target* target);
    /// `proposed` is chosen where the one chosen before is not there.
    void setLayers(const QStringList& layers, const QString& proposed);

    /// A sample in its stored type (pictures: U8, or F32 up to data.valueMaximum); shown at once, the answer
    /// follows. `truth` is what is true of it in words, empty for one's own; `trueClass` -1 without classes.
    void showSample(const Tensor& stored, const data::LoadedData& data, int trueClass, const QString& truth,
        const QString& origin);
    void showReply(const ExplainReply& reply);

    std::string method() const { return m_method; }
    std::string layer() const; ///< empty: the method chooses
    int classIndex() const;    ///< -1: the predicted one
    void setClassIndex(int index);

Q_SIGNALS:
    /// Method, layer or class were changed.
    void questionChanged();

private:
    QWidget* buildMethods();
    QWidget* buildPictures();
    QWidget* buildPrediction();
    QWidget* buildLayers();
    /// What can be chosen about a heat map.
    void showQuestion(bool visible);
    QComboBox* addChoice(
        QGridLayout* layout, const QString& caption, const char* name, QLabel** label = nullptr);
    void renderOverlay();
    QString className(int index) const;

    std::optional<data::Target> m_target;
    QStringList m_classes;
    QString m_truth;
    QImage m_picture; ///< the sample as it is shown
    std::string m_method;
    Tensor m_stored;
    float m_maximum = 255;
    int m_trueClass = -1;
    QImage m_made; ///< by an autoencoder, in place of a heat map
    Tensor m_heat;
    QButtonGroup* m_methods = nullptr;
    PictureCard* m_input = nullptr;
    PictureCard* m_overlay = nullptr;
    QSlider* m_strength = nullptr;
    PredictionBars* m_bars = nullptr;
    QComboBox* m_class = nullptr;
    QComboBox* m_layer = nullptr;
    QLabel* m_layerCaption = nullptr;
    QLabel* m_verdict = nullptr;
    LayerStrips* m_strips = nullptr;
    QWidget* m_methodRow = nullptr;
    QWidget* m_choices = nullptr;
    QWidget* m_layersCard = nullptr;
    QScrollArea* m_stripsScroll = nullptr;
};

} // namespace gradloom::widgets

#pragma once

#include "widgets/model/graph_model.h"

#include <QWidget>

namespace gradloom::widgets {

class ChoiceField;
class ParamForm;

/// How the project is trained and with which data; built from the registries of sources, optimizers and
/// schedules and from the declared training options.
class TrainingPanel : public QWidget
{
    Q_OBJECT
public:
    explicit TrainingPanel(GraphModel& model, QWidget* parent = nullptr);

private:
    /// Something chosen from a registry: the field with the kinds and the form with the options of the chosen
    /// one.
    struct Section
    {
        QWidget* box = nullptr; ///< holds all of it
        ChoiceField* kind = nullptr;
        ParamForm* form = nullptr;
    };
    using Access = std::function<project::Choice&(project::Project&)>;

    Section addSection(const QString& heading, const QString& label, const std::vector<ParamChoice>& kinds,
        const QString& editTitle, Access access);
    void addRunSection();
    /// A form of options that are all off by default.
    ParamForm* addOptions(const QString& heading, const std::vector<ParamSpec>& specs, const QString& editTitle,
        std::function<Params&(project::Project&)> access);
    void refresh();
    void editRun(const std::string& key, const ParamValue& value);

    GraphModel& m_model;
    Section m_data;
    Section m_optimizer;
    Section m_generator; ///< shown where the drawing is a GAN
    Section m_schedule;
    ParamForm* m_run;
    ParamForm* m_options; ///< train::trainingOptionSpecs
    ParamForm* m_augment; ///< data::augmentParameters
};

} // namespace gradloom::widgets

#include "widgets/inspector/training_panel.h"

#include "widgets/inspector/param_field.h"
#include "widgets/inspector/param_form.h"
#include "widgets/theme/theme.h"

#include "engine/data/augment.h"
#include "engine/data/source_type.h"
#include "engine/graph/ports.h"
#include "engine/train/optimizer_type.h"
#include "engine/train/schedule_type.h"
#include "engine/train/training_options.h"

#include <QLabel>
#include <QVBoxLayout>

#include <algorithm>

#include <algorithm>

namespace gradloom::widgets {

namespace {

template <typename T>
std::vector<ParamChoice> choicesOf(const Registry<T>& registry)
{
    std::vector<ParamChoice> choices;
    for (const auto& entry : registry.all())
        choices.push_back({entry.id, entry.title});
    return choices;
}

template <typename T>
std::vector<ParamSpec> specsOf(const Registry<T>& registry, const std::string& id)
{
    const T* entry = registry.find(id);
    return entry ? entry->parameters : std::vector<ParamSpec>();
}

template <typename T>
QString helpOf(const Registry<T>& registry, const std::string& id)
{
    const T* entry = registry.find(id);
    return entry ? QString::fromStdString(entry->help) : QString();
}

std::string text(const QString& translated)
{
    return translated.toStdString();
}

/// What stands in the project beside the registries' choices, declared like everything else that has a form.
std::vector<ParamSpec> runSpecs()
{
    using P = TrainingPanel;
    return {integerParam(
                "epochs", text(P::tr("Epochs")), 8, 1, 1e6, text(P::tr("How often all pictures are seen."))),
        integerParam("batch", text(P::tr("Batch size")), 64, 1, 65536,
            text(P::tr("Samples in one step: more are faster and smoother, fewer find flatter minima."))),
        realParam("validation", text(P::tr("Validation share")), 0.1, 0, 0.9,
            text(P::tr("Share of the training part that is held out to watch for overfitting."))),
        integerParam("seed", text(P::tr("Seed")), 1, 0, 9e15,
            text(P::tr("The same seed gives the same weights, order and noise."))),
        choiceParam("preprocess", text(P::tr("Preprocessing")), "scale",
            {{"scale", text(P::tr("Scale 0 … 1"))}, {"centre", text(P::tr("Scale −1 … 1"))}, {"standardise", text(P::tr("Standardise"))},
                {"none", text(P::tr("None"))}},
            text(P::tr("What is done to the values before the network sees them.")))};
}

Params runValues(const project::Project& project)
{
    const auto& training = project.training;
    return {{"epochs", training.epochs}, {"batch", training.batch}, {"validation", training.validationShare},
        {"seed", static_cast<int64_t>(training.seed)}, {"preprocess", project.data.preprocess}};
}

} // namespace

TrainingPanel::TrainingPanel(GraphModel& model, QWidget* parent) : QWidget(parent), m_model(model)
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(14, 4, 12, 14);
    layout->setSpacing(8);
    m_data = addSection(tr("Data"), tr("Source"), choicesOf(data::sourceTypes()), tr("Change data"),
        [](project::Project& p) -> project::Choice& { return p.data.source; });
    m_optimizer = addSection(tr("Optimizer"), tr("Method"), choicesOf(train::optimizerTypes()),
        tr("Change optimizer"), [](project::Project& p) -> project::Choice& { return p.training.optimizer; });
    m_generator = addSection(tr("Generator's optimizer"), tr("Method"), choicesOf(train::optimizerTypes()),
        tr("Change the generator's optimizer"), [](project::Project& p) -> project::Choice& {
            if (!p.training.generatorOptimizer)
                p.training.generatorOptimizer = p.training.optimizer;
            return *p.training.generatorOptimizer;
        });
    m_schedule = addSection(tr("Learning rate"), tr("Schedule"), choicesOf(train::scheduleTypes()),
        tr("Change schedule"), [](project::Project& p) -> project::Choice& { return p.training.schedule; });
    addRunSection();
    m_options = addOptions(tr("Options"), train::trainingOptionSpecs(), tr("Change training"),
        [](project::Project& p) -> Params& { return p.training.options; });
    m_augment = addOptions(tr("Augmentation"), data::augmentParameters(), tr("Change augmentation"),
        [](project::Project& p) -> Params& { return p.data.augment; });
    layout->addStretch(1);
    connect(&model, &GraphModel::projectChanged, this, &TrainingPanel::refresh);
    refresh();
}

TrainingPanel::Section TrainingPanel::addSection(const QString& heading, const QString& label,
    const std::vector<ParamChoice>& kinds, const QString& editTitle, Access access)
{
    Section section{new QWidget, new ChoiceField, new ParamForm};
    section.kind->addChoices(kinds);
    auto* inner = new QVBoxLayout(section.box);
    inner->setContentsMargins(0, 0, 0, 0);
    inner->setSpacing(layout()->spacing());
    inner->addWidget(sectionLabel(heading));
    inner->addWidget(formRow(label, section.kind));
    inner->addWidget(section.form);
    layout()->addWidget(section.box);
    connect(
        section.kind, &ChoiceField::valueEdited, this, [this, access, editTitle](const std::string& type) {
            m_model.editProject(editTitle, [&](project::Project& project) { access(project) = {type, {}}; });
        });
    connect(section.form, &ParamForm::edited, this,
        [this, access, editTitle](const std::string& key, const ParamValue& value) {
            m_model.editProject(
                editTitle, [&](project::Project& project) { access(project).params.set(key, value); },
                editTitle + QString::fromStdString(key));
        });
    return section;
}

void TrainingPanel::addRunSection()
{
    m_run = new ParamForm;
    m_run->setSpecs(runSpecs());
    layout()->addWidget(sectionLabel(tr("Run")));
    layout()->addWidget(m_run);
    connect(m_run, &ParamForm::edited, this, &TrainingPanel::editRun);
}

ParamForm* TrainingPanel::addOptions(const QString& heading, const std::vector<ParamSpec>& specs,
    const QString& editTitle, std::function<Params&(project::Project&)> access)
{
    auto* form = new ParamForm;
    form->setSpecs(specs);
    layout()->addWidget(sectionLabel(heading));
    layout()->addWidget(form);
    connect(form, &ParamForm::edited, this,
        [this, specs, editTitle, heading, access](const std::string& key, const ParamValue& value) {
            const auto spec =
                std::find_if(specs.begin(), specs.end(), [&](const ParamSpec& s) { return s.key == key; });
            m_model.editProject(
                editTitle,
                [&](project::Project& project) {
                    if (spec != specs.end() && spec->defaultValue == value)
                        access(project).erase(key); // files name what differs from the defaults
                    else
                        access(project).set(key, value);
                },
                heading + QLatin1Char('/') + QString::fromStdString(key));
        });
    return form;
}

void TrainingPanel::editRun(const std::string& key, const ParamValue& value)
{
    m_model.editProject(
        tr("Change training"),
        [&](project::Project& project) {
            auto& training = project.training;
            if (key == "epochs")
                training.epochs = std::get<int64_t>(value);
            else if (key == "batch")
                training.batch = std::get<int64_t>(value);
            else if (key == "validation")
                training.validationShare = std::get<double>(value);
            else if (key == "seed")
                training.seed = static_cast<uint64_t>(std::get<int64_t>(value));
            else if (key == "preprocess")
                project.data.preprocess = std::get<std::string>(value);
        },
        QStringLiteral("run/") + QString::fromStdString(key));
}

void TrainingPanel::refresh()
{
    const auto& project = m_model.project();
    const auto show = [](Section& section, const project::Choice& choice, std::vector<ParamSpec> specs,
                          QString help) {
        section.kind->setValue(choice.type);
        section.kind->setToolTip(help);
        section.form->setSpecs(specs);
        section.form->setValues(choice.params);
        section.form->setVisible(!specs.empty());
    };
    const auto& data = project.data.source;
    const auto& optimizer = project.training.optimizer;
    const auto& generator = project.training.generatorOptimizer.value_or(optimizer);
    const auto& schedule = project.training.schedule;
    show(m_data, data, specsOf(data::sourceTypes(), data.type), helpOf(data::sourceTypes(), data.type));
    show(m_optimizer, optimizer, specsOf(train::optimizerTypes(), optimizer.type),
        helpOf(train::optimizerTypes(), optimizer.type));
    show(m_generator, generator, specsOf(train::optimizerTypes(), generator.type),
        helpOf(train::optimizerTypes(), generator.type));
    m_generator.box->setVisible(std::any_of(project.graph.nodes.begin(), project.graph.nodes.end(),
        [](const graph::Node& node) { return graph::typeOf(node) && graph::typeOf(node)->adversarial; }));
    show(m_schedule, schedule, specsOf(train::scheduleTypes(), schedule.type),
        helpOf(train::scheduleTypes(), schedule.type));
    m_run->setValues(runValues(project));
    m_options->setValues(project.training.options);
    m_augment->setValues(project.data.augment);
}

} // namespace gradloom::widgets

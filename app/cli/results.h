#pragma once

#include "app/cli/common.h"
#include "engine/train/evaluate.h"
#include "engine/train/train_session.h"

namespace gradloom::cli {

/// {accuracy, loss, samples, macro, per_class: [{class, name, precision, recall, f1, support}], confusion}
Json evaluationJson(const train::Evaluation& evaluation, const std::vector<std::string>& classNames);
std::string evaluationText(const train::Evaluation& evaluation, const std::vector<std::string>& classNames);

/// {key, title, kind, default, minimum, maximum, choices, unit, help}
Json paramJson(const ParamSpec& spec);
Json paramsJson(const std::vector<ParamSpec>& specs);
Json valueJson(const ParamValue& value);
Json shapeJson(const Shape& shape);

} // namespace gradloom::cli

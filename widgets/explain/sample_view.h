#pragma once

#include "engine/data/dataset.h"

#include <QImage>
#include <QString>

namespace gradloom::widgets {

/// A sample of any kind to look at: a picture as it is, a sequence as curves over its steps, tokens as text,
/// a row of a table as bars around zero. Those that are drawn have the size asked for. Empty where there is
/// nothing to show.
QImage sampleImage(const Tensor& stored, const data::LoadedData& data, QSize size);

/// Numbers of a target in their own unit: "23.4", "1.5, 2, 3 …".
QString numbersText(std::span<const float> values, const data::Target& target);
/// What is true of sample `index`: the class's name, numbers in their own unit; empty without a target.
QString truthText(const data::Dataset& dataset, int64_t index, const data::LoadedData& data, int target);

} // namespace gradloom::widgets

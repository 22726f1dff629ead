#pragma once

#include "engine/base/param.h"

#include <QString>

#include <optional>

namespace gradloom::widgets {

/// A value as it stands in a field: "64", "3 × 3", "0.001".
QString paramText(const ParamValue& value);

/// What people type, read leniently ("3", "3x3", "3, 3" for a pair; "1e-3" for a number) and checked against
/// the declaration. The Error is one sentence.
Result<ParamValue> parseParam(const ParamSpec& spec, const QString& text);

/// The next value in a direction for the arrow keys and the wheel: whole numbers by one (by ten with
/// `coarse`), real ones by their leading digit. Bounded by the declared range.
ParamValue steppedParam(const ParamSpec& spec, const ParamValue& value, int direction, bool coarse);

} // namespace gradloom::widgets

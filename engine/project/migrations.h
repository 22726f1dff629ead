#pragma once

// Private to engine/project.

#include "engine/project/json_item.h"

namespace gradloom::project {

/// Brings a document of an older format to the current one, step by step; a future format is a fault.
/// A new format adds one function to the table in migrations.cpp and one file of the old format to
/// tests/golden/projects.
void migrate(nlohmann::json& document, Faults& faults);

} // namespace gradloom::project

#pragma once

#include "engine/backend/backend.h"

#include <string>

namespace gradloom::test {

/// What the failure of a device says; empty where there is none.
template <class Action>
std::string failure(const Action& action)
{
    try {
        action();
    } catch (const backend::DeviceFailure& failure) {
        return failure.what();
    }
    return {};
}

} // namespace gradloom::test

#pragma once

#include "engine/backend/module_loader.h"

#include <cstdlib>
#include <string>
#include <vector>

/// For tests of what happens around a GPU: chooses the module and the settings of fake_cuda.cpp by the
/// environment, of this process and of those it starts.
namespace gradloom::test {

/// Sets environment variables while it lives.
class Environment
{
public:
    Environment() = default;
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
    ~Environment()
    {
        for (const std::string& name : m_names)
            ::unsetenv(name.c_str());
    }
    void set(const std::string& name, const std::string& value)
    {
        ::setenv(name.c_str(), value.c_str(), 1);
        m_names.push_back(name);
    }
    void useModule(const std::string& path) { set(backend::cudaModuleVariable, path); }

private:
    std::vector<std::string> m_names;
};

} // namespace gradloom::test

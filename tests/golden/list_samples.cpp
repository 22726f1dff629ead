// Prints the registry's layers with their sample configurations as a JSON array: what make_golden.py
// computes.

#include "tests/golden/golden_sample.h"

#include <iostream>

int main()
{
    nlohmann::json all = nlohmann::json::array();
    for (const auto& type : gradloom::layers::layerTypes().all())
        for (size_t i = 0; i < type.samples.size(); ++i)
            all.push_back(gradloom::tests::describeSample(type, i));
    std::cout << all.dump(1) << '\n';
    return 0;
}

#include "widgets/live/process_memory.h"

#include <fstream>
#include <unistd.h>

namespace gradloom::widgets {

std::optional<int64_t> residentMemory()
{
    std::ifstream file("/proc/self/statm");
    int64_t whole = 0, resident = 0;
    if (!(file >> whole >> resident))
        return {};
    return resident * sysconf(_SC_PAGESIZE);
}

} // namespace gradloom::widgets

#include "engine/base/thread_priority.h"

#include <sched.h>
#include <sys/resource.h>

namespace gradloom {

void giveWay()
{
#if defined(__linux__)
    // A fifth of the weight of an ordinary thread: enough to be overtaken, and still a share where another
    // program keeps all cores busy. SCHED_BATCH: waking up interrupts nobody. On Linux both count for the
    // calling thread alone.
    constexpr int niceness = 7;
    if (getpriority(PRIO_PROCESS, 0) < niceness)
        setpriority(PRIO_PROCESS, 0, niceness);
    const sched_param none{};
    if (sched_getscheduler(0) == SCHED_OTHER)
        sched_setscheduler(0, SCHED_BATCH, &none);
#endif
}

} // namespace gradloom

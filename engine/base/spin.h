#pragma once

namespace gradloom {

/// Tells the core that it is in a waiting loop.
inline void relax()
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Looks for about 30 microseconds whether `done` comes true, which is as long as sleeping and being woken
/// takes; true if it did. For what is most often a matter of microseconds; whoever calls it sleeps
/// afterwards.
template <typename Done>
bool spinUntil(const Done& done)
{
    constexpr int rounds = 1000;
    for (int i = 0; i < rounds; ++i) {
        if (done())
            return true;
        relax();
    }
    return false;
}

} // namespace gradloom

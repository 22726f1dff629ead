#pragma once

namespace gradloom {

/// Puts the calling thread, and those it starts from now on, behind ordinary threads: they run at once when
/// they have something to do, and this thread has what they leave, which on an idle machine is everything.
/// For work that takes all cores for long beside a window. Does nothing where the system cannot.
void giveWay();

} // namespace gradloom

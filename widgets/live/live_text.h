#pragma once

#include <string>

namespace gradloom::widgets {

/// Numbers as people read them in live views.
std::string percentText(double share, int digits = 1); ///< "90.4 %"
std::string durationText(double seconds);              ///< "0:41", "1:02:03"
std::string lossText(double value);                    ///< four significant digits: "0.2714"
std::string rateText(double value);                    ///< "1.0e-3"
std::string countText(double value);                   ///< "5,820"
std::string bytesText(double bytes);                   ///< "212 MB"

} // namespace gradloom::widgets

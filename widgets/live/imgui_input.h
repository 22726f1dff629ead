#pragma once

class QKeyEvent;
struct ImGuiIO;

namespace gradloom::widgets {

/// Connects ImGui's clipboard to Qt's and, for versions before 1.87, tells it which keys are which.
/// The context must be current.
void setUpInput();
/// Hands a key with its text on.
void sendKey(ImGuiIO& io, const QKeyEvent& event, bool down);
/// Position in device pixels; off the widget where `inside` is false.
void sendPointer(ImGuiIO& io, float x, float y, bool inside, bool leftDown, float wheel);

} // namespace gradloom::widgets

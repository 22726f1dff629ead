#include "widgets/live/imgui_input.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QKeyEvent>

#include <cfloat>
#include <imgui.h>
#include <utility>

namespace gradloom::widgets {

namespace {

constexpr std::pair<int, ImGuiKey> keys[] = {
    {Qt::Key_Tab, ImGuiKey_Tab},
    {Qt::Key_Left, ImGuiKey_LeftArrow},
    {Qt::Key_Right, ImGuiKey_RightArrow},
    {Qt::Key_Up, ImGuiKey_UpArrow},
    {Qt::Key_Down, ImGuiKey_DownArrow},
    {Qt::Key_PageUp, ImGuiKey_PageUp},
    {Qt::Key_PageDown, ImGuiKey_PageDown},
    {Qt::Key_Home, ImGuiKey_Home},
    {Qt::Key_End, ImGuiKey_End},
    {Qt::Key_Insert, ImGuiKey_Insert},
    {Qt::Key_Delete, ImGuiKey_Delete},
    {Qt::Key_Backspace, ImGuiKey_Backspace},
    {Qt::Key_Space, ImGuiKey_Space},
    {Qt::Key_Return, ImGuiKey_Enter},
    {Qt::Key_Escape, ImGuiKey_Escape},
    {Qt::Key_A, ImGuiKey_A},
    {Qt::Key_C, ImGuiKey_C},
    {Qt::Key_V, ImGuiKey_V},
    {Qt::Key_X, ImGuiKey_X},
    {Qt::Key_Y, ImGuiKey_Y},
    {Qt::Key_Z, ImGuiKey_Z},
};

void copyText(const char* text)
{
    QGuiApplication::clipboard()->setText(QString::fromUtf8(text));
}

const char* pastedText()
{
    // ImGui reads the text at once; it only has to outlive the call.
    static QByteArray text;
    text = QGuiApplication::clipboard()->text().toUtf8();
    return text.constData();
}

} // namespace

void setUpInput()
{
#if IMGUI_VERSION_NUM >= 19110
    ImGuiPlatformIO& platform = ImGui::GetPlatformIO();
    platform.Platform_SetClipboardTextFn = [](ImGuiContext*, const char* text) { copyText(text); };
    platform.Platform_GetClipboardTextFn = [](ImGuiContext*) { return pastedText(); };
#else
    ImGuiIO& io = ImGui::GetIO();
    io.SetClipboardTextFn = [](void*, const char* text) { copyText(text); };
    io.GetClipboardTextFn = [](void*) { return pastedText(); };
#endif
#if IMGUI_VERSION_NUM < 18700
    // Before 1.87 a program chose its own numbers for keys; ours are places in the list above.
    for (size_t i = 0; i < std::size(keys); ++i)
        ImGui::GetIO().KeyMap[keys[i].second] = static_cast<int>(i);
#endif
}

void sendKey(ImGuiIO& io, const QKeyEvent& event, bool down)
{
    const bool control = event.modifiers() & Qt::ControlModifier;
    const bool shift = event.modifiers() & Qt::ShiftModifier;
    const bool alt = event.modifiers() & Qt::AltModifier;
#if IMGUI_VERSION_NUM >= 18900
    io.AddKeyEvent(ImGuiMod_Ctrl, control);
    io.AddKeyEvent(ImGuiMod_Shift, shift);
    io.AddKeyEvent(ImGuiMod_Alt, alt);
#elif IMGUI_VERSION_NUM >= 18700
    io.AddKeyEvent(ImGuiKey_ModCtrl, control);
    io.AddKeyEvent(ImGuiKey_ModShift, shift);
    io.AddKeyEvent(ImGuiKey_ModAlt, alt);
#else
    io.KeyCtrl = control;
    io.KeyShift = shift;
    io.KeyAlt = alt;
#endif
    const int pressed = event.key() == Qt::Key_Enter ? int(Qt::Key_Return) : event.key();
    for (size_t i = 0; i < std::size(keys); ++i)
        if (keys[i].first == pressed) {
#if IMGUI_VERSION_NUM >= 18700
            io.AddKeyEvent(keys[i].second, down);
#else
            io.KeysDown[i] = down;
#endif
        }
    const QString text = event.text();
    if (down && !control && !text.isEmpty() && text.front().isPrint())
        io.AddInputCharactersUTF8(text.toUtf8().constData());
}

void sendPointer(ImGuiIO& io, float x, float y, bool inside, bool leftDown, float wheel)
{
    if (!inside)
        x = y = -FLT_MAX;
#if IMGUI_VERSION_NUM >= 18700
    io.AddMousePosEvent(x, y);
    io.AddMouseButtonEvent(0, leftDown);
    if (wheel != 0)
        io.AddMouseWheelEvent(0, wheel);
#else
    io.MousePos = {x, y};
    io.MouseDown[0] = leftDown;
    io.MouseWheel = wheel;
#endif
}

} // namespace gradloom::widgets

#pragma once

#include "widgets/live/imgui_widget.h"
#include "widgets/live/live_view.h"

namespace gradloom::widgets {

/// A live view that is drawn with Dear ImGui. Where there is no OpenGL 3 it shows one sentence in its place.
class GlLiveView : public LiveView
{
    Q_OBJECT

public:
    /// `name` and `description` are for people who have the window read to them.
    GlLiveView(LiveContext& context, const QString& name, const QString& description);

    void refresh() override;
    /// What is drawn on; nullptr without OpenGL 3.
    ImguiWidget* surface() const { return m_surface; }

protected:
    virtual void paint(LiveFrame& frame) = 0;
    /// A sentence in the middle of an empty view.
    static void paintNotice(LiveFrame& frame, const QRectF& area, const QString& text);

    LiveContext& m_context;

private:
    ImguiWidget* m_surface = nullptr;
};

} // namespace gradloom::widgets

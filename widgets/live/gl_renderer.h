#pragma once

#include <QImage>
#include <QOpenGLExtraFunctions>
#include <QString>

#include <map>
#include <string>

struct ImDrawData;

namespace gradloom::widgets {

/// A picture on the graphics card; `id` is 0 until GlRenderer::upload.
struct GlTexture
{
    GLuint id = 0;
    QSize size;
};

/// Draws Dear ImGui's triangles with OpenGL 3.0 or OpenGL ES 3.0. Our own, because the library that
/// distributions ship does not promise one, and because Qt already resolves the functions. Every call needs
/// the widget's context to be current.
class GlRenderer : protected QOpenGLExtraFunctions
{
public:
    GlRenderer() = default;
    GlRenderer(const GlRenderer&) = delete;
    GlRenderer& operator=(const GlRenderer&) = delete;

    /// Compiles the program. False with one sentence in `problem` where the context cannot do it.
    bool initialise(QString& problem);
    bool ready() const { return m_program != 0; }
    /// Frees everything, the textures too.
    void shutDown();

    void upload(GlTexture& texture, const QImage& rgba, bool smooth);
    /// The picture kept under a name. Stays where it is until shutDown.
    GlTexture& texture(const std::string& name) { return m_textures[name]; }
    void clear(const QColor& color, QSize framebuffer);
    void render(const ImDrawData& data, QSize framebuffer);

private:
    GLuint compile(GLenum kind, const QByteArray& source, QString& problem);
    void bindState(const ImDrawData& data, QSize framebuffer);

    GLuint m_program = 0;
    GLuint m_vertexArray = 0;
    GLuint m_vertices = 0;
    GLuint m_indices = 0;
    GLint m_projection = -1;
    GLint m_texture = -1;
    std::map<std::string, GlTexture> m_textures;
};

} // namespace gradloom::widgets

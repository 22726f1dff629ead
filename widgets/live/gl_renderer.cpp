#include "widgets/live/gl_renderer.h"

#include <QCoreApplication>
#include <QOpenGLContext>

#include <cstddef>
#include <imgui.h>

namespace gradloom::widgets {

namespace {

enum Attribute : GLuint { Position = 0, TextureCoordinate = 1, Colour = 2 };

/// The first lines differ between desktop profiles and ES; the rest is the same text for all.
QByteArray shaderHead(const QOpenGLContext& context)
{
    if (context.isOpenGLES())
        return "#version 300 es\nprecision highp float;\n";
    if (context.format().profile() == QSurfaceFormat::CoreProfile)
        return "#version 150\n";
    return "#version 130\n";
}

constexpr const char* vertexSource = R"(
uniform mat4 projection;
in vec2 position;
in vec2 coordinate;
in vec4 colour;
out vec2 texel;
out vec4 tint;
void main()
{
    texel = coordinate;
    tint = colour;
    gl_Position = projection * vec4(position, 0.0, 1.0);
}
)";

constexpr const char* fragmentSource = R"(
uniform sampler2D picture;
in vec2 texel;
in vec4 tint;
out vec4 result;
void main()
{
    result = tint * texture(picture, texel);
}
)";

QString refusal(const char* what, const char* log)
{
    return QCoreApplication::translate("LiveView", "The graphics driver could not compile the %1 shader: %2")
        .arg(QLatin1String(what), QString::fromUtf8(log).trimmed());
}

} // namespace

GLuint GlRenderer::compile(GLenum kind, const QByteArray& source, QString& problem)
{
    const GLuint shader = glCreateShader(kind);
    const char* text = source.constData();
    glShaderSource(shader, 1, &text, nullptr);
    glCompileShader(shader);
    GLint done = GL_FALSE;
    glGetShaderiv(shader, GL_COMPILE_STATUS, &done);
    if (done)
        return shader;
    char log[512] = "";
    glGetShaderInfoLog(shader, sizeof log, nullptr, log);
    problem = refusal(kind == GL_VERTEX_SHADER ? "vertex" : "fragment", log);
    glDeleteShader(shader);
    return 0;
}

bool GlRenderer::initialise(QString& problem)
{
    initializeOpenGLFunctions();
    const QByteArray head = shaderHead(*QOpenGLContext::currentContext());
    const GLuint vertex = compile(GL_VERTEX_SHADER, head + vertexSource, problem);
    const GLuint fragment = vertex ? compile(GL_FRAGMENT_SHADER, head + fragmentSource, problem) : 0;
    if (!vertex || !fragment) {
        glDeleteShader(vertex);
        return false;
    }
    m_program = glCreateProgram();
    glAttachShader(m_program, vertex);
    glAttachShader(m_program, fragment);
    glBindAttribLocation(m_program, Position, "position");
    glBindAttribLocation(m_program, TextureCoordinate, "coordinate");
    glBindAttribLocation(m_program, Colour, "colour");
    glLinkProgram(m_program);
    glDeleteShader(vertex);
    glDeleteShader(fragment);
    GLint done = GL_FALSE;
    glGetProgramiv(m_program, GL_LINK_STATUS, &done);
    if (!done) {
        char log[512] = "";
        glGetProgramInfoLog(m_program, sizeof log, nullptr, log);
        problem = refusal("linked", log);
        glDeleteProgram(m_program);
        m_program = 0;
        return false;
    }
    m_projection = glGetUniformLocation(m_program, "projection");
    m_texture = glGetUniformLocation(m_program, "picture");
    glGenVertexArrays(1, &m_vertexArray);
    glGenBuffers(1, &m_vertices);
    glGenBuffers(1, &m_indices);
    return true;
}

void GlRenderer::shutDown()
{
    if (!m_program)
        return;
    for (auto& [name, texture] : m_textures) {
        if (texture.id)
            glDeleteTextures(1, &texture.id);
        texture = {};
    }
    glDeleteBuffers(1, &m_vertices);
    glDeleteBuffers(1, &m_indices);
    glDeleteVertexArrays(1, &m_vertexArray);
    glDeleteProgram(m_program);
    m_program = m_vertexArray = m_vertices = m_indices = 0;
}

void GlRenderer::upload(GlTexture& texture, const QImage& rgba, bool smooth)
{
    const QImage image = rgba.convertToFormat(QImage::Format_RGBA8888);
    if (!texture.id)
        glGenTextures(1, &texture.id);
    glBindTexture(GL_TEXTURE_2D, texture.id);
    const GLint filter = smooth ? GL_LINEAR : GL_NEAREST;
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, filter);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, filter);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
    glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
    glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
    if (texture.size == image.size())
        glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, image.width(), image.height(), GL_RGBA, GL_UNSIGNED_BYTE,
            image.constBits());
    else
        glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, image.width(), image.height(), 0, GL_RGBA, GL_UNSIGNED_BYTE,
            image.constBits());
    texture.size = image.size();
    glBindTexture(GL_TEXTURE_2D, 0);
}

void GlRenderer::clear(const QColor& color, QSize framebuffer)
{
    glViewport(0, 0, framebuffer.width(), framebuffer.height());
    glDisable(GL_SCISSOR_TEST);
    glClearColor(color.redF(), color.greenF(), color.blueF(), 1.0f);
    glClear(GL_COLOR_BUFFER_BIT);
}

void GlRenderer::bindState(const ImDrawData& data, QSize framebuffer)
{
    glViewport(0, 0, framebuffer.width(), framebuffer.height());
    glEnable(GL_BLEND);
    glBlendEquation(GL_FUNC_ADD);
    // Alpha stays one: the picture covers its part of the window.
    glBlendFuncSeparate(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA, GL_ONE, GL_ONE_MINUS_SRC_ALPHA);
    glDisable(GL_CULL_FACE);
    glDisable(GL_DEPTH_TEST);
    glDisable(GL_STENCIL_TEST);
    glEnable(GL_SCISSOR_TEST);

    const float left = data.DisplayPos.x, right = left + data.DisplaySize.x;
    const float top = data.DisplayPos.y, bottom = top + data.DisplaySize.y;
    const float projection[16] = {2 / (right - left), 0, 0, 0, 0, 2 / (top - bottom), 0, 0, 0, 0, -1, 0,
        (right + left) / (left - right), (top + bottom) / (bottom - top), 0, 1};
    glUseProgram(m_program);
    glUniform1i(m_texture, 0);
    glUniformMatrix4fv(m_projection, 1, GL_FALSE, projection);
    glActiveTexture(GL_TEXTURE0);
    glBindVertexArray(m_vertexArray);
    glBindBuffer(GL_ARRAY_BUFFER, m_vertices);
    glBindBuffer(GL_ELEMENT_ARRAY_BUFFER, m_indices);
    for (GLuint attribute : {Position, TextureCoordinate, Colour})
        glEnableVertexAttribArray(attribute);
}

void GlRenderer::render(const ImDrawData& data, QSize framebuffer)
{
    if (!m_program || data.DisplaySize.x <= 0 || data.DisplaySize.y <= 0)
        return;
    bindState(data, framebuffer);
    const auto at = [](size_t bytes) { return reinterpret_cast<const void*>(bytes); };
    for (int n = 0; n < data.CmdListsCount; ++n) {
        const ImDrawList& list = *data.CmdLists[n];
        glBufferData(GL_ARRAY_BUFFER, static_cast<GLsizeiptr>(list.VtxBuffer.size_in_bytes()),
            list.VtxBuffer.Data, GL_STREAM_DRAW);
        glBufferData(GL_ELEMENT_ARRAY_BUFFER, static_cast<GLsizeiptr>(list.IdxBuffer.size_in_bytes()),
            list.IdxBuffer.Data, GL_STREAM_DRAW);
        for (const ImDrawCmd& command : list.CmdBuffer) {
            const ImVec4 clip = command.ClipRect;
            const int x = static_cast<int>(clip.x - data.DisplayPos.x);
            const int y = static_cast<int>(clip.y - data.DisplayPos.y);
            const int width = static_cast<int>(clip.z - clip.x);
            const int height = static_cast<int>(clip.w - clip.y);
            if (width <= 0 || height <= 0 || command.ElemCount == 0)
                continue;
            glScissor(x, framebuffer.height() - y - height, width, height);
            // Lists with more than 65,536 vertices come in parts that count from VtxOffset.
            const size_t base = command.VtxOffset * sizeof(ImDrawVert);
            glVertexAttribPointer(
                Position, 2, GL_FLOAT, GL_FALSE, sizeof(ImDrawVert), at(base + offsetof(ImDrawVert, pos)));
            glVertexAttribPointer(TextureCoordinate, 2, GL_FLOAT, GL_FALSE, sizeof(ImDrawVert),
                at(base + offsetof(ImDrawVert, uv)));
            glVertexAttribPointer(Colour, 4, GL_UNSIGNED_BYTE, GL_TRUE, sizeof(ImDrawVert),
                at(base + offsetof(ImDrawVert, col)));
            glBindTexture(GL_TEXTURE_2D, static_cast<GLuint>((intptr_t)command.GetTexID()));
            glDrawElements(GL_TRIANGLES, static_cast<GLsizei>(command.ElemCount),
                sizeof(ImDrawIdx) == 2 ? GL_UNSIGNED_SHORT : GL_UNSIGNED_INT,
                at(command.IdxOffset * sizeof(ImDrawIdx)));
        }
    }
    glDisable(GL_SCISSOR_TEST);
    glBindVertexArray(0);
    glBindTexture(GL_TEXTURE_2D, 0);
    glUseProgram(0);
}

} // namespace gradloom::widgets

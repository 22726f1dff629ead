#include "widgets/live/gl_live_view.h"
#include "widgets/live/tensor_image.h"

#include <algorithm>

namespace gradloom::widgets {

namespace {

constexpr double pictureGap = 8;
constexpr double pictureSpace = 3; ///< between two pictures

/// Rows and columns that let `count` squares (or `count` pairs, one above the other) fill an area.
struct Places
{
    int columns = 1;
    double side = 0;

    Places(int count, double cellHeights, const QRectF& area)
    {
        for (int tried = 1; tried <= count; ++tried) {
            const int rows = (count + tried - 1) / tried;
            const double byWidth = area.width() / tried;
            const double byHeight = area.height() / (rows * cellHeights);
            if (std::min(byWidth, byHeight) > side) {
                side = std::min(byWidth, byHeight);
                columns = tried;
            }
        }
    }
};

/// Pictures that the network makes while it learns: new ones from noise, or what it makes of test pictures, each
/// beneath its original.
class PicturesView : public GlLiveView
{
public:
    explicit PicturesView(LiveContext& context)
        : GlLiveView(context, QObject::tr("Pictures"),
              QObject::tr("Pictures that the network makes while it learns."))
    {
    }

protected:
    void paint(LiveFrame& frame) override
    {
        const QRectF whole = QRectF(QPointF(0, 0), frame.size).adjusted(pictureGap, pictureGap, -pictureGap, -2);
        const auto snapshot = m_context.history.snapshot();
        if (!snapshot || snapshot->made.empty()) {
            paintNotice(frame, whole,
                snapshot ? QObject::tr("This network makes no pictures: it is no autoencoder, VAE or GAN.")
                         : QObject::tr("Autoencoders, VAEs and GANs show here what they make. Press Train."));
            return;
        }
        frame.draw.card(whole, frame.colors);
        const bool pairs = !snapshot->originals.empty();
        frame.draw.text(whole.topLeft() + QPointF(14, 10), TextStyle::Strong, frame.colors.text,
            (pairs ? QObject::tr("Test pictures, and what the network makes of them")
                   : QObject::tr("Made from noise"))
                .toStdString());
        frame.draw.text(whole.topRight() + QPointF(-14, 11), TextStyle::Small, frame.colors.muted,
            QObject::tr("step %1").arg(snapshot->step).toStdString(), Align::Right);
        drawPictures(frame, whole.adjusted(14, 38, -14, -12), *snapshot);
    }

private:
    void drawPictures(LiveFrame& frame, const QRectF& area, const train::Snapshot& snapshot)
    {
        int count = static_cast<int>(snapshot.made.shape()[0]);
        const bool pairs = !snapshot.originals.empty();
        if (pairs) // one row that fills the height: as many as fit
            count = std::clamp(static_cast<int>(area.width() * 2.15 / area.height()), 1, count);
        const Places places(count, pairs ? 2.15 : 1, area);
        const double left = area.left() + (area.width() - places.columns * places.side) / 2;
        const double row = places.side * (pairs ? 2.15 : 1);
        for (int i = 0; i < count; ++i) {
            const QRectF cell(left + i % places.columns * places.side, area.top() + i / places.columns * row,
                places.side - pictureSpace, places.side - pictureSpace);
            drawOne(frame, cell, pairs ? snapshot.originals : snapshot.made, i, snapshot.step, pairs ? "o" : "m");
            if (pairs)
                drawOne(frame, cell.translated(0, places.side), snapshot.made, i, snapshot.step, "m");
        }
    }

    void drawOne(LiveFrame& frame, const QRectF& cell, const Tensor& pictures, int index, int64_t step, const char* kind)
    {
        const std::string name = kind + std::to_string(index);
        GlTexture& texture = frame.renderer.texture(name);
        int64_t& uploaded = m_uploaded[name];
        if (!texture.id || uploaded != step + 1) {
            const Shape shape = pictures.shape().withoutFirst();
            Tensor one(shape, DType::U8);
            const auto elements = static_cast<size_t>(shape.elements());
            const auto source = pictures.as<uint8_t>().subspan(static_cast<size_t>(index) * elements, elements);
            std::copy(source.begin(), source.end(), one.as<uint8_t>().begin());
            frame.renderer.upload(texture, inputPicture(one), false);
            uploaded = step + 1;
        }
        frame.draw.picture(texture, cell,
            {0, 0, static_cast<double>(texture.size.width()), static_cast<double>(texture.size.height())});
    }

    std::map<std::string, int64_t> m_uploaded; ///< step + 1 of what a texture shows
};

} // namespace

LiveViewType pictures()
{
    LiveViewType type;
    type.id = "pictures";
    type.title = QT_TRANSLATE_NOOP("LiveView", "Pictures");
    type.order = 25;
    type.create = [](LiveContext& context) { return std::make_unique<PicturesView>(context); };
    return type;
}

} // namespace gradloom::widgets

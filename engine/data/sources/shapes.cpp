#include "engine/base/philox.h"
#include "engine/data/source_type.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

/// A generated picture set: ten kinds of drawn shapes under random rotation, size, position, stretch,
/// contrast and noise. Each shape is a signed distance function on the square [-1, 1]² (negative inside),
/// after Inigo Quilez, "2D distance functions"; the distance in pixels gives the anti-aliased coverage of a
/// pixel.

namespace gradloom::data {

namespace {

struct Point
{
    float x;
    float y;
};

Point operator-(Point a, Point b)
{
    return {a.x - b.x, a.y - b.y};
}

float dot(Point a, Point b)
{
    return a.x * b.x + a.y * b.y;
}

float length(Point p)
{
    return std::sqrt(dot(p, p));
}

float toSegment(Point p, Point a, Point b)
{
    const Point pa = p - a;
    const Point ba = b - a;
    const float h = std::clamp(dot(pa, ba) / dot(ba, ba), 0.0f, 1.0f);
    return length({pa.x - h * ba.x, pa.y - h * ba.y});
}

float toBox(Point p, float halfWidth, float halfHeight)
{
    const Point d{std::abs(p.x) - halfWidth, std::abs(p.y) - halfHeight};
    return length({std::max(d.x, 0.0f), std::max(d.y, 0.0f)}) + std::min(std::max(d.x, d.y), 0.0f);
}

float toPolygon(Point p, std::span<const Point> corners)
{
    float square = dot(p - corners[0], p - corners[0]);
    bool inside = false;
    for (size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
        const Point e = corners[j] - corners[i];
        const Point w = p - corners[i];
        const float h = std::clamp(dot(w, e) / dot(e, e), 0.0f, 1.0f);
        const Point b{w.x - h * e.x, w.y - h * e.y};
        square = std::min(square, dot(b, b));
        const bool above = p.y >= corners[i].y;
        const bool below = p.y < corners[j].y;
        const bool left = e.x * w.y > e.y * w.x;
        if ((above && below && left) || (!above && !below && !left))
            inside = !inside;
    }
    return inside ? -std::sqrt(square) : std::sqrt(square);
}

float circle(Point p)
{
    return length(p) - 0.85f;
}

float square(Point p)
{
    return toBox(p, 0.72f, 0.72f);
}

float triangle(Point p)
{
    static constexpr std::array<Point, 3> corners{{{0, -0.95f}, {0.9f, 0.65f}, {-0.9f, 0.65f}}};
    return toPolygon(p, corners);
}

float star(Point p)
{
    static const auto corners = [] {
        std::array<Point, 10> points{};
        for (size_t i = 0; i < points.size(); ++i) {
            const float angle = static_cast<float>(i) * 0.62831853f;
            const float radius = i % 2 == 0 ? 1.0f : 0.4f;
            points[i] = {radius * std::sin(angle), -radius * std::cos(angle)};
        }
        return points;
    }();
    return toPolygon(p, corners);
}

float cross(Point p)
{
    return std::min(toBox(p, 0.9f, 0.27f), toBox(p, 0.27f, 0.9f));
}

float ring(Point p)
{
    return std::abs(length(p) - 0.68f) - 0.17f;
}

/// Quilez's heart stands on its tip at the origin and is about 1.1 high.
float heart(Point p)
{
    const Point q{std::abs(p.x) / 1.6f, (0.9f - p.y) / 1.6f};
    if (q.x + q.y > 1)
        return (length(q - Point{0.25f, 0.75f}) - 0.35355339f) * 1.6f;
    const float t = 0.5f * std::max(q.x + q.y, 0.0f);
    const float distance = std::min(length(q - Point{0, 1}), length(q - Point{t, t}));
    return (q.x > q.y ? distance : -distance) * 1.6f;
}

float arrow(Point p)
{
    static constexpr std::array<Point, 7> corners{{{0.95f, 0}, {0.2f, 0.7f}, {0.2f, 0.22f}, {-0.95f, 0.22f},
        {-0.95f, -0.22f}, {0.2f, -0.22f}, {0.2f, -0.7f}}};
    return toPolygon(p, corners);
}

float crescent(Point p)
{
    return std::max(length(p) - 0.9f, 0.72f - length(p - Point{0.42f, 0}));
}

float zigzag(Point p)
{
    static constexpr std::array<Point, 5> line{
        {{-0.9f, 0.45f}, {-0.45f, -0.45f}, {0, 0.45f}, {0.45f, -0.45f}, {0.9f, 0.45f}}};
    float distance = toSegment(p, line[0], line[1]);
    for (size_t i = 1; i + 1 < line.size(); ++i)
        distance = std::min(distance, toSegment(p, line[i], line[i + 1]));
    return distance - 0.15f;
}

struct Kind
{
    const char* name;
    float (*distance)(Point);
};

constexpr std::array<Kind, 10> kinds{
    {{"Circle", circle}, {"Square", square}, {"Triangle", triangle}, {"Star", star}, {"Cross", cross},
        {"Ring", ring}, {"Heart", heart}, {"Arrow", arrow}, {"Crescent", crescent}, {"Zigzag", zigzag}}};

/// What brings the target "place" (x, y, size; the picture's half is 1) to about mean 0 and deviation 1.
constexpr std::array<float, 3> placeMean{0, 0, 0.76f};
constexpr std::array<float, 3> placeDeviation{0.14f, 0.14f, 0.092f};

struct Settings
{
    int64_t size;
    uint64_t seed;
    float noise;
    float rotation; ///< largest turn to either side, in radians
};

/// How one picture is drawn; all of it comes from the random numbers of that picture alone.
struct Pose
{
    Pose(Random& random, float rotation)
    {
        const float angle = random.uniform(-rotation, rotation);
        cosine = std::cos(angle);
        sine = std::sin(angle);
        scale = random.uniform(0.6f, 0.92f);
        stretch = random.uniform(0.88f, 1.14f);
        const float room = 0.98f - scale;
        centre = {random.uniform(-room, room), random.uniform(-room, room)};
        background = random.uniform(0.0f, 0.3f);
        slope = {random.uniform(-0.12f, 0.12f), random.uniform(-0.12f, 0.12f)};
        foreground = random.uniform(0.6f, 1.0f);
    }

    /// From the picture's square [-1, 1]² into that of the shape.
    Point toShape(Point p) const
    {
        const Point q = p - centre;
        const Point turned{cosine * q.x + sine * q.y, cosine * q.y - sine * q.x};
        return {turned.x / scale * stretch, turned.y / scale / stretch};
    }

    float cosine, sine, scale, stretch, background, foreground;
    Point centre, slope;
};

/// Returns how it was drawn.
Pose draw(const Kind& kind, const Settings& settings, Random random, std::span<uint8_t> picture)
{
    const Pose pose(random, settings.rotation);
    const auto size = static_cast<float>(settings.size);
    const float pixels = pose.scale * size / 2; // pixels for one unit of distance
    size_t i = 0;
    for (int64_t row = 0; row < settings.size; ++row)
        for (int64_t column = 0; column < settings.size; ++column) {
            const Point p{(static_cast<float>(column) * 2 + 1) / size - 1,
                (static_cast<float>(row) * 2 + 1) / size - 1};
            const float coverage = std::clamp(0.5f - kind.distance(pose.toShape(p)) * pixels, 0.0f, 1.0f);
            const float ground = pose.background + dot(pose.slope, p);
            // Three uniform numbers come close to a normal one (variance 1/4) and cost no logarithm.
            const float noise = random.uniform() + random.uniform() + random.uniform() - 1.5f;
            const float value = ground + coverage * (pose.foreground - ground) + 2 * settings.noise * noise;
            picture[i++] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255));
        }
    return pose;
}

std::shared_ptr<const Dataset> generate(const Settings& settings, int64_t count, uint64_t firstStream)
{
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{count, settings.size, settings.size, 1}, DType::U8);
    Tensor labels(Shape{count}, DType::I32);
    Tensor places(Shape{count, static_cast<int64_t>(placeMean.size())});
    const auto pixels = static_cast<size_t>(settings.size * settings.size);
    for (int64_t i = 0; i < count; ++i) {
        const size_t label = static_cast<size_t>(i) % kinds.size();
        const Pose pose =
            draw(kinds[label], settings, Random(settings.seed, firstStream + static_cast<uint64_t>(i)),
                dataset->samples.as<uint8_t>().subspan(static_cast<size_t>(i) * pixels, pixels));
        const float place[] = {pose.centre.x, pose.centre.y, pose.scale};
        for (size_t k = 0; k < placeMean.size(); ++k)
            places.floats()[static_cast<size_t>(i) * placeMean.size() + k] =
                (place[k] - placeMean[k]) / placeDeviation[k];
        labels.as<int32_t>()[static_cast<size_t>(i)] = static_cast<int32_t>(label);
    }
    dataset->targets.push_back(std::move(labels));
    dataset->targets.push_back(std::move(places));
    return dataset;
}

Result<LoadedData> loadShapes(const Params& params, const SourceContext&)
{
    const Settings settings{params.integer("size"), static_cast<uint64_t>(params.integer("seed")),
        static_cast<float>(params.real("noise")),
        static_cast<float>(params.real("rotation") / 180 * 3.14159265358979)};
    LoadedData data;
    data.name = "Drawn shapes";
    data.description = "Generated pictures of ten kinds of shapes; the same for the same options everywhere.";
    data.targets.push_back(classTarget("shape", {}));
    for (const auto& kind : kinds)
        data.targets.front().names.emplace_back(kind.name);
    Target place = numberTarget("place", Shape{static_cast<int64_t>(placeMean.size())});
    place.mean.assign(placeMean.begin(), placeMean.end());
    place.deviation.assign(placeDeviation.begin(), placeDeviation.end());
    data.targets.push_back(std::move(place));
    // The streams lie apart, so that the test pictures stay the same when the training count changes.
    data.training = generate(settings, params.integer("training"), 0);
    data.test = generate(settings, params.integer("test"), uint64_t{1} << 40);
    return data;
}

} // namespace

SourceType shapes()
{
    SourceType type;
    type.id = "shapes";
    type.title = "Drawn shapes";
    type.help = "Built-in generated pictures of ten kinds of shapes with noise, rotation and scale; needs no "
                "files. Besides the "
                "target \"shape\" there is \"place\": middle (x, y) and size of the shape.";
    type.parameters = {
        integerParam("training", "Training pictures", 6000, 10, 1000000, "How many pictures to train on."),
        integerParam("test", "Test pictures", 1000, 10, 1000000, "How many pictures to test with."),
        integerParam("size", "Size", 28, 16, 64, "Width and height of a picture.").withUnit("px"),
        realParam(
            "noise", "Noise", 0.06, 0, 1, "Standard deviation of the noise; the full range of grey is 1."),
        realParam("rotation", "Rotation", 25, 0, 180,
            "The largest turn to either side; 180 makes the task much harder.")
            .withUnit("°"),
        integerParam("seed", "Seed", 1, 0, 1e15, "Another seed draws other pictures.")};
    type.load = loadShapes;
    return type;
}

} // namespace gradloom::data

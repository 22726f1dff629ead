#include "engine/ir/pointwise.h"
#include "engine/tensor/picture_change.h"
#include "tests/engine/primitive_harness.h"

namespace gradloom::tests {
namespace {

TensorType f(Shape shape)
{
    return {shape, DType::F32};
}

const TensorType absent{Shape(), DType::U8};

std::vector<int64_t> list(std::initializer_list<int64_t> values)
{
    return values;
}

std::vector<Case> pointwiseCases()
{
    std::vector<Case> cases;
    const std::set<std::string_view> positive{"sqrt", "rsqrt", "log", "power", "reciprocal"};
    for (const auto& function : ir::pointwiseFunctions()) {
        const std::string fn(function.name);
        const Params attributes{{"fn", fn}, {"alpha", function.hasAlpha ? 0.7 : 0.0}};
        if (function.operands == 1) {
            const bool above = positive.contains(function.name);
            cases.push_back({"unary", {f({3, 37})}, attributes, fn, above ? 0.5F : -2.0F, 2.0F});
            continue;
        }
        const float low = fn == "div" ? 0.5F : -2.0F;
        cases.push_back({"binary", {f({3, 37}), f({3, 37})}, attributes, fn, low, 2.0F});
        cases.push_back({"binary", {f({4, 3, 17}), f({17})}, attributes, fn + "_row", low, 2.0F});
        cases.push_back({"binary", {f({1}), f({5, 7})}, attributes, fn + "_scalar", low, 2.0F});
    }
    return cases;
}

std::vector<Case> convolutionCases()
{
    const auto attributes = [](std::vector<int64_t> stride, std::vector<int64_t> padding,
                                std::vector<int64_t> dilation, int64_t groups) {
        return Params{{"stride", stride}, {"padding", padding}, {"dilation", dilation}, {"groups", groups}};
    };
    std::vector<Case> cases;
    const auto both = [&](Params base, Shape x, Shape w, Shape y, const std::string& name) {
        Params relu = base;
        relu.set("activation", std::string("relu"));
        cases.push_back({"conv2d", {f(x), f(w), f({w[3]})}, relu, name + "_relu"});
        cases.push_back({"conv2d", {f(x), f(w), absent}, base, name});
        Params transposed = base;
        transposed.set("output", list({x[1], x[2]}));
        cases.push_back({"conv2d_transpose", {f(y), f(w), f({x[3]})}, transposed, name});
        Params weights = base;
        weights.set("kernel", list({w[0], w[1]}));
        cases.push_back({"conv2d_weights_gradient", {f(x), f(y)}, weights, name});
    };
    both(attributes({1, 1}, {0, 0, 0, 0}, {1, 1}, 1), {2, 5, 6, 3}, {3, 3, 3, 5}, {2, 3, 4, 5}, "valid");
    both(attributes({2, 2}, {1, 1, 1, 1}, {1, 1}, 1), {2, 6, 5, 2}, {3, 3, 2, 4}, {2, 3, 3, 4}, "strided");
    both(attributes({1, 1}, {2, 1, 2, 1}, {2, 1}, 2), {1, 5, 5, 4}, {3, 3, 2, 6}, {1, 5, 5, 6},
        "dilated_groups");
    return cases;
}

std::vector<Case> poolingCases()
{
    const Params pool{{"kernel", list({2, 3})}, {"stride", list({2, 2})}, {"padding", list({0, 1, 1, 0})}};
    Params back = pool;
    back.set("output", list({5, 6}));
    return {{"max_pool2d", {f({2, 5, 6, 3})}, pool, ""}, {"avg_pool2d", {f({2, 5, 6, 3})}, pool, ""},
        {"avg_pool2d_backward", {f({2, 3, 3, 3})}, back, ""}};
}

std::vector<Case> recurrentCases()
{
    std::vector<Case> cases;
    const auto both = [&](const std::string& op, int64_t gates, bool cell, Params attributes,
                          const std::string& name) {
        const Shape bias = op == "gru" ? Shape{2, gates * 5} : Shape{gates * 5};
        std::vector<TensorType> all{
            f({3, 4, 2}), f({2, gates * 5}), f({5, gates * 5}), f(bias), f({3, 5}), f({3, 4}), f({3, 5})};
        std::vector<TensorType> few{all[0], all[1], all[2], absent, absent, absent, absent};
        if (cell) {
            all.push_back(f({3, 5}));
            few.push_back(absent);
        }
        attributes.set("reverse", false);
        cases.push_back({op, few, attributes, name + "few", -1, 1, {}});
        attributes.set("reverse", true);
        cases.push_back({op, all, attributes, name + "all_reverse", -1, 1, {6}});
        all[0] = f({3, 4, gates * 5});
        all[1] = absent;
        cases.push_back({op, all, attributes, name + "projected", -1, 1, {6}});
    };
    both("rnn", 1, false, {{"activation", std::string("tanh")}}, "tanh_");
    both("rnn", 1, false, {{"activation", std::string("relu")}}, "relu_");
    both("lstm", 4, true, {}, "");
    both("gru", 3, false, {}, "");
    return cases;
}

std::vector<Case> augmentCases()
{
    const auto augment = [](Shape x, const char* name) {
        const Shape changes{x[0], x[1], PictureChange::floats + x[4]};
        const TensorType noise{Shape{x[0], x[1], NoisePlace::integers}, DType::I32};
        return Case{"augment", {f(x), f(changes), noise}, {}, name, -2, 2, {0, 1}};
    };
    return {augment({3, 1, 5, 4, 3}, "one"), augment({2, 2, 4, 7, 1}, "mixed"), augment({1, 2, 3, 1, 257}, "channels")};
}

std::vector<Case> resizeCases()
{
    const auto options = [](const char* mode, int64_t height, int64_t width) {
        return Params{{"mode", std::string(mode)}, {"output", list({height, width})}};
    };
    return {{"resize", {f({2, 3, 4, 5})}, options("nearest", 7, 4), "nearest"},
        {"resize", {f({2, 3, 4, 5})}, options("bilinear", 5, 9), "bilinear"},
        {"resize", {f({1, 6, 5, 3})}, options("bilinear", 2, 3), "smaller"},
        {"resize_backward", {f({2, 7, 4, 3})}, options("nearest", 3, 4), "nearest"},
        {"resize_backward", {f({2, 5, 9, 3})}, options("bilinear", 3, 4), "bilinear"}};
}

std::vector<Case> otherCases()
{
    const TensorType labels{Shape{4}, DType::I32};
    const TensorType counter{Shape{4}, DType::I32};
    const Params plain{{"trans_a", false}, {"trans_b", false}};
    return {
        {"gemm", {f({5, 7}), f({7, 9}), f({9})}, plain, "plain"},
        {"gemm", {f({7, 5}), f({7, 9}), absent}, {{"trans_a", true}, {"trans_b", false}}, "trans_a"},
        {"gemm", {f({5, 7}), f({9, 7}), f({9})},
            {{"trans_a", false}, {"trans_b", true}, {"activation", std::string("relu")}}, "trans_b_relu"},
        {"gemm", {f({7, 5}), f({9, 7}), absent}, {{"trans_a", true}, {"trans_b", true}}, "trans_ab"},
        {"reduce", {f({3, 4, 5})}, {{"fn", std::string("sum")}, {"axes", list({1})}, {"keep_dims", true}},
            "sum"},
        {"reduce", {f({3, 4, 5})},
            {{"fn", std::string("mean")}, {"axes", list({0, 1})}, {"keep_dims", false}}, "mean"},
        {"reduce", {f({3, 4, 5})}, {{"fn", std::string("max")}, {"axes", list({2})}, {"keep_dims", false}},
            "max"},
        {"broadcast", {f({3, 1, 5})}, {{"shape", list({2, 3, 4, 5})}}, ""},
        {"reshape", {f({3, 4})}, {{"shape", list({2, 6})}}, ""},
        {"transpose", {f({3, 4, 5})}, {{"order", list({2, 0, 1})}}, ""},
        {"slice", {f({4, 5})}, {{"start", list({1, 2})}, {"size", list({2, 3})}}, ""},
        {"pad", {f({2, 3})}, {{"before", list({1, 0})}, {"after", list({2, 1})}}, ""},
        {"concat", {f({2, 3}), f({4, 3})}, {{"axis", int64_t{0}}}, "rows"},
        {"concat", {f({2, 3}), f({2, 1})}, {{"axis", int64_t{1}}}, "columns"},
        {"fill", {}, {{"shape", list({3, 4})}, {"value", 1.5}}, ""},
        {"random_fill", {counter},
            {{"shape", list({3, 5})}, {"kind", std::string("normal")}, {"stream", int64_t{7}}}, "normal"},
        {"random_fill", {counter},
            {{"shape", list({3, 5})}, {"kind", std::string("uniform")}, {"stream", int64_t{7}}}, "uniform"},
        {"sum_over_devices", {f({3, 37})}, {}, ""},
        {"batch_norm", {f({2, 3, 3, 4}), f({4}), f({4})}, {{"epsilon", 1e-3}}, ""},
        {"softmax", {f({4, 6})}, {}, ""},
        {"log_softmax", {f({2, 4, 6})}, {}, ""},
        {"softmax_cross_entropy", {f({4, 3}), labels}, {}, ""},
        {"one_hot", {labels}, {{"classes", int64_t{3}}}, ""},
        {"argmax", {f({4, 6})}, {}, ""},
        {"top_k_correct", {f({4, 6}), labels}, {{"k", int64_t{2}}}, ""},
        {"dropout", {f({5, 9}), counter}, {{"rate", 0.4}, {"stream", int64_t{77}}}, ""},
        {"dropout", {f({6, 9}), counter}, {{"rate", 0.4}, {"stream", int64_t{77}}, {"places", list({27, 162})}},
            "shared"},
    };
}

std::vector<Case> attentionCases()
{
    const TensorType tokens{Shape{2, 7}, DType::I32}; // 0, 1 or 2
    const TensorType counter{Shape{4}, DType::I32};
    const auto attend = [](int64_t heads, bool causal, double rate) {
        return Params{
            {"heads", heads}, {"causal", causal}, {"scale", 0.6}, {"rate", rate}, {"stream", int64_t{3}}};
    };
    const auto shared = [](Params attributes, const std::vector<int64_t>& places) {
        attributes.set("places", places);
        return attributes;
    };
    const auto norm = [](int64_t axis, int64_t groups) {
        return Params{{"axis", axis}, {"groups", groups}, {"epsilon", 1e-3}};
    };
    return {
        {"gather", {f({3, 5}), tokens}, {{"padding", int64_t{-1}}}, "whole"},
        {"gather", {f({2, 17}), tokens}, {{"padding", int64_t{0}}}, "padding_and_outside"},
        {"gather_gradient", {f({2, 7, 5}), tokens}, {{"padding", int64_t{1}}, {"rows", int64_t{4}}}, ""},
        {"gather_gradient_rows", {f({2, 7, 5}), tokens}, {{"padding", int64_t{1}}, {"rows", int64_t{4}}}, "", -1, 1, {0}},
        {"unique", {tokens}, {{"padding", int64_t{1}}, {"rows", int64_t{4}}}, "padding"},
        {"unique", {tokens}, {{"padding", int64_t{-1}}, {"rows", int64_t{2}}}, "outside"},
        {"attention", {f({2, 5, 6}), f({2, 7, 6}), f({2, 7, 4}), f({2, 7}), absent}, attend(2, false, 0),
            "masked"},
        {"attention", {f({1, 6, 3}), f({1, 6, 3}), f({1, 6, 2}), absent, absent}, attend(1, true, 0),
            "causal"},
        {"attention", {f({2, 130, 4}), f({2, 3, 4}), f({2, 3, 4}), absent, counter}, attend(4, false, 0.3),
            "dropout"},
        {"attention", {f({4, 5, 6}), f({4, 7, 6}), f({4, 7, 4}), absent, counter},
            shared(attend(2, false, 0.3), {8, 20}), "dropout_shared"},
        {"sinusoid", {}, {{"steps", int64_t{9}}, {"size", int64_t{5}}}, ""},
        {"group_norm", {f({3, 4, 7}), f({7}), f({7})}, norm(2, 1), "layer"},
        {"group_norm", {f({3, 4, 2, 6}), f({6}), absent}, norm(1, 3), "group"},
        {"group_norm", {f({2, 5, 4}), absent, absent}, norm(1, 4), "instance"},
    };
}

} // namespace

std::vector<Case> primitiveCases()
{
    std::vector<Case> cases = pointwiseCases();
    for (auto part :
        {convolutionCases(), poolingCases(), resizeCases(), augmentCases(), recurrentCases(), attentionCases(),
            otherCases()})
        cases.insert(cases.end(), part.begin(), part.end());
    return cases;
}

} // namespace gradloom::tests

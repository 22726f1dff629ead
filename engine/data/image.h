#pragma once

#include "engine/tensor/tensor.h"

#include <filesystem>
#include <string>

namespace gradloom::data {

/// Reads a picture to predict: PNG or JPEG, or one sample of an IDX file ("t10k-images-idx3-ubyte.gz#17";
/// without a number the first). Result: U8 of the shape `wanted` (H×W×C, C = 1, 3 or 4): converted between
/// grey and colour (ITU-R BT.601 luma), transparency laid on white, resized without keeping the aspect. An
/// Error names the file; the declared size is checked before memory is taken.
Result<Tensor> readImage(const std::string& pathAndSample, const Shape& wanted);

/// Resizes F32 H×W×C: mean over the covered area where it shrinks, bilinear (half-pixel centres) where it
/// grows.
Tensor resizeImage(const Tensor& image, int64_t height, int64_t width);

/// PNG bytes of U8 H×W×C, C = 1 to 4 (grey, grey+alpha, RGB, RGBA).
Result<std::string> encodePng(const Tensor& image);

/// encodePng into a file, atomically.
Status writePng(const std::filesystem::path& path, const Tensor& image);

/// A tensor as NumPy file (format 1.0, little endian, C order), atomically.
Status writeNpy(const std::filesystem::path& path, const Tensor& tensor);

} // namespace gradloom::data

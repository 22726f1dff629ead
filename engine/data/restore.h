#pragma once

#include "engine/data/preprocess.h"

namespace gradloom::data {

/// Pictures that a network made (F32, N×H×W×C with C = 1 or 3, in the range it was trained on) as people see them: U8 of
/// the same shape, preprocessing undone, `valueMaximum` (LoadedData's) white. Values outside the range are cut off.
Tensor restorePictures(const Preprocess& preprocess, float valueMaximum, const Tensor& made);

/// N×H×W×C as one picture, `columns` in a row, one pixel of `gap` (0 to 255) between them; places left over are
/// filled with it.
Tensor pictureGrid(const Tensor& pictures, int64_t columns, uint8_t gap = 0);

} // namespace gradloom::data

#include "tests/fake_cudnn/fake_cudnn.h"

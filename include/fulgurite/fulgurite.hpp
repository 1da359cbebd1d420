#pragma once

// Everything that the library offers.

#include "fulgurite/compressor_state.hpp"
#include "fulgurite/decode_batch.hpp"
#include "fulgurite/dtype.hpp"
#include "fulgurite/error.hpp"
#include "fulgurite/executor.hpp"
#include "fulgurite/indexer.hpp"
#include "fulgurite/key_cache.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/platform.hpp"
#include "fulgurite/saved_state.hpp"
#include "fulgurite/selection.hpp"
#include "fulgurite/sequences.hpp"
#include "fulgurite/tensor.hpp"
#include "fulgurite/version.hpp"
#include "fulgurite/weights.hpp"

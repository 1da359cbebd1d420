#include "compare_outputs.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "fulgurite/error.hpp"
#include "io/text.hpp"
#include "step_output.hpp"

namespace fulgurite::app {
namespace {

/// bf16 keeps 8 bits of significance: neighbours differ by up to this share of a value.
constexpr double kBf16Step = 0x1p-7;

std::vector<float> floats_of(const io::Tensor& tensor) {
  if (tensor.dtype == io::Dtype::f32) {
    const io::TypedData<float> data(tensor.bytes);
    return {data.span().begin(), data.span().end()};
  }
  const io::TypedData<Bf16> data(tensor.bytes);
  std::vector<float> values(data.size());
  std::transform(data.span().begin(), data.span().end(), values.begin(),
                 [](Bf16 x) { return to_float(x); });
  return values;
}

void compare(TensorCheck& check, double rtol) {
  if (check.a->dtype == io::Dtype::i32) {
    const io::TypedData<std::int32_t> a(check.a->bytes);
    const io::TypedData<std::int32_t> b(check.b->bytes);
    check.values = compare_integers(a.span(), b.span());
    if (!check.values.first) return;
    check.first_a = std::to_string(a.span()[*check.values.first]);
    check.first_b = std::to_string(b.span()[*check.values.first]);
    return;
  }
  const std::vector<float> a = floats_of(*check.a);
  const std::vector<float> b = floats_of(*check.b);
  const auto row = static_cast<std::size_t>(std::max<std::int64_t>(check.a->shape[2], 1));
  const double step = check.a->dtype == io::Dtype::bf16 ? kBf16Step : 0;
  check.values = compare_values(a, b, row, {.of_row = rtol, .of_value = step});
  if (!check.values.first) return;
  check.first_a = fmt::format("{:.9g}", a[*check.values.first]);
  check.first_b = fmt::format("{:.9g}", b[*check.values.first]);
}

TensorCheck check_tensor(const OutputTensor& wanted, const io::SafetensorsFile& a,
                         const io::SafetensorsFile& b, double rtol) {
  TensorCheck check;
  check.name = wanted.name;
  check.a = a.find(wanted.name);
  check.b = b.find(wanted.name);
  check.comparable = check.a->dtype == check.b->dtype && check.a->shape == check.b->shape;
  if (!check.comparable) return check;
  if (check.a->dtype != wanted.dtype || check.a->shape.size() != 3) {
    throw Error(
        ErrorKind::input,
        fmt::format("{}: {}: expected {} {}, found {}", io::printable(a.name()), wanted.name,
                    io::dtype_name(wanted.dtype), wanted.letters, describe(*check.a)));
  }
  compare(check, rtol);
  return check;
}

void check_selection(CheckResult& result, const CompareOptions& options) {
  const TensorCheck& score = result.tensors[1];
  const TensorCheck& topk = result.tensors[2];
  if (!score.comparable || !topk.comparable || score.a->shape != topk.a->shape) return;
  const io::TypedData<float> score_a(score.a->bytes);
  const io::TypedData<float> score_b(score.b->bytes);
  const io::TypedData<std::int32_t> topk_a(topk.a->bytes);
  const io::TypedData<std::int32_t> topk_b(topk.b->bytes);
  const SelectionData a{score_a.span(), topk_a.span()};
  const SelectionData b{score_b.span(), topk_b.span()};
  const std::int64_t rows = score.a->shape[2];
  result.offset = options.offset ? options.offset : infer_offset(a, rows);
  result.selection = compare_selections(a, b, rows, std::max<std::int64_t>(score.a->shape[1], 1),
                                        result.offset.value_or(0), options.rtol);
}

}  // namespace

CheckResult compare_outputs(const io::SafetensorsFile& a, const io::SafetensorsFile& b,
                            const CompareOptions& options) {
  CheckResult result;
  for (const OutputTensor& wanted : kOutputTensors) {
    result.tensors.push_back(check_tensor(wanted, a, b, options.rtol));
  }
  check_selection(result, options);
  return result;
}

}  // namespace fulgurite::app

#include "io/saved_state.hpp"

#include <array>
#include <numeric>
#include <span>

#include "fulgurite/error.hpp"
#include "fulgurite/model.hpp"
#include "io/safetensors_writer.hpp"
#include "io/tensor_reader.hpp"

namespace fulgurite::io {
namespace {

constexpr std::string_view kFormat = "fulgurite saved state";
constexpr std::string_view kVersion = "1";
constexpr std::int64_t kScaleBytes = 4;

/// FNV-1a, 64 bits, over the tensors' bytes in the order of the format.
class Checksum {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) {
      hash_ = (hash_ ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3;
    }
  }
  [[nodiscard]] std::string text() const { return std::to_string(hash_); }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

std::vector<Tensor> tensors_of(const SavedState& state) {
  const auto sequences = static_cast<std::int64_t>(state.lengths.size());
  const std::int64_t rows = std::accumulate(state.rows.begin(), state.rows.end(), std::int64_t{0});
  const auto tensor = [](std::string name, std::vector<std::int64_t> shape, const auto& values) {
    using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
    return Tensor{std::move(name), kDtypeOf<Value>, std::move(shape),
                  std::as_bytes(std::span(values))};
  };
  return {tensor("length", {sequences}, state.lengths),
          tensor("oldest", {sequences}, state.oldest),
          tensor("rows", {sequences}, state.rows),
          tensor("codes", {rows, state.row_bytes}, state.codes),
          tensor("scales", {rows, kScaleBytes}, state.scales),
          tensor("kv", {sequences, state.slots, kStateWidth}, state.kv),
          tensor("gate", {sequences, state.slots, kStateWidth}, state.gate)};
}

std::string checksum_of(const SavedState& state) {
  Checksum checksum;
  checksum.add(std::as_bytes(std::span(state.recipe)));
  for (const Tensor& tensor : tensors_of(state)) checksum.add(tensor.bytes);
  return checksum.text();
}

/// Metadata that must have this value.
void expect_metadata(const SafetensorsFile& file, const std::string& name,
                     std::string_view expected) {
  const std::string& found = metadata(file, name);
  if (found != expected) {
    refuse(file, "metadata " + name, std::string(expected), in_quotes(found));
  }
}

template <class T, std::size_t Rank>
std::vector<T> read(const SafetensorsFile& file, std::string_view name, std::string_view letters,
                    std::array<std::int64_t, Rank>& shape) {
  std::vector<std::shared_ptr<const void>> data;
  TensorView<const T, Rank> view;
  TensorReader(file, data).read(view, name, letters);
  shape = view.shape();
  return {view.flat().begin(), view.flat().end()};
}

}  // namespace

void write_saved_state(const std::filesystem::path& path, const SavedState& state) {
  write_safetensors(path, tensors_of(state),
                    {{"format", std::string(kFormat)},
                     {"version", std::string(kVersion)},
                     {"recipe", state.recipe},
                     {"checksum", checksum_of(state)}});
}

SavedState read_saved_state(const std::filesystem::path& path) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  expect_metadata(file, "format", kFormat);
  expect_metadata(file, "version", kVersion);
  SavedState state;
  state.recipe = metadata(file, "recipe");
  std::array<std::int64_t, 1> sequences{};
  std::array<std::int64_t, 1> others{};
  std::array<std::int64_t, 2> codes{};
  std::array<std::int64_t, 2> scales{};
  std::array<std::int64_t, 3> kv{};
  std::array<std::int64_t, 3> gate{};
  state.lengths = read<std::int64_t>(file, "length", "[R]", sequences);
  state.oldest = read<std::int64_t>(file, "oldest", "[R]", others);
  expect_shape(file, "oldest", others, {sequences[0]});
  state.rows = read<std::int64_t>(file, "rows", "[R]", others);
  expect_shape(file, "rows", others, {sequences[0]});
  state.codes = read<std::uint8_t>(file, "codes", "[rows,bytes]", codes);
  state.scales = read<std::uint8_t>(file, "scales", "[rows,4]", scales);
  state.kv = read<float>(file, "kv", "[R,slots,256]", kv);
  state.gate = read<float>(file, "gate", "[R,slots,256]", gate);
  state.row_bytes = codes[1];
  state.slots = kv[1];
  expect_shape(file, "scales", scales, {codes[0], kScaleBytes});
  expect_shape(file, "kv", kv, {sequences[0], kv[1], kStateWidth});
  expect_shape(file, "gate", gate, {sequences[0], kv[1], kStateWidth});
  expect_metadata(file, "checksum", checksum_of(state));
  std::int64_t all = 0;
  for (std::size_t i = 0; i < state.rows.size(); ++i) {
    const bool fits = state.rows[i] >= 0 && state.rows[i] <= codes[0] - all;
    const bool follows = state.lengths[i] / kRatio <= state.rows[i] && state.lengths[i] >= 0 &&
                         state.oldest[i] >= 0 && state.oldest[i] <= state.lengths[i];
    if (!fits || !follows) {
      refuse(
          file, "sequence " + std::to_string(i), "rows and tokens that follow from each other",
          std::to_string(state.rows[i]) + " rows, " + std::to_string(state.lengths[i]) + " tokens");
    }
    all += state.rows[i];
  }
  expect_shape(file, "codes", codes, {all, codes[1]});
  return state;
}

}  // namespace fulgurite::io

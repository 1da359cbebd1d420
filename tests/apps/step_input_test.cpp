// What `fulgurite step` refuses in an input: one line, exit code 3, nothing written.
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "step_file.hpp"
#include "tool.hpp"

namespace fulgurite::app::test {
namespace {

using io::test::framed;
using io::test::write_text;

constexpr int kWrongInput = 3;

class StepInput : public testing::Test {
 protected:
  void expect_refused(const StepFile& file, const std::string& words) {
    file.write(input_);
    expect_input_refused(words);
  }
  void expect_input_refused(const std::string& words) {
    SCOPED_TRACE(words);
    expect_refusal(run(), kWrongInput, words);
    EXPECT_FALSE(std::filesystem::exists(output_));
  }
  void expect_taken(const StepFile& file) {
    file.write(input_);
    const ToolRun result = run();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(std::filesystem::exists(output_));
    std::filesystem::remove(output_);
  }
  [[nodiscard]] ToolRun run(const ToolSettings& settings = {}) const {
    return run_tool({"step", "--input", input_, "--output", output_, "--platform", "reference"},
                    settings);
  }
  /// "FILE: TENSOR: expected"
  [[nodiscard]] std::string expected(const std::string& tensor) const {
    return input_ + ": " + tensor + ": expected ";
  }

  io::test::TemporaryFolder folder_;
  std::string input_ = (folder_ / "in.safetensors").string();
  std::string output_ = (folder_ / "out.safetensors").string();
  StepFile file_ = small_step();
};

bool is_optional(const std::string& name) {
  return name == "even_select" || name == "odd_select" || name == "inner_kv";
}

/// Another dtype of elements of the same size.
io::Dtype other_dtype(io::Dtype dtype) {
  switch (dtype) {
    case io::Dtype::bf16:
      return io::Dtype::f16;
    case io::Dtype::f32:
      return io::Dtype::i32;
    case io::Dtype::i32:
      return io::Dtype::u32;
    case io::Dtype::i8:
      return io::Dtype::u8;
    default:
      return io::Dtype::i8;
  }
}

TEST_F(StepInput, TheSmallStepItselfIsTaken) { expect_taken(file_); }

TEST_F(StepInput, EachTensorMustBeThereUnlessItIsOptional) {
  for (const OwnTensor& tensor : small_step().tensors) {
    StepFile file = small_step();
    file.remove(tensor.name);
    if (is_optional(tensor.name)) {
      expect_taken(file);
    } else {
      expect_refused(file, expected(tensor.name));
    }
  }
}

TEST_F(StepInput, EachTensorMustHaveItsDtype) {
  for (const OwnTensor& tensor : small_step().tensors) {
    StepFile file = small_step();
    file[tensor.name].dtype = other_dtype(tensor.dtype);
    expect_refused(file, expected(tensor.name) + std::string(io::dtype_name(tensor.dtype)));
  }
}

TEST_F(StepInput, EachTensorMustHaveItsNumberOfDimensions) {
  for (const OwnTensor& tensor : small_step().tensors) {
    StepFile file = small_step();
    file[tensor.name].shape.insert(file[tensor.name].shape.begin(), 1);
    expect_refused(file, expected(tensor.name));
    if (tensor.shape.empty()) continue;
    file[tensor.name].shape = {static_cast<std::int64_t>(tensor.bytes.size()) * 8 /
                               io::bits_of(tensor.dtype)};
    if (tensor.shape.size() > 1) expect_refused(file, expected(tensor.name));
  }
}

TEST_F(StepInput, EachDimensionOfEachTensorMustFitTheOthers) {
  for (const OwnTensor& tensor : small_step().tensors) {
    for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      for (const std::int64_t change : {-1, 1}) {
        StepFile file = small_step();
        std::vector<std::int64_t> shape = tensor.shape;
        shape[axis] += change;
        file[tensor.name].reshape(shape);
        SCOPED_TRACE(tensor.name + " axis " + std::to_string(axis));
        if (tensor.name == "idx_kv_cache" && axis == 1) {
          expect_taken(file);  // any number of rows that holds the visible ones
        } else {
          expect_refused(file, ": expected ");
        }
      }
    }
  }
}

TEST_F(StepInput, NoDimensionMayBeZero) {
  for (const OwnTensor& tensor : small_step().tensors) {
    for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      StepFile file = small_step();
      std::vector<std::int64_t> shape = tensor.shape;
      shape[axis] = 0;
      file[tensor.name].reshape(shape);
      SCOPED_TRACE(tensor.name + " axis " + std::to_string(axis));
      expect_refused(file, ": expected ");
    }
  }
}

TEST_F(StepInput, NoSequencesOrNoTokensAreRefusedEvenIfAllTensorsAgree) {
  for (const std::size_t axis : {std::size_t{0}, std::size_t{1}}) {
    StepFile file = small_step();
    file["x"].shape[axis] = 0;
    file["inner_kv"].shape[axis] = 0;
    for (const char* name : {"qr", "qr_scale"}) file[name].shape[0] = 0;
    if (axis == 0) {
      for (const char* name : {"inner_kv_state", "inner_score_state", "idx_kv_cache"}) {
        file[name].shape[0] = 0;
      }
    }
    for (OwnTensor& tensor : file.tensors) tensor.reshape(tensor.shape);
    expect_refused(file, "x: ");
  }
}

TEST_F(StepInput, ThePositionMustBeOneThatTheCacheHolds) {
  file_["start_pos"].set<std::int32_t>(0, -1);
  expect_refused(file_, input_ + ": start_pos: expected 0 to 49, found -1");
  file_["start_pos"].set<std::int32_t>(0, 50);  // (50 + 2) / 4 = 13 rows, of 12
  expect_refused(file_, "start_pos: expected 0 to 49, found 50");
  file_["start_pos"].set<std::int32_t>(0, std::numeric_limits<std::int32_t>::max());
  expect_refused(file_, "start_pos: ");
  file_["start_pos"].set<std::int32_t>(0, 49);
  expect_taken(file_);
  file_["start_pos"].set<std::int32_t>(0, 0);
  expect_taken(file_);
}

TEST_F(StepInput, TheOffsetMustLeaveRowsWithin32Bits) {
  file_["offset"].set<std::int32_t>(0, -1);
  expect_refused(file_, "offset: ");
  file_["offset"].set<std::int32_t>(0, std::numeric_limits<std::int32_t>::max());
  expect_refused(file_, "offset: ");
  file_["offset"].set<std::int32_t>(0, 0);
  expect_taken(file_);
}

TEST_F(StepInput, TopkMustBeAWholePositiveNumber) {
  for (const char* text : {"0", "-1", "abc", "", " 5", "5 ", "5.0", "+5", "0x5", "5k", "2147483648",
                           "99999999999999999999", "nan", "line\nbreak"}) {
    file_.metadata["topk"] = text;
    expect_refused(file_, "metadata topk: expected a whole number from 1 to 2147483647, found '");
  }
  for (const char* text : {"1", "8", "2147483647", "007"}) {
    file_.metadata["topk"] = text;
    expect_taken(file_);
  }
  file_.metadata.erase("topk");
  expect_taken(file_);
}

TEST_F(StepInput, AFileThatIsNoneOrIsCutShortIsRefused) {
  expect_input_refused(input_ + ": ");  // there is none
  write_text(input_, "");
  expect_input_refused(input_ + ": ");
  write_text(input_, "not a safetensors file at all, but long enough to have a length");
  expect_input_refused(input_ + ": ");
  file_.write(input_);
  const std::string whole = io::test::read_text(input_);
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{8}, std::size_t{100}, whole.size() / 2, whole.size() - 1}) {
    write_text(input_, whole.substr(0, bytes));
    expect_input_refused(input_ + ": ");
  }
  write_text(input_, whole + "x");
  expect_input_refused(input_ + ": ");
}

TEST_F(StepInput, AFolderOrAnUnreadableFileIsRefused) {
  std::filesystem::create_directory(input_);
  expect_input_refused("found a directory");
  std::filesystem::remove(input_);
  file_.write(input_);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms::all);
  std::filesystem::permissions(input_, std::filesystem::perms::none);
  expect_refusal(run({.environment = {}, .unprivileged = true, .stdout_path = {}}), kWrongInput,
                 "Permission denied");
  EXPECT_FALSE(std::filesystem::exists(output_));
}

TEST_F(StepInput, ACacheWhoseSizeOverflowsIsRefused) {
  file_.write(input_);
  std::string text = io::test::read_text(input_);
  for (const std::string rows :
       {"2305843009213693952", "9223372036854775807", "72057594037927936"}) {
    std::string header = text.substr(8, text.find("}}", 8) - 6);
    const std::string shape = "[2,12,128]";
    header.replace(header.find(shape), shape.size(), "[2," + rows + ",128]");
    write_text(input_, framed(header, text.substr(text.size() - 1000)));
    expect_input_refused(input_ + ": ");
  }
}

TEST_F(StepInput, AnotherSelectionThanEvenAndOddIsRefused) {
  for (const auto& [name, other] : {std::pair("even_select", 1), std::pair("odd_select", 0)}) {
    StepFile file = small_step();
    file.remove(name);
    file.add(name, {64, 32}, selection_matrix(other));
    expect_refused(file, input_ + ": " + name + ": expected ");
    file = small_step();
    file[name].set(0, to_bf16(std::numeric_limits<float>::quiet_NaN()));
    expect_refused(file, input_ + ": " + name + ": expected ");
  }
}

template <class T>
T from_float(float value);
template <>
float from_float<float>(float value) {
  return value;
}
template <>
Bf16 from_float<Bf16>(float value) {
  return to_bf16(value);
}

template <class T>
void set_element(OwnTensor& tensor, std::size_t index, float value) {
  tensor.set(index, from_float<T>(value));
}

TEST_F(StepInput, WeightsAnglesAndNormsMustBeFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char* name : {"wq_b_scale", "weights_proj", "cos", "sin", "hadamard", "inner_wkv",
                           "inner_wgate", "inner_ape", "inner_norm_w"}) {
    for (const float value : {nan, kInfinity, -kInfinity}) {
      StepFile file = small_step();
      OwnTensor& tensor = file[name];
      const bool bf16 = tensor.dtype == io::Dtype::bf16;
      (bf16 ? set_element<Bf16> : set_element<float>)(tensor, 17, value);
      expect_refused(file, expected(name) + "finite values, found NaN or infinity at [");
    }
  }
}

TEST_F(StepInput, NonFiniteActivationsStatesAndRowsFlow) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char* name :
       {"x", "qr_scale", "inner_kv", "inner_kv_state", "inner_score_state", "idx_kv_cache"}) {
    for (const float value : {nan, kInfinity, -kInfinity}) {
      SCOPED_TRACE(name);
      StepFile file = small_step();
      OwnTensor& tensor = file[name];
      const bool bf16 = tensor.dtype == io::Dtype::bf16;
      (bf16 ? set_element<Bf16> : set_element<float>)(tensor, 1, value);
      expect_taken(file);
    }
  }
}

TEST_F(StepInput, TensorsAndMetadataThatNobodyKnowsAreIgnored) {
  file_.add("comment", {3}, std::vector<std::int8_t>{1, 2, 3});
  file_.metadata["author"] = "somebody";
  expect_taken(file_);
}

}  // namespace
}  // namespace fulgurite::app::test

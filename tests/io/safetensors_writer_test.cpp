#include "io/safetensors_writer.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "files.hpp"

namespace fulgurite::io {
namespace {

using test::bytes_of;

/// A file's content, with the bytes that its tensors view.
struct Content {
  std::vector<std::string> data;
  std::vector<Tensor> tensors;
  Metadata metadata;
};

/// Up to 6 tensors of random names, dtypes and shapes (empty and scalar too), random bytes.
Content random_content() {
  Content content;
  const auto names = *rc::gen::unique<std::vector<std::string>>(
      rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127)));
  const std::size_t count = std::min<std::size_t>(names.size(), 6);
  content.data.reserve(count);
  for (std::size_t at = 0; at < count; ++at) {
    const auto dtypes = all_dtypes();
    Tensor tensor;
    tensor.name = names[at];
    tensor.dtype = dtypes[*rc::gen::inRange<std::size_t>(0, dtypes.size())];
    tensor.shape = *rc::gen::resize(
        4, rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 5)));
    if (bits_of(tensor.dtype) % 8 != 0) tensor.shape.push_back(4);
    const auto size = tensor_bytes(tensor.dtype, tensor.shape);
    RC_ASSERT(size.has_value());
    content.data.push_back(*rc::gen::container<std::string>(static_cast<std::size_t>(*size),
                                                            rc::gen::arbitrary<char>()));
    tensor.bytes = bytes_of(content.data.back());
    content.tensors.push_back(tensor);
  }
  const auto text = rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
  for (auto& [key, value] : *rc::gen::container<std::vector<std::pair<std::string, std::string>>>(
           rc::gen::pair(text, text))) {
    content.metadata[key] = value;
  }
  return content;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape &&
         std::ranges::equal(a.bytes, b.bytes);
}

RC_GTEST_PROP(SafetensorsWriter, WhatIsWrittenIsRead, ()) {
  const Content content = random_content();
  const test::TemporaryFolder folder;
  write_safetensors(folder / "a", content.tensors, content.metadata);
  const SafetensorsFile file = SafetensorsFile::open(folder / "a");
  RC_ASSERT(std::ranges::equal(file.tensors(), content.tensors, same));
  RC_ASSERT(file.metadata() == content.metadata);
  RC_ASSERT(folder.files() == 1U);
  write_safetensors(folder / "b", file.tensors(), file.metadata());
  RC_ASSERT(test::read_text(folder / "a") == test::read_text(folder / "b"));
}

RC_GTEST_PROP(SafetensorsWriter, EveryTensorIsAligned, ()) {
  const Content content = random_content();
  const test::TemporaryFolder folder;
  write_safetensors(folder / "a", content.tensors, content.metadata);
  const SafetensorsFile file = SafetensorsFile::open(folder / "a");
  for (const Tensor& tensor : file.tensors()) {
    const auto address = reinterpret_cast<std::uintptr_t>(tensor.bytes.data());
    const auto alignment = static_cast<std::uintptr_t>(std::max(bits_of(tensor.dtype) / 8, 1));
    RC_ASSERT(tensor.bytes.empty() || address % alignment == 0U);
  }
}

RC_GTEST_PROP(SafetensorsWriter, AFileWithOneByteChangedIsReadOrRefusedButNeverMore, ()) {
  const Content content = random_content();
  std::string text = safetensors_preamble("f", content.tensors, content.metadata);
  for (const std::size_t at : data_order(content.tensors)) text += content.data[at];
  text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
  text.resize(*rc::gen::inRange<std::size_t>(0, text.size() + 1));
  try {
    const SafetensorsFile file = SafetensorsFile::parse("f", bytes_of(text));
    std::size_t bytes = 0;
    for (const Tensor& tensor : file.tensors()) bytes += tensor.bytes.size();
    RC_ASSERT(bytes < text.size());
  } catch (const Error& error) {
    RC_ASSERT(error.kind() == ErrorKind::input);
  }
}

TEST(SafetensorsWriter, TheBytesAreTheseAndNoOthers) {
  const std::array<std::uint8_t, 3> small{1, 2, 3};
  const std::array<float, 1> large{1.0F};
  const std::array tensors{
      Tensor{"s\"\n\u00e9", Dtype::u8, {3}, std::as_bytes(std::span(small))},
      Tensor{"l", Dtype::f32, {}, std::as_bytes(std::span(large))},
  };
  const test::TemporaryFolder folder;
  write_safetensors(folder / "f", tensors, {{"topk", "4"}, {"a", "b"}});
  std::string header = R"({"__metadata__":{"a":"b","topk":"4"},)"
                       "\"s\\\"\\n\u00e9\""
                       R"(:{"dtype":"U8","shape":[3],"data_offsets":[4,7]},)"
                       R"("l":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(test::read_text(folder / "f"),
            test::framed(header, std::string_view("\0\0\x80\x3f\1\2\3", 7)));
  write_safetensors(folder / "f", {});
  EXPECT_EQ(test::read_text(folder / "f"), test::framed("{}      "));
}

TEST(SafetensorsWriter, WhatWouldBeNoSafetensorsFileIsRefusedBeforeAnythingIsWritten) {
  const test::TemporaryFolder folder;
  const std::string four = "data";
  const auto tensor = [&](const std::string& name, std::vector<std::int64_t> shape) {
    return Tensor{name, Dtype::u8, std::move(shape), bytes_of(four)};
  };
  const auto refusal = [&](const std::vector<Tensor>& tensors, const Metadata& metadata = {}) {
    const std::string text = test::error_text(
        ErrorKind::usage, [&] { write_safetensors(folder / "f", tensors, metadata); });
    return text.substr(std::min(text.size(), (folder / "f: ").string().size()));
  };
  const std::string names =
      "expected tensors of different names, none of them __metadata__, found ";
  EXPECT_EQ(refusal({tensor("a", {4}), tensor("a", {4})}), names + "'a'");
  EXPECT_EQ(refusal({tensor("__metadata__", {4})}), names + "'__metadata__'");
  EXPECT_EQ(refusal({tensor("a", {5})}),
            "tensor 'a': expected the bytes of its dtype and shape, found 4");
  EXPECT_NE(refusal({tensor("a", {-4})}), "");
  EXPECT_NE(refusal({tensor("a", {4, 1LL << 62, 1LL << 62})}), "");
  EXPECT_EQ(refusal({tensor("\xff", {4})}), "tensor name: expected UTF-8, found other bytes");
  EXPECT_EQ(refusal({}, {{"k", "\xc3"}}), "metadata: expected UTF-8, found other bytes");
  EXPECT_EQ(refusal({}, {{"k", std::string(100'000'000, 'x')}}).substr(0, 48),
            "expected a header of at most 100000000 bytes, fo");
  EXPECT_EQ(folder.files(), 0);
}

TEST(SafetensorsWriter, AFileMayBeReplacedWhileItsTensorsAreRead) {
  const test::TemporaryFolder folder;
  std::vector<std::int32_t> values(100'000);
  std::iota(values.begin(), values.end(), -5);
  write_safetensors(
      folder / "f",
      std::array{Tensor{"v", Dtype::i32, {100'000}, std::as_bytes(std::span(values))}});
  const SafetensorsFile file = SafetensorsFile::open(folder / "f");
  const std::string before = test::read_text(folder / "f");
  write_safetensors(folder / "f", file.tensors(), file.metadata());
  EXPECT_TRUE(test::read_text(folder / "f") == before);
  EXPECT_EQ(file.typed<std::int32_t>("v").span()[7], 2);
}

}  // namespace
}  // namespace fulgurite::io

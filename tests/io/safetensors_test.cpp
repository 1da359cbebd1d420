#include "io/safetensors.hpp"

#include <gtest/gtest.h>

#include <array>

#include "files.hpp"
#include "io/safetensors_writer.hpp"

namespace fulgurite::io {
namespace {

using test::error_text;
using test::framed;

SafetensorsFile parse(const std::string& text) {
  return SafetensorsFile::parse("m.safetensors", test::bytes_of(text));
}

TEST(Safetensors, AFileInMemoryGivesNamesDtypesShapesBytesAndMetadata) {
  const std::string text = framed(R"({"b":{"dtype":"I16","shape":[2],"data_offsets":[4,8]},)"
                                  R"("__metadata__":{"topk":"512","who":"caf\u00e9"},)"
                                  R"("a":{"data_offsets":[0,4],"shape":[],"dtype":"F32"}}  )",
                                  std::string_view("\0\0\x80\x3f\1\0\2\0", 8));
  const SafetensorsFile file = parse(text);
  ASSERT_EQ(file.tensors().size(), 2);
  EXPECT_EQ(file.tensors()[0].name, "b");
  EXPECT_EQ(file.tensors()[0].dtype, Dtype::i16);
  EXPECT_EQ(file.tensors()[0].shape, std::vector<std::int64_t>{2});
  EXPECT_EQ(file.scalar<float>("a"), 1.0F);
  const auto b = file.typed<std::int16_t>("b");
  EXPECT_EQ(std::vector(b.span().begin(), b.span().end()), (std::vector<std::int16_t>{1, 2}));
  EXPECT_EQ(file.metadata(), (Metadata{{"topk", "512"}, {"who", "caf\u00e9"}}));
  EXPECT_EQ(file.find("c"), nullptr);
}

TEST(Safetensors, AFileWithoutTensorsIsLegal) {
  EXPECT_TRUE(parse(framed("{}")).tensors().empty());
  EXPECT_TRUE(parse(framed(R"({"__metadata__":{}})")).tensors().empty());
}

TEST(Safetensors, EmptyTensorsMayLieBetweenOthersAndKeepTheirShape) {
  const std::string text = framed(R"({"e":{"dtype":"F64","shape":[3,0],"data_offsets":[1,1]},)"
                                  R"("x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                  R"("f":{"dtype":"F64","shape":[0],"data_offsets":[0,0]},)"
                                  R"("y":{"dtype":"I8","shape":[1,1],"data_offsets":[1,2]}})",
                                  "ab");
  const SafetensorsFile file = parse(text);
  EXPECT_EQ(file.at("e").shape, (std::vector<std::int64_t>{3, 0}));
  EXPECT_EQ(file.typed<double>("e").size(), 0);
  EXPECT_EQ(file.typed<std::uint8_t>("x").span()[0], 'a');
}

TEST(Safetensors, AlignedElementsAreSeenInPlaceAndMisalignedOnesAreCopied) {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::string header = R"({"x":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}})";
    header.resize(header.size() + shift, ' ');
    const std::array<double, 2> values{-0.5, 1e300};
    std::string data(16, '\0');
    std::memcpy(data.data(), values.data(), 16);
    const std::string text = framed(header, data);
    const SafetensorsFile file = parse(text);
    const auto typed = file.typed<double>("x");
    EXPECT_EQ(std::vector(typed.span().begin(), typed.span().end()),
              std::vector(values.begin(), values.end()));
    const auto address = reinterpret_cast<std::uintptr_t>(file.at("x").bytes.data());
    EXPECT_EQ(typed.is_copy(), address % alignof(double) != 0) << shift;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(typed.data()) % alignof(double), 0);
  }
}

TEST(Safetensors, TensorsStayValidWhenTheFileIsMoved) {
  const test::TemporaryFolder folder;
  const std::array<std::int32_t, 2> values{7, -7};
  write_safetensors(folder / "x",
                    std::array{Tensor{"v", Dtype::i32, {2}, std::as_bytes(std::span(values))}});
  SafetensorsFile first = SafetensorsFile::open(folder / "x");
  const SafetensorsFile second = std::move(first);
  EXPECT_EQ(second.typed<std::int32_t>("v").span()[1], -7);
  EXPECT_NE(second.find("v"), nullptr);
}

TEST(Safetensors, AnExpectationThatFailsNamesFileTensorAndBoth) {
  const std::string text =
      framed(R"({"v":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]}})", "ab");
  const SafetensorsFile file = parse(text);
  const auto text_of = [](auto action) { return error_text(ErrorKind::input, action); };
  EXPECT_EQ(text_of([&] { static_cast<void>(file.at("w")); }),
            "m.safetensors: tensor 'w' is missing");
  EXPECT_EQ(text_of([&] { static_cast<void>(file.typed<float>("v")); }),
            "m.safetensors: tensor 'v': expected dtype F32, found U8");
  EXPECT_EQ(text_of([&] { static_cast<void>(file.typed<Bool8>("v")); }),
            "m.safetensors: tensor 'v': expected dtype BOOL, found U8");
  EXPECT_EQ(text_of([&] {
              static_cast<void>(file.typed<std::uint8_t>("v", std::array<std::int64_t, 1>{2}));
            }),
            "m.safetensors: tensor 'v': expected shape [2], found [2,1]");
  EXPECT_EQ(text_of([&] { static_cast<void>(file.scalar<std::uint8_t>("v")); }),
            "m.safetensors: tensor 'v': expected shape [], found [2,1]");
}

}  // namespace
}  // namespace fulgurite::io

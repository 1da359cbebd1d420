#include "io/safetensors_header.hpp"

#include <gtest/gtest.h>

#include "files.hpp"

namespace fulgurite::io {
namespace {

using test::framed;

/// What follows "f: " in the error of a file of these bytes.
std::string header_refusal(std::string_view file_bytes) {
  const std::string text =
      test::error_text(ErrorKind::input, [&] { parse_header("f", test::bytes_of(file_bytes)); });
  EXPECT_EQ(text.substr(0, 3), "f: ");
  return text.size() < 3 ? text : text.substr(3);
}

/// The same for a file of one tensor "t", given its object's fields, and four bytes of data.
std::string tensor_refusal(std::string_view fields) {
  return header_refusal(framed("{\"t\":{" + std::string(fields) + "}}", "data"));
}

std::string length_only(std::uint64_t length, std::string_view rest = "") {
  std::string text;
  for (unsigned byte = 0; byte < 8; ++byte) text += static_cast<char>(length >> (8 * byte) & 0xff);
  return text + std::string(rest);
}

TEST(SafetensorsHeader, AFileTooShortForALengthIsRefused) {
  EXPECT_EQ(header_refusal(""), "expected the 8 bytes of a header length, found a file of 0 bytes");
  EXPECT_EQ(header_refusal("1234567"),
            "expected the 8 bytes of a header length, found a file of 7 bytes");
}

TEST(SafetensorsHeader, ALengthThatCannotBeIsRefused) {
  EXPECT_EQ(header_refusal(length_only(0)),
            "expected a header length of 1 to 100000000 bytes, found 0");
  EXPECT_EQ(header_refusal(length_only(100'000'001, "{}")),
            "expected a header length of 1 to 100000000 bytes, found 100000001");
  EXPECT_EQ(header_refusal(length_only(~std::uint64_t{0}, "{}")),
            "expected a header length of 1 to 100000000 bytes, found 18446744073709551615");
  EXPECT_EQ(header_refusal(length_only(3, "{}")), "expected a header of 3 bytes, found only 2");
  EXPECT_EQ(header_refusal(length_only(100'000'000)),
            "expected a header of 100000000 bytes, found only 0");
}

TEST(SafetensorsHeader, TextThatIsNoJsonObjectInUtf8IsRefused) {
  EXPECT_EQ(header_refusal(framed(" {}")), "expected a header that starts with '{', found ' '");
  EXPECT_EQ(header_refusal(framed("[]")), "expected a header that starts with '{', found '['");
  EXPECT_EQ(header_refusal(framed("\n")), "expected a header that starts with '{', found '\\x0a'");
  EXPECT_EQ(header_refusal(framed("\xef\xbb\xbf{}")).substr(0, 40),
            "expected a header that starts with '{', ");
  EXPECT_EQ(header_refusal(framed("{\"\xff\":1}")),
            "expected a header in UTF-8, found other bytes at byte 2");
  EXPECT_EQ(header_refusal(framed(std::string_view("{}\0", 3))),
            "expected a header in JSON, found a zero byte at byte 2");
  for (const char* text : {"{", "{}x", "{} {}", "{\"a\"}", "{,}", "{\"a\":", "{'a':1}", "{}//",
                           "{\"\\ud800\":{}}", "{\"a\x01\":{}}", "{\"t\":-}", "{\"t\":nan}"}) {
    EXPECT_EQ(header_refusal(framed(text)).substr(0, 46),
              "expected a header in JSON, found an error at i")
        << text;
  }
}

TEST(SafetensorsHeader, AKeyThatComesTwiceIsRefusedInEveryObject) {
  const std::string tensor = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_EQ(header_refusal(framed("{\"a\":" + tensor + ",\"\\u0061\":" + tensor + "}")),
            "tensor 'a': expected one entry, found a second");
  EXPECT_EQ(header_refusal(framed(R"({"__metadata__":{},"__metadata__":{}})")),
            "metadata: expected one entry, found a second");
  EXPECT_EQ(header_refusal(framed(R"({"__metadata__":{"k":"1","k":"1"}})")),
            "metadata 'k': expected one value, found a second");
  EXPECT_EQ(tensor_refusal(R"("dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4])"),
            "tensor 't': expected one field dtype, found a second");
  EXPECT_EQ(tensor_refusal(R"("dtype":"U8","shape":[4],"shape":[4],"data_offsets":[0,4])"),
            "tensor 't': expected one field shape, found a second");
  EXPECT_EQ(tensor_refusal(R"("dtype":"U8","data_offsets":[0,4],"data_offsets":[0,4])"),
            "tensor 't': expected one field data_offsets, found a second");
}

TEST(SafetensorsHeader, FieldsThatAreMissingUnknownOrOfTheWrongTypeAreRefused) {
  const std::string fields = "tensor 't': expected dtype, shape and data_offsets, found ";
  EXPECT_EQ(tensor_refusal(""), fields + "no dtype");
  EXPECT_EQ(tensor_refusal(R"("dtype":"U8","data_offsets":[0,4])"), fields + "no shape");
  EXPECT_EQ(tensor_refusal(R"("dtype":"U8","shape":[4])"), fields + "no data_offsets");
  EXPECT_EQ(tensor_refusal(R"("Dtype":"U8")"), fields + "a field 'Dtype'");
  EXPECT_EQ(tensor_refusal(R"("dtype":"u8")"),
            "tensor 't': expected a dtype of the format, found 'u8'");
  EXPECT_EQ(tensor_refusal(R"("dtype":8)"), "tensor 't': expected dtype as a string, found 8");
  EXPECT_EQ(tensor_refusal(R"("dtype":["U8"])"),
            "tensor 't': expected dtype as a string, found an array");
  EXPECT_EQ(tensor_refusal(R"("shape":4)"), "tensor 't': expected shape as an array, found 4");
  EXPECT_EQ(tensor_refusal(R"("shape":"4")"),
            "tensor 't': expected shape as an array, found a string");
  EXPECT_EQ(tensor_refusal(R"("data_offsets":{})"),
            "tensor 't': expected data_offsets as an array, found an object");
  EXPECT_EQ(header_refusal(framed(R"({"t":null})")), "tensor 't': expected an object, found null");
  EXPECT_EQ(header_refusal(framed(R"({"t":["U8",[0],[0,0]]})")),
            "tensor 't': expected an object, found an array");
  EXPECT_EQ(header_refusal(framed(R"({"t":true})")), "tensor 't': expected an object, found true");
}

TEST(SafetensorsHeader, MetadataThatIsNoMapOfStringsIsRefused) {
  EXPECT_EQ(header_refusal(framed(R"({"__metadata__":null})")),
            "metadata: expected an object, found null");
  EXPECT_EQ(header_refusal(framed(R"({"__metadata__":"x"})")),
            "metadata: expected an object, found a string");
  EXPECT_EQ(header_refusal(framed(R"({"__metadata__":{"k":512}})")),
            "metadata 'k': expected a string, found 512");
  EXPECT_EQ(header_refusal(framed(R"({"__metadata__":{"k":{}}})")),
            "metadata 'k': expected a string, found an object");
  EXPECT_EQ(header_refusal(framed(R"({"__metadata__":{"k":[]}})")),
            "metadata 'k': expected a string, found an array");
  EXPECT_EQ(header_refusal(framed(R"({"__metadata__":{"k":false}})")),
            "metadata 'k': expected a string, found false");
}

TEST(SafetensorsHeader, NumbersThatAreNoSizesAreRefused) {
  const auto shape = [](std::string_view extent) {
    return tensor_refusal(R"("dtype":"U8","data_offsets":[0,4],"shape":[)" + std::string(extent) +
                          "]");
  };
  const std::string whole =
      "tensor 't': expected a shape of whole numbers from 0 to 9223372036854775807, found ";
  EXPECT_EQ(shape("-1"), whole + "-1");
  EXPECT_EQ(shape("-0"), whole + "-0");
  EXPECT_EQ(shape("4.0"), whole + "'4.0'");
  EXPECT_EQ(shape("4e0"), whole + "'4e0'");
  EXPECT_EQ(shape("\"4\""), whole + "a string");
  EXPECT_EQ(shape("[4]"), whole + "an array");
  EXPECT_EQ(shape("{}"), whole + "an object");
  EXPECT_EQ(shape("9223372036854775808"), whole + "9223372036854775808");
  EXPECT_EQ(shape("18446744073709551616"), whole + "'18446744073709551616'");
  EXPECT_NE(shape("1e999"), "");

  const auto offsets = [](std::string_view pair) {
    return tensor_refusal(R"("dtype":"U8","shape":[4],"data_offsets":[)" + std::string(pair) + "]");
  };
  const std::string two =
      "tensor 't': expected data_offsets of two whole numbers from 0 to 9223372036854775807, "
      "found ";
  EXPECT_EQ(offsets(""), two + "0 of them");
  EXPECT_EQ(offsets("4"), two + "1 of them");
  EXPECT_EQ(offsets("0,4,4"), two + "more of them");
  EXPECT_EQ(offsets("-1,3"), two + "-1");
  EXPECT_EQ(offsets("0,4.5"), two + "'4.5'");
  EXPECT_EQ(offsets("0,9223372036854775808"), two + "9223372036854775808");
  EXPECT_EQ(offsets("0,null"), two + "null");
}

TEST(SafetensorsHeader, SizesThatDoNotFitAreRefused) {
  const auto sized = [](std::string_view dtype, std::string_view shape) {
    return tensor_refusal("\"dtype\":\"" + std::string(dtype) +
                          "\",\"shape\":" + std::string(shape) + ",\"data_offsets\":[0,4]");
  };
  const std::string whole = "tensor 't': expected a size of whole bytes that fits 64 bits, found ";
  EXPECT_EQ(sized("U8", "[4294967296,4294967296]"), whole + "U8 of shape [4294967296,4294967296]");
  EXPECT_EQ(sized("F64", "[2305843009213693952]"), whole + "F64 of shape [2305843009213693952]");
  EXPECT_EQ(sized("U8", "[0,4294967296,4294967296]"),
            whole + "U8 of shape [0,4294967296,4294967296]");
  EXPECT_EQ(sized("F4", "[7]"), whole + "F4 of shape [7]");
  EXPECT_EQ(sized("U8", "[5]"),
            "tensor 't': expected 5 bytes for U8 of shape [5], found data_offsets of 4 bytes");
  EXPECT_EQ(sized("F32", "[2]"),
            "tensor 't': expected 8 bytes for F32 of shape [2], found data_offsets of 4 bytes");
}

TEST(SafetensorsHeader, OffsetsThatDoNotTileTheDataAreRefused) {
  const auto two = [](std::string_view first, std::string_view second, std::string_view data) {
    return header_refusal(framed(
        R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[)" + std::string(first) +
            R"(]},"b":{"dtype":"U8","shape":[2],"data_offsets":[)" + std::string(second) + "]}}",
        data));
  };
  EXPECT_EQ(two("0,2", "1,3", "abc"),
            "tensor 'b': expected data from byte 2, found an overlap: it begins at byte 1");
  EXPECT_EQ(two("0,2", "0,2", "ab"),
            "tensor 'b': expected data from byte 2, found an overlap: it begins at byte 0");
  EXPECT_EQ(two("3,5", "0,2", "abcde"),
            "tensor 'a': expected data from byte 2, found a gap: it begins at byte 3");
  EXPECT_EQ(two("2,4", "4,6", "abcdef"),
            "tensor 'a': expected data from byte 0, found a gap: it begins at byte 2");
  EXPECT_EQ(two("2,0", "0,2", "ab"),
            "tensor 'a': expected data_offsets that do not fall, found [2,0]");
  EXPECT_EQ(two("0,2", "2,4", "abc"),
            "tensor 'b': expected data within the file's 3 bytes of data, found an end at byte 4");
  EXPECT_EQ(two("0,2", "2,4", "abcde"), "expected 4 bytes of data after the header, found 5");
  EXPECT_EQ(header_refusal(framed("{}", "x")),
            "expected 0 bytes of data after the header, found 1");
}

TEST(SafetensorsHeader, DeepNestingIsRefusedWhereverItStands) {
  for (const char* before : {R"({"t":)", R"({"t":{"shape":)", R"({"__metadata__":{"k":)"}) {
    for (const char* open : {"[", "{\"a\":"}) {
      std::string text = before;
      for (int level = 0; level < 1'000'000; ++level) text += open;
      EXPECT_NE(header_refusal(framed(text)).find(": expected "), std::string::npos)
          << before << open;
    }
  }
}

TEST(SafetensorsHeader, MoreThan64DimensionsAreRefused) {
  const auto of_rank = [](int rank) {
    std::string text = R"({"t":{"dtype":"U8","data_offsets":[0,1],"shape":[1)";
    for (int axis = 1; axis < rank; ++axis) text += ",1";
    return framed(text + "]}}", "x");
  };
  EXPECT_EQ(parse_header("f", test::bytes_of(of_rank(64))).tensors[0].shape.size(), 64);
  EXPECT_EQ(header_refusal(of_rank(65)), "tensor 't': expected at most 64 dimensions, found more");
}

TEST(SafetensorsHeader, HostileNamesStayOnOneShortLine) {
  const std::string text =
      header_refusal(framed(R"({"a\nb\u001b[2J)" + std::string(1'000'000, 'x') + R"(":1})"));
  EXPECT_EQ(text.substr(0, 25), R"(tensor 'a\x0ab\x1b[2Jxxxx)");
  EXPECT_LT(text.size(), 250);
}

TEST(SafetensorsHeader, EveryDtypeHasItsNameAndItsSize) {
  EXPECT_EQ(all_dtypes().size(), 22);
  for (const Dtype dtype : all_dtypes()) {
    EXPECT_EQ(find_dtype(dtype_name(dtype)), dtype);
    EXPECT_EQ(tensor_bytes(dtype, std::vector<std::int64_t>{4}), bits_of(dtype) / 2);
    EXPECT_EQ(tensor_bytes(dtype, std::vector<std::int64_t>{-1}), std::nullopt);
    EXPECT_EQ(tensor_bytes(dtype, std::vector<std::int64_t>{0}), 0);
  }
  EXPECT_EQ(find_dtype(""), std::nullopt);
  EXPECT_EQ(tensor_bytes(Dtype::f6_e2m3, std::vector<std::int64_t>{3}), std::nullopt);
}

}  // namespace
}  // namespace fulgurite::io

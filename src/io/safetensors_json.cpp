#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_set>

#include "fulgurite/error.hpp"
#include "io/safetensors_header.hpp"
#include "io/text.hpp"

namespace fulgurite::io {
namespace {

/// Where in the header the parser is. Nothing legal is deeper than a tensor's arrays, so whatever
/// is nested deeper is refused as it opens, and the state is one value, not a stack.
enum class Place : std::uint8_t { outside, top, metadata, tensor, shape, offsets };

/// Takes the parser's events. Events, because a JSON document object would drop a key's first value
/// silently when the key comes twice.
class HeaderEvents {
 public:
  using Number = nlohmann::json;

  explicit HeaderEvents(std::string_view file) : file_(file) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == kMetadataKey) {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      place_ = Place::tensor;
      header_.tensors.emplace_back().name = key_;
      seen_dtype_ = seen_shape_ = seen_offsets_ = false;
    } else {
      refuse("an object");
    }
    return true;
  }

  bool key(std::string& key) {
    key_ = std::move(key);
    if (place_ == Place::top) {
      if (!names_.insert(key_).second) fail(entry() + ": expected one entry, found a second");
    } else if (place_ == Place::metadata) {
      if (!header_.metadata.emplace(key_, "").second) {
        fail(entry() + ": expected one value, found a second");
      }
    } else {
      mark_field();
    }
    return true;
  }

  bool end_object() {
    if (place_ == Place::tensor) {
      expect_field(seen_dtype_, "dtype");
      expect_field(seen_shape_, "shape");
      expect_field(seen_offsets_, "data_offsets");
    }
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ == Place::tensor && key_ == "shape") {
      place_ = Place::shape;
    } else if (place_ == Place::tensor && key_ == "data_offsets") {
      place_ = Place::offsets;
      offsets_ = 0;
    } else {
      refuse("an array");
    }
    return true;
  }

  bool end_array() {
    if (place_ == Place::offsets && offsets_ != 2) refuse(std::to_string(offsets_) + " of them");
    place_ = Place::tensor;
    return true;
  }

  bool string(std::string& value) {
    if (place_ == Place::metadata) {
      header_.metadata[key_] = std::move(value);
    } else if (place_ == Place::tensor && key_ == "dtype") {
      const auto dtype = find_dtype(value);
      if (!dtype) fail(entry() + ": expected a dtype of the format, found " + in_quotes(value));
      header_.tensors.back().dtype = *dtype;
    } else {
      refuse("a string");
    }
    return true;
  }

  bool number_unsigned(std::uint64_t value) {
    if (place_ != Place::shape && place_ != Place::offsets) refuse(std::to_string(value));
    if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
      refuse(std::to_string(value));
    }
    HeaderEntry& tensor = header_.tensors.back();
    const auto number = static_cast<std::int64_t>(value);
    if (place_ == Place::shape) {
      if (tensor.shape.size() == kMostDimensions) {
        fail(entry() + ": expected at most " + std::to_string(kMostDimensions) +
             " dimensions, found more");
      }
      tensor.shape.push_back(number);
    } else {
      if (offsets_ == 2) refuse("more of them");
      (offsets_ == 0 ? tensor.begin : tensor.end) = number;
      ++offsets_;
    }
    return true;
  }

  bool number_integer(std::int64_t value) {
    refuse(value == 0 ? std::string("-0") : std::to_string(value));
  }
  bool number_float(double, const std::string& text) { refuse(in_quotes(text)); }
  bool boolean(bool value) { refuse(value ? "true" : "false"); }
  bool null() { refuse("null"); }
  bool binary(nlohmann::json::binary_t&) { refuse("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const std::exception&) {
    fail("expected a header in JSON, found an error at its byte " + std::to_string(position));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::input, printable(file_) + ": " + what);
  }

  /// The entry that the parser is in, or about to enter.
  [[nodiscard]] std::string entry() const {
    if (place_ == Place::metadata) return "metadata " + in_quotes(key_);
    if (place_ == Place::top && key_ == kMetadataKey) return "metadata";
    return "tensor " + in_quotes(place_ == Place::top ? key_ : header_.tensors.back().name);
  }

  [[nodiscard]] std::string expected() const {
    constexpr const char* kWhole = " whole numbers from 0 to 9223372036854775807";
    switch (place_) {
      case Place::outside:
      case Place::top:
        return "an object";
      case Place::metadata:
        return "a string";
      case Place::tensor:
        return key_ == "dtype" ? "dtype as a string" : key_ + " as an array";
      case Place::shape:
        return std::string("a shape of") + kWhole;
      case Place::offsets:
        break;
    }
    return std::string("data_offsets of two") + kWhole;
  }

  [[noreturn]] void refuse(const std::string& found) const {
    fail(entry() + ": expected " + expected() + ", found " + found);
  }

  void mark_field() {
    bool* const seen = key_ == "dtype"          ? &seen_dtype_
                       : key_ == "shape"        ? &seen_shape_
                       : key_ == "data_offsets" ? &seen_offsets_
                                                : nullptr;
    if (seen == nullptr) {
      fail(entry() + ": expected dtype, shape and data_offsets, found a field " + in_quotes(key_));
    }
    if (*seen) fail(entry() + ": expected one field " + key_ + ", found a second");
    *seen = true;
  }

  void expect_field(bool seen, const std::string& field) const {
    if (!seen) fail(entry() + ": expected dtype, shape and data_offsets, found no " + field);
  }

  std::string_view file_;
  SafetensorsHeader header_;
  std::unordered_set<std::string> names_;
  Place place_ = Place::outside;
  std::string key_;
  bool seen_dtype_ = false;
  bool seen_shape_ = false;
  bool seen_offsets_ = false;
  int offsets_ = 0;
};

}  // namespace

SafetensorsHeader parse_header_json(std::string_view file, std::string_view json) {
  HeaderEvents events(file);
  nlohmann::json::sax_parse(json.begin(), json.end(), &events);
  return events.take();
}

}  // namespace fulgurite::io

// For cross_check.py: what our reader sees in a file, and what our writer makes of it.
//   safetensors_probe dump FILE         prints a JSON object; bytes are in hexadecimal
//   safetensors_probe rewrite IN OUT
// A refused file ends in its one line on stderr and exit code 3, as in the tool.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "fulgurite/error.hpp"
#include "io/safetensors_writer.hpp"

namespace {

namespace io = fulgurite::io;

std::string hexadecimal(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    text += {kDigits[value >> 4], kDigits[value & 0xf]};
  }
  return text;
}

void dump(const io::SafetensorsFile& file) {
  auto tensors = nlohmann::json::array();
  for (const io::Tensor& tensor : file.tensors()) {
    tensors.push_back({{"name", tensor.name},
                       {"dtype", io::dtype_name(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"bytes", hexadecimal(tensor.bytes)}});
  }
  const nlohmann::json all = {{"tensors", tensors}, {"metadata", file.metadata()}};
  std::printf("%s\n", all.dump().c_str());
}

int run(std::span<char* const> arguments) {
  const std::string_view verb = arguments.size() > 1 ? arguments[1] : "";
  if (verb == "dump" && arguments.size() == 3) {
    dump(io::SafetensorsFile::open(arguments[2]));
  } else if (verb == "rewrite" && arguments.size() == 4) {
    const auto file = io::SafetensorsFile::open(arguments[2]);
    io::write_safetensors(arguments[3], file.tensors(), file.metadata());
  } else {
    std::fputs("usage: safetensors_probe dump FILE | rewrite IN OUT\n", stderr);
    return 2;
  }
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return run(std::span(values, static_cast<std::size_t>(count)));
  } catch (const fulgurite::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.kind() == fulgurite::ErrorKind::input ? 3 : 4;
  }
}

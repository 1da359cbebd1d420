#include "step_output.hpp"

#include <fmt/core.h>

#include "fulgurite/error.hpp"
#include "io/text.hpp"
#include "report/text.hpp"

namespace fulgurite::app {

io::SafetensorsFile open_step_output(const std::filesystem::path& path) {
  io::SafetensorsFile file = io::SafetensorsFile::open(path);
  for (const OutputTensor& wanted : kOutputTensors) {
    if (file.find(wanted.name) != nullptr) continue;
    throw Error(ErrorKind::input,
                fmt::format("{}: {}: expected {} {}, found no tensor of that name",
                            io::printable(file.name()), wanted.name, io::dtype_name(wanted.dtype),
                            wanted.letters));
  }
  return file;
}

std::string describe(const io::Tensor& tensor) {
  return fmt::format("{} {}", io::dtype_name(tensor.dtype), report::shape_text(tensor.shape));
}

}  // namespace fulgurite::app

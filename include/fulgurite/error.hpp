#pragma once

#include <stdexcept>
#include <string>

#include "fulgurite/export.hpp"

namespace fulgurite {

/// Who can mend it.
enum class ErrorKind {
  usage,        ///< the call is wrong: an option that does not exist, an ISA this machine lacks
  input,        ///< the data is wrong: a tensor's shape, a position, a file
  unsupported,  ///< well-formed, but not something this library computes
  system,       ///< the machine said no: disk full, no memory, no permission
  internal,     ///< a fault of this library
};

/// The one exception of this library, but for std::bad_alloc where there is not even memory for its
/// sentence. `what()` names the thing, what was expected and what was found. Whoever throws either
/// has changed nothing that the caller can see.
class FULGURITE_API Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message);
  ~Error() override;

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace fulgurite

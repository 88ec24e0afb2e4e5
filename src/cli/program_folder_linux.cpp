#ifdef __linux__
#include <filesystem>

#include "verify_inputs.hpp"

namespace bringup::cli {

std::string program_folder() {
  std::error_code unknown;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", unknown);
  return unknown ? std::string() : path.parent_path().string();
}

}  // namespace bringup::cli
#endif

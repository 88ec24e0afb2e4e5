#ifdef __APPLE__
#include <mach-o/dyld.h>

#include <array>
#include <filesystem>

#include "verify_inputs.hpp"

namespace bringup::cli {

std::string program_folder() {
  std::array<char, 4096> path{};
  auto size = static_cast<std::uint32_t>(path.size());
  if (::_NSGetExecutablePath(path.data(), &size) != 0) return {};
  std::error_code unknown;
  const auto real = std::filesystem::canonical(path.data(), unknown);
  return unknown ? std::string() : real.parent_path().string();
}

}  // namespace bringup::cli
#endif

#pragma once
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace bringup::support {

// A file under tests/data, whole.
inline std::string read_data(const std::string& name) {
  std::ifstream in(std::string(BRINGUP_TEST_DATA) + "/" + name, std::ios::binary);
  if (!in) throw std::runtime_error("no test data: " + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace bringup::support

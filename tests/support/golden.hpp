#pragma once
// Exact output, kept as files under tests/output that people can read and review.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace bringup::test {

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// `text` equals tests/output/NAME byte for byte. BRINGUP_WRITE_GOLDEN=1 writes the file instead and
// fails, so that a rewritten expectation never passes unseen.
inline void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(BRINGUP_SOURCE_DIR) + "/tests/output/" + name;
  if (std::getenv("BRINGUP_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    ADD_FAILURE() << "wrote " << path << ", read it before you commit it";
    return;
  }
  EXPECT_EQ(read_text(path), text) << path;
}

}  // namespace bringup::test

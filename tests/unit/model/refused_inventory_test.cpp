// Each folder of tests/output/inventory holds an inventory that must be refused and the exact text
// of the refusal. With BRINGUP_WRITE_EXPECTED set in the environment the texts are written anew;
// read the difference before it is committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bringup/model/inventory.hpp"

namespace bringup::model {
namespace {

const std::filesystem::path cases =
    std::filesystem::path(BRINGUP_SOURCE_DIR) / "tests/output/inventory";

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(cases)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class RefusedInventory : public testing::TestWithParam<std::string> {};

TEST_P(RefusedInventory, SaysWhereAndWhatAndTheCure) {
  const std::filesystem::path folder = cases / GetParam();
  const auto fleet = load_inventory(content(folder / "input.toml"), "input.toml");
  ASSERT_FALSE(fleet) << "the inventory was accepted";
  const std::string text = render(fleet.error());
  if (std::getenv("BRINGUP_WRITE_EXPECTED") != nullptr) {
    std::ofstream(folder / "expected.txt", std::ios::binary) << text;
  }
  EXPECT_EQ(text, content(folder / "expected.txt"));
  for (const Problem& problem : fleet.error().items) {
    EXPECT_GT(problem.where.line, 0U);
    EXPECT_GT(problem.where.column, 0U);
    EXPECT_FALSE(problem.message.empty());
    EXPECT_FALSE(problem.cure.empty()) << problem.message;
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& parameter) {
  std::string name = parameter.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, RefusedInventory, testing::ValuesIn(case_names()), test_name);

TEST(RefusedInventories, AreThereInNumbers) {
  EXPECT_GE(case_names().size(), 30U);
}

}  // namespace
}  // namespace bringup::model

#include "bringup/model/canonical.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "triangle.hpp"

namespace bringup::model {
namespace {

using ::testing::HasSubstr;
using testing::loaded;
using testing::triangle;

// Loads `triangle` with one text replaced, and tells its canonical text.
std::string canonical_with(const std::string& from, const std::string& to) {
  std::string text = triangle;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return canonical(loaded(text.replace(at, from.size(), to)));
}

TEST(Canonical, ChangesWithWhatPlansDependOn) {
  const std::string same = canonical(loaded(triangle));
  EXPECT_THAT(same, HasSubstr("node 4:zeta\nhost 10:zeta.local\nuser 5:admin\n"));
  EXPECT_THAT(same, HasSubstr("address 10:10.254.0.1\n"));
  const std::vector<std::pair<std::string, std::string>> changes{
      {"zeta.local", "zeta.lan"},
      {"\"admin\"", "\"root\""},
      {"[fleet]", "[fleet]\nibv_path = \"/tmp/x\""},
      {"[fleet]", "[fleet]\npersist = true"},
      {"[fleet]", "[fleet]\naddress_pool = \"10.9.0.0/24\""},
      {"[defaults]", "[defaults]\nbecome = \"none\""},
      {"[defaults]", "[defaults]\nbecome = \"sudo-password\""},
      {"[defaults]", "[defaults]\nport = 2222"},
      {"via = \"door\"", ""},
      {"\"alpha:en3\"", "\"alpha:en4\""},
      {"\"alpha:en3\"", "\"alpha:en3\"\nb_device = \"rxe0\""},
      {"\"alpha:en3\"", "\"alpha:en3\"\nmtu = 9000"},
      {"\"alpha:en3\"", "\"alpha:en3\"\nrdma = false"},
      {"kind = \"thunderbolt5\"", "kind = \"roce-200g\""},
      {"[nodes.alpha]", "[nodes.alpha]\nrank = 0"},
      {"[[links]]",
       "[[segments]]\nname = \"e\"\nsubnet = \"10.7.0.0/24\"\n"
       "members = { mid = \"en9=10.7.0.1\" }\ngateway = \"mid\"\n[[links]]"},
  };
  for (const auto& [from, to] : changes) {
    EXPECT_NE(canonical_with(from, to), same) << to;
  }
}

TEST(Canonical, StaysTheSameForTheRest) {
  const std::string same = canonical(loaded(triangle));
  EXPECT_EQ(canonical_with("[fleet]", "# a comment\n\n[fleet]"), same);
  EXPECT_EQ(canonical_with("[nodes.alpha]", "[nodes.alpha]\ngroups = [\"x\"]"), same);
  EXPECT_EQ(canonical_with("[defaults]", "[defaults]\nidentity_file = \"~/.ssh/x\""), same);
  EXPECT_EQ(canonical_with("\"alpha:en3\"", "\"alpha:en3\"\nsubnet = \"10.254.0.0/30\""), same);
}

}  // namespace
}  // namespace bringup::model

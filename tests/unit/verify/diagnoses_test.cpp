#include "bringup/verify/diagnoses.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "bringup/verify/chain.hpp"
#include "support/golden.hpp"

namespace bringup::verify {
namespace {

TEST(Diagnoses, TheDocumentIsTheTable) {
  const std::string path = std::string(BRINGUP_SOURCE_DIR) + "/docs/diagnoses.md";
  if (std::getenv("BRINGUP_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << diagnoses_document();
    ADD_FAILURE() << "wrote " << path << ", read it before you commit it";
    return;
  }
  EXPECT_EQ(test::read_text(path), diagnoses_document());
}

TEST(Diagnoses, EachHasANameALayerAndACure) {
  std::set<std::string_view> ids;
  std::set<std::string_view> layers = {"node",       "peers",     "baseline", "neighbour",
                                       "forwarding", "isolation", "service",  "discovery"};
  for (const Layer layer : all_layers()) layers.insert(to_string(layer));
  for (const auto& row : diagnosis_rows()) {
    EXPECT_TRUE(ids.insert(row.id).second) << row.id;
    EXPECT_TRUE(layers.contains(row.layer)) << row.id;
    for (const auto text : {row.when, row.seen, row.expected, row.means, row.cure}) {
      EXPECT_FALSE(text.empty()) << row.id;
      EXPECT_LT(text.size(), 260U) << row.id;
    }
  }
  EXPECT_THROW(diagnosis_row("nonsense"), std::out_of_range);
}

// Who has Thunderbolt 4 is never sent to Recovery.
TEST(Diagnoses, SendOnlyThoseToRecoveryWhomItHelps) {
  for (const auto& row : diagnosis_rows()) {
    const bool recovery = row.cure.find("Recovery") != std::string_view::npos;
    EXPECT_EQ(recovery, row.id == "rdma-disabled" || row.id == "port-down-peer") << row.id;
  }
}

TEST(Diagnoses, FillTheirWordsInAndForgetNone) {
  const auto found = diagnose("bridge-member", "studio1", "en5", {{"bridge", "bridge0"}});
  EXPECT_EQ(found.seen, "studio1:en5 is a member of bridge0");
  EXPECT_EQ(found.expected, "en5 stands alone");
  EXPECT_EQ(found.id, "bridge-member");
  EXPECT_EQ(found.node, "studio1");
  EXPECT_EQ(found.target, "en5");
  EXPECT_FALSE(found.meaning.empty());
  EXPECT_THROW(diagnose("bridge-member", "studio1", "en5"), std::out_of_range);
  // A word that looks like a mark stays as it is.
  EXPECT_EQ(diagnose("bridge-member", "{bridge}", "en5", {{"bridge", "{node}"}}).seen,
            "{bridge}:en5 is a member of {node}");
}

}  // namespace
}  // namespace bringup::verify

#pragma once
// Inventories for the model's tests.
#include <gtest/gtest.h>

#include <string>

#include "bringup/model/inventory.hpp"

namespace bringup::model::testing {

inline Fleet loaded(const std::string& text) {
  auto fleet = load_inventory(text, "fleet.toml");
  EXPECT_TRUE(fleet) << (fleet ? "" : render(fleet.error()));
  return fleet ? *fleet : Fleet{};
}

inline const std::string triangle = R"([fleet]
name = "studio-triangle"
[defaults]
user = "admin"
[proxies.door]
host = "door.example.net"
user = "ops"
[nodes.zeta]
host = "zeta.local"
[nodes.alpha]
via = "door"
[nodes.mid]
via = ["door", "zeta"]
[[links]]
a = "zeta:en3"
b = "alpha:en3"
kind = "thunderbolt5"
[[links]]
a = "zeta:en4"
b = "mid:en3"
kind = "thunderbolt5"
)";

}  // namespace bringup::model::testing

// A collection's manifest and the files it names: never a crash, no file asked for outside OUT, and
// an anonymous twin that reads as well. Input: the manifest, a zero byte, what every file holds.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bringup/facts/anonymise.hpp"
#include "bringup/facts/collection.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace facts = bringup::facts;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\0');
  const std::string_view manifest = input.substr(0, cut);
  const std::string content(cut == std::string_view::npos ? "" : input.substr(cut + 1));
  const auto collection = facts::parse_collection(manifest, [&](const std::string& path) {
    if (path.empty() || path.front() == '/' || path.find("..") != std::string::npos) std::abort();
    return std::optional<std::string>(content);
  });
  if (!collection) return 0;
  for (const auto& node : collection->nodes) static_cast<void>(facts::facts_of(node));
  bringup::model::Fleet fleet;
  for (const auto& node : collection->nodes) {
    fleet.nodes.emplace_back();
    fleet.nodes.back().name = node.name;
    fleet.nodes.back().rank = fleet.nodes.size() - 1;
  }
  const auto twin = facts::anonymised(*collection, fleet, "key");
  if (twin.nodes.size() != collection->nodes.size()) std::abort();
  for (const auto& node : twin.nodes) static_cast<void>(facts::facts_of(node));
  return 0;
}

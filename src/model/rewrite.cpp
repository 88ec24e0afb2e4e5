#include "bringup/model/rewrite.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>

namespace bringup::model {
namespace {

// [begin, end) of the text becomes `value`.
struct Patch {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string value;
};

// toml++ counts lines and code points from 1.
std::optional<std::size_t> byte_at(std::string_view text, const toml::source_position& position) {
  std::size_t byte = 0;
  for (std::size_t line = 1; line < position.line; ++line) {
    byte = text.find('\n', byte);
    if (byte == std::string_view::npos) return std::nullopt;
    ++byte;
  }
  for (std::size_t column = 1; column < position.column; ++column) {
    if (byte >= text.size()) return std::nullopt;
    ++byte;
    while (byte < text.size() && (static_cast<unsigned char>(text[byte]) & 0xC0U) == 0x80U) ++byte;
  }
  return byte;
}

// The string that starts there, its quotes included; values of ours have no escapes in them.
std::optional<Patch> string_at(std::string_view text, const toml::node& node) {
  const auto begin = byte_at(text, node.source().begin);
  if (!begin || *begin >= text.size()) return std::nullopt;
  const char quote = text[*begin];
  if (quote != '"' && quote != '\'') return std::nullopt;
  const auto end = text.find(quote, *begin + 1);
  const auto value = node.value<std::string>();
  if (end == std::string_view::npos || !value) return std::nullopt;
  if (text.substr(*begin + 1, end - *begin - 1) != *value) return std::nullopt;
  return Patch{*begin, end + 1, {}};
}

std::string interface_of(const std::string& end) {
  return end.substr(end.find(':') + 1);
}

}  // namespace

Expected<std::string> rewrite_link_ends(std::string_view text, const std::vector<EndEdit>& edits) {
  const auto failed = [](const std::string& what) {
    return fail(ErrorCode::usage, what, "change the ends of the links by hand");
  };
  std::vector<Patch> patches;
  try {
    const toml::table document = toml::parse(text);
    const toml::array* links = document["links"].as_array();
    for (const EndEdit& edit : edits) {
      const toml::table* link =
          links == nullptr || edit.link >= links->size() ? nullptr : (*links)[edit.link].as_table();
      if (link == nullptr) return failed(fmt::format("there is no link number {}", edit.link + 1));
      for (std::size_t side = 0; side < 2; ++side) {
        const std::string key = side == 0 ? "a" : "b";
        const toml::node* node = link->get(key);
        auto patch = node == nullptr ? std::nullopt : string_at(text, *node);
        if (!patch) {
          return failed(
              fmt::format("'{}' of link number {} is not a plain string", key, edit.link + 1));
        }
        const auto old = node->value<std::string>().value_or("");
        if (old == edit.ends[side]) continue;
        patch->value = "\"" + edit.ends[side] + "\"";
        patches.push_back(*patch);
        const toml::node* device = link->get(key + "_device");
        if (device == nullptr || device->value<std::string>() != "rdma_" + interface_of(old)) {
          continue;
        }
        if (auto named = string_at(text, *device)) {
          named->value = "\"rdma_" + interface_of(edit.ends[side]) + "\"";
          patches.push_back(*named);
        }
      }
    }
  } catch (const toml::parse_error&) {
    return failed("the inventory is no TOML");
  }
  std::sort(patches.begin(), patches.end(),
            [](const Patch& a, const Patch& b) { return a.begin > b.begin; });
  std::string out(text);
  for (const Patch& patch : patches) {
    out.replace(patch.begin, patch.end - patch.begin, patch.value);
  }
  return out;
}

}  // namespace bringup::model

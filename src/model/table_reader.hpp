#pragma once
// Typed access to one TOML table that remembers which keys were asked for, so that the others can
// be refused. Includes toml++: for .cpp files only.
#include <toml++/toml.h>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector.hpp"
#include "names.hpp"

namespace bringup::model {

Spot spot_of(const toml::source_region& region);

class TableReader {
 public:
  // `label` names the table in messages: "[nodes.studio1]".
  TableReader(const toml::table& table, Spot spot, std::string label, Collector& problems);

  [[nodiscard]] const Spot& spot() const { return spot_; }
  [[nodiscard]] const std::string& label() const { return label_; }
  [[nodiscard]] bool has(std::string_view key);
  [[nodiscard]] Spot key_spot(std::string_view key) const;

  // Each tells when the value has another type; the result is unset then, as when there is none.
  std::optional<Located<std::string>> text(std::string_view key);
  std::optional<Located<std::int64_t>> integer(std::string_view key, std::int64_t lowest,
                                               std::int64_t highest);
  std::optional<Located<bool>> flag(std::string_view key);
  std::optional<Located<double>> number(std::string_view key, double lowest, double highest);
  // A string, or an array of strings.
  enum class Lone { allowed, refused };
  std::optional<std::vector<Located<std::string>>> texts(std::string_view key, Lone lone);
  // A table below this one; `shape` says how it is written, like "[fleet]".
  const toml::table* table(std::string_view key, std::string_view shape);
  // The elements of [[key]].
  std::vector<std::pair<const toml::table*, Spot>> tables(std::string_view key);

  // As text(), with a check of the names room.
  std::optional<Located<std::string>> checked(
      std::string_view key, const std::function<std::optional<Refusal>(std::string_view)>& check);

  void missing(std::string_view key, std::string_view example);
  void refuse_unknown_keys();

 private:
  const toml::node* find(std::string_view key);
  void wrong_type(const toml::node& node, std::string_view key, std::string_view wanted,
                  std::string_view example);

  const toml::table& table_;
  Spot spot_;
  std::string label_;
  Collector& problems_;
  std::vector<std::string> known_;
};

// The entries of a table in the order in which they were written; toml++ sorts them by name.
struct Entry {
  std::string name;
  Spot spot;  // of the key
  const toml::node* node;
};
std::vector<Entry> entries_in_order(const toml::table& table);

}  // namespace bringup::model

#pragma once
// The keys of each part of the inventory, read into Declared. Includes toml++: for .cpp files only.
#include "declared.hpp"
#include "table_reader.hpp"

namespace bringup::model {

void read_fleet(TableReader& root, Declared& declared, Collector& problems);
void read_hosts(TableReader& root, Declared& declared, Collector& problems);
void read_links(TableReader& root, Declared& declared, Collector& problems);
void read_segments(TableReader& root, Declared& declared, Collector& problems);

// Helpers that the parts share.
std::optional<LinkKind> read_kind(TableReader& table, Collector& problems);
std::optional<Located<Subnet>> read_subnet(TableReader& table, std::string_view key,
                                           Collector& problems);
std::optional<Located<Ipv4>> read_address(const Located<std::string>& text, Collector& problems);
Expectation read_expectation(TableReader& table);

}  // namespace bringup::model

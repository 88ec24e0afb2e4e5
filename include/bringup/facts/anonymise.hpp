#pragma once
// Collections fit for a bug report: what names people, machines or networks is replaced by
// something of the same form, the same everywhere in the collection, and different with another
// key. It cannot be turned back without the key, which is kept nowhere.
//
//   node, host and user names   node1, user1, …; domains other than .local become .example
//   MACs, UUIDs, GUIDs, serials  other digits, as many; a MAC keeps its multicast and local bits
//   IPv4                         prefix-preserving: what was in one subnet still is, network and
//                                broadcast addresses stay such, private stays private, link-local
//                                link-local, loopback and netmasks stay as they are
//   IPv6                         by prefix and interface part; an address made of a MAC follows it
//
// Interface and device names, models, versions and figures stay: they are what the report is for.
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bringup/facts/collection.hpp"
#include "bringup/model/fleet.hpp"

namespace bringup::facts {

class Anonymiser {
 public:
  // `subnets`: all that occur; their network and broadcast addresses are kept such.
  Anonymiser(std::string key, std::vector<model::Subnet> subnets);

  // Whole words, whatever their case; the first given wins.
  void name(std::string_view word, std::string replacement);

  [[nodiscard]] model::Ipv4 address(model::Ipv4 original) const;
  [[nodiscard]] model::Subnet subnet(const model::Subnet& original) const;
  // Addresses and identifiers wherever they stand in a text.
  [[nodiscard]] std::string text(std::string_view original) const;
  // The same, and names.
  [[nodiscard]] std::string words(std::string_view original) const;
  // One record of the facts script, by the rules of its format.
  [[nodiscard]] std::string record(std::string_view record, std::string_view original) const;

 private:
  [[nodiscard]] bool flips(std::uint32_t prefix, int bits) const;
  [[nodiscard]] std::string digits(std::string_view kind, std::string_view original) const;
  [[nodiscard]] std::string mac(std::string_view original) const;
  [[nodiscard]] std::string ipv6(std::string_view original) const;
  [[nodiscard]] std::string token(std::string_view original) const;
  [[nodiscard]] std::string routes(std::string_view original) const;
  [[nodiscard]] std::string profiler(std::string_view original) const;

  std::string key_;
  std::vector<model::Subnet> subnets_;
  std::map<std::string, std::string> names_;  // lower case
  mutable std::map<std::uint32_t, std::uint32_t> addresses_;
};

// The collection under other names, with the fleet's inventory. `fleet` is the one it was made of.
Collection anonymised(const Collection& collection, const model::Fleet& fleet,
                      const std::string& key);

}  // namespace bringup::facts

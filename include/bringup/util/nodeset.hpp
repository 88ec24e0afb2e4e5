#pragma once
// Sets of names in the notation of ClusterShell and pdsh: "studio[1-3,7],!studio2,@group".
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/util/error.hpp"

namespace bringup {

// No expression may name more than this, at any point of its evaluation.
inline constexpr std::size_t most_nodeset_names = 4096;
inline constexpr std::size_t longest_nodeset_text = 65536;  // bytes; longer text is refused

// The names that an expression is about.
struct NodesetUniverse {
  std::vector<std::string> names;
  std::map<std::string, std::vector<std::string>> groups;
};

// An expression is terms with operators between them, taken from left to right:
//   a,b  union      a!b  difference      a&b  intersection      a^b  in one of the two only
// A comma before another operator adds nothing ("a,!b" is "a!b"); an expression that starts with !
// or & starts from all names. Terms: name, name[1-3,07-10,20-30/2]more[a], @group, and * and ? for
// any text and any character. A range keeps the zeros of its first number.

// Every name of an expression of plain and bracketed names, in order of first appearance. Groups
// and wildcards are refused (usage): there is nothing to look them up in.
Expected<std::vector<std::string>> expand_nodeset(std::string_view text);

// The names of the universe that the expression selects, in the universe's order. Names and groups
// that are not in it, and wildcards that match nothing, are refused (usage), all in one message.
Expected<std::vector<std::string>> evaluate_nodeset(std::string_view text,
                                                    const NodesetUniverse& universe);

// The shortest plain notation: {"studio1","studio2","studio3","door"} → "door,studio[1-3]". Folds
// on the last number of each name; sorted, without duplicates; expands to the same set
// (names with characters of the notation in them are kept as they are). O(n log n).
std::string fold_nodeset(const std::vector<std::string>& names);

}  // namespace bringup

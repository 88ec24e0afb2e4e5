#pragma once
// What nodes print, stored in a folder and read from it again.
#include <string>
#include <vector>

#include "bringup/facts/collection.hpp"
#include "bringup/run/crew.hpp"

namespace bringup::run {

// One round trip to each node of the crew, which keeps the facts as gather() does. A node that
// cannot be reached stands in the collection with its error.
facts::Collection collect(Crew& crew);

// Writes the files below `folder`, which is made (0700) and must be new or empty; files are 0600.
// Fails (usage) when it has something in it, (internal) when it cannot be written.
Expected<void> write_collection(const facts::Collection& collection, const std::string& folder);

struct CollectedFacts {
  std::string node;
  Expected<facts::NodeFacts> facts;  // what could not be read is in its `problems`
};

struct Collected {
  std::string fleet;
  std::string inventory;  // TOML; of the fleet that was collected, or of its anonymous twin
  std::vector<CollectedFacts> nodes;
};

// A folder that `bringup collect` wrote, as far as its files are there. No network; no file outside
// the folder is opened, whatever the manifest names and links lead to. Fails (usage) when there is
// no manifest, (parse) when it is none.
Expected<Collected> load_collected(const std::string& folder);

}  // namespace bringup::run
